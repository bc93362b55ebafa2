# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os

from connect_api import ConnectAPI, InvalidRequest, ServiceError

user = os.environ["CONNECT_API_USER"]
password = os.environ["CONNECT_API_PASSWORD"]

with ConnectAPI.from_environment() as api:
    try:
        api.create_connection(user, "")
    except InvalidRequest as error:
        print(f"not sent: {error}")

    try:
        api.create_connection(
            user,
            password,
            connection_id=99,
            callback_type_id=99,
        )
    except ServiceError as error:
        for code, message in error.errors:
            print(f"rejected: {code} {message}")
