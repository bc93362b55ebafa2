# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from connect_api import ConnectAPI, ServiceError

with ConnectAPI.from_environment() as api:
    try:
        print(api.list_callback_types())
    except ServiceError as error:
        # One response can report several errors.
        for code, message in error.errors:
            print(f"error {code}: {message}")
        print(f"Look up error {error.code}: {error.help_url}")
