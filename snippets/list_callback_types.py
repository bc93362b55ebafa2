import os

from connect_api import SERVICE_URL, ConnectAPI

api = ConnectAPI(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL))
for callback_type in api.list_callback_types():
    print(callback_type.id, callback_type.name)
