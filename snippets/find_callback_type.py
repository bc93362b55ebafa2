import sys

from connect_api import ConnectAPI

wanted = "SOAP POST"

types = ConnectAPI.from_environment().list_callback_types()
ids = [found.id for found in types if found.name == wanted]
if len(ids) != 1:
    sys.exit(f"{len(ids)} callback types are named {wanted}")
print(f"callback_type_id of {wanted}: {ids[0]}")
