# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from connect_api import ConnectAPI, ServiceError

with ConnectAPI.from_environment() as api:
    try:
        print(api.list_callback_types())
    except ServiceError as error:
        # Error 004 has two meanings, so decide by the message.
        text = error.message.casefold()
        if error.code == "004" and "captcha" in text:
            print("Stop signing in and solve a captcha.")
        elif error.code == "004" and "address" in text:
            print("Stop calling and ask Clickatell to unblock your address.")
        else:
            print(f"Stop calling and look up the error: {error}")
