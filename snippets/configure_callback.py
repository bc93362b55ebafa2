import os

from connect_api import ConnectAPI

api = ConnectAPI.from_environment()
ids = {found.name: found.id for found in api.list_callback_types()}
api_id = api.create_connection(
    os.environ["CONNECT_API_USER"],
    os.environ["CONNECT_API_PASSWORD"],
    callback_url=os.environ["CALLBACK_URL"],
    callback_type_id=ids["HTTP GET"],
    callback_username=os.environ["CALLBACK_USER"],
    callback_password=os.environ["CALLBACK_PASSWORD"],
)
print(f"API id {api_id}")
