# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os
import sys

from connect_api import ConnectAPI

wanted = "HTTP GET"

with ConnectAPI.from_environment() as api:
    # Ignore case: the sources write both "HTTP GET" and "HTTP Get".
    name = wanted.casefold()
    types = api.list_callback_types()
    ids = [found.id for found in types if found.name.casefold() == name]
    if len(ids) != 1:
        names = ", ".join(found.name for found in types)
        sys.exit(f"expected one callback type named {wanted}, found {len(ids)}: {names}")
    api_id = api.create_connection(
        os.environ["CONNECT_API_USER"],
        os.environ["CONNECT_API_PASSWORD"],
        callback_url=os.environ["CALLBACK_URL"],
        callback_type_id=ids[0],
        callback_username=os.environ["CALLBACK_USER"],
        callback_password=os.environ["CALLBACK_PASSWORD"],
    )
print(f"API id {api_id}")
