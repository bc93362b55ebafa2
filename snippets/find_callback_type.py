# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import sys

from connect_api import ConnectAPI

wanted = "SOAP POST"

with ConnectAPI.from_environment() as api:
    types = api.list_callback_types()
# Ignore case: the sources write both "SOAP POST" and "SOAP Post".
name = wanted.casefold()
ids = [found.id for found in types if found.name.casefold() == name]
if len(ids) != 1:
    sys.exit(f"expected one callback type named {wanted}, found {len(ids)}")
print(f"callback_type_id of {wanted}: {ids[0]}")
