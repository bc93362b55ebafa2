# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os

from connect_api import ConnectAPI

with ConnectAPI.from_environment() as api:
    number = api.authenticate_user(
        os.environ["CONNECT_API_USER"], os.environ["CONNECT_API_PASSWORD"]
    )
print(f"user number {number}")
