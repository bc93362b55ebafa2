import os

from connect_api import ConnectAPI

number = ConnectAPI.from_environment().authenticate_user(
    os.environ["CONNECT_API_USER"], os.environ["CONNECT_API_PASSWORD"]
)
print(f"user number {number}")
