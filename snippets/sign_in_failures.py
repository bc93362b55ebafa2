from connect_api import Captcha, ConnectAPI, ServiceError

api = ConnectAPI.from_environment()


def sign_in(user: str, password: str, captcha: Captcha | None = None) -> str:
    try:
        number = api.authenticate_user(user, password, captcha)
    except ServiceError as error:
        if "captcha" in error.message.lower():
            return f"captcha wanted: {error}"
        if "activated" in error.message:
            return f"not activated: {error}"
        return f"wrong credentials: {error}"
    return f"signed in as user number {number}"


print(sign_in("newuser", "samplepass2"))
print(sign_in("sampleuser", "wrongpass1"))
print(sign_in("sampleuser", "wrongpass2"))
print(sign_in("sampleuser", "samplepass1"))
print(sign_in("sampleuser", "samplepass1", Captcha("12345", "abc123")))
