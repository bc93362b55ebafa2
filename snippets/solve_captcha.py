# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os
from pathlib import Path

from connect_api import Captcha, ConnectAPI

with ConnectAPI.from_environment() as api:
    challenge = api.get_captcha()
    Path("captcha.png").write_bytes(challenge.image)
    print("Open captcha.png, and type the characters that it shows:")
    number = api.authenticate_user(
        os.environ["CONNECT_API_USER"],
        os.environ["CONNECT_API_PASSWORD"],
        Captcha(challenge.id, input().strip()),
    )
print(f"user number {number}")
