import sys

from connect_api import ConnectAPI

wanted = "SOAP POST"

api = ConnectAPI.from_environment()
ids = [callback_type.id for callback_type in api.list_callback_types() if callback_type.name == wanted]
if len(ids) != 1:
    sys.exit(f"{len(ids)} callback types are named {wanted}")
print(f"callback_type_id of {wanted}: {ids[0]}")
