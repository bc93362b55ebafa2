# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os

from connect_api import ConnectAPI

user = os.environ["CONNECT_API_USER"]
password = os.environ["CONNECT_API_PASSWORD"]

with ConnectAPI.from_environment() as api:
    number = api.authenticate_user(user, password)
print(f"user number {number}")
