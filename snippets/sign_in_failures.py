from connect_api import Captcha, ConnectAPI, ServiceError

WRONG_CREDENTIALS = {
    "authentication failed (user name or password)",
    "incorrect username and/or password",
}
api = ConnectAPI.from_environment()


def sign_in(user: str, password: str, captcha: Captcha | None = None) -> str:
    try:
        number = api.authenticate_user(user, password, captcha)
    except ServiceError as error:
        message = error.message.lower()
        if "captcha" in message:
            return f"captcha wanted: {error}"
        if message in {"not email activated", "not sms activated"}:
            return f"not activated: {error}"
        if message in WRONG_CREDENTIALS:
            return f"wrong credentials: {error}"
        raise  # nothing that the user can mend
    return f"signed in as user number {number}"


print(sign_in("newuser", "samplepass2"))
print(sign_in("sampleuser", "wrongpass1"))
print(sign_in("sampleuser", "wrongpass2"))
print(sign_in("sampleuser", "samplepass1"))
print(sign_in("sampleuser", "samplepass1", Captcha("12345", "abc123")))
