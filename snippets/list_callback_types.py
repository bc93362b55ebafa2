# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from connect_api import ConnectAPI

with ConnectAPI.from_environment() as api:
    for callback_type in api.list_callback_types():
        print(callback_type.id, callback_type.name)
