# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from connect_api import ConnectAPI, ServiceError

WRONG_CREDENTIALS = {
    "authentication failed (user name or password)",
    "incorrect username and/or password",
}


def sign_in(api: ConnectAPI, user: str, password: str) -> str:
    try:
        number = api.authenticate_user(user, password)
    except ServiceError as error:
        message = error.message.casefold()
        if "captcha" in message:
            return f"show a captcha: {error}"
        if message in {"not email activated", "not sms activated"}:
            return f"activate the account: {error}"
        if message in WRONG_CREDENTIALS:
            return f"ask for the password again: {error}"
        raise  # the user can't fix this error
    return f"signed in as user number {number}"


with ConnectAPI.from_environment() as api:
    print(sign_in(api, "sampleuser", "samplepass1"))
    print(sign_in(api, "newuser", "samplepass2"))
    print(sign_in(api, "otheruser", "wrongpass1"))
    print(sign_in(api, "otheruser", "wrongpass2"))
    print(sign_in(api, "otheruser", "wrongpass3"))
