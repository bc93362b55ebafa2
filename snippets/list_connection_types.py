# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from connect_api import ConnectAPI

with ConnectAPI.from_environment() as api:
    for connection_type in api.list_connection_types():
        print(connection_type.id, connection_type.name)
