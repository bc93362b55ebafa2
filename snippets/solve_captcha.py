# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os
import sys
from pathlib import Path

from connect_api import Captcha, ConnectAPI, ServiceError

user = os.environ["CONNECT_API_USER"]
password = os.environ["CONNECT_API_PASSWORD"]

with ConnectAPI.from_environment() as api:
    challenge = api.get_captcha()
    Path("captcha.png").write_bytes(challenge.image)
    print("Open captcha.png, and type the characters that it shows:")
    captcha = Captcha(challenge.id, input().strip())
    try:
        number = api.authenticate_user(user, password, captcha)
    except ServiceError as error:
        sys.exit(f"not signed in: {error}")
print(f"user number {number}")
