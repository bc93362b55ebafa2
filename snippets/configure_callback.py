import os
import sys

from connect_api import ConnectAPI

wanted = "HTTP GET"

api = ConnectAPI.from_environment()
ids = [found.id for found in api.list_callback_types() if found.name == wanted]
if len(ids) != 1:
    sys.exit(f"{len(ids)} callback types are named {wanted}")
api_id = api.create_connection(
    os.environ["CONNECT_API_USER"],
    os.environ["CONNECT_API_PASSWORD"],
    callback_url=os.environ["CALLBACK_URL"],
    callback_type_id=ids[0],
    callback_username=os.environ["CALLBACK_USER"],
    callback_password=os.environ["CALLBACK_PASSWORD"],
)
print(f"API id {api_id}")
