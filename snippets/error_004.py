from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    text = error.message.lower()
    if error.code == "004" and "captcha" in text:
        print("Stop signing in: the account wants a captcha.")
    elif error.code == "004" and "address" in text:
        print("Stop calling: ask for the source address to be unblocked.")
    else:
        print(f"Stop calling and read the text: {error}")
