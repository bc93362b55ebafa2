from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    if error.code != "009" or "HTTPS" not in error.message:
        raise
    print("Change the URL to https:// and ask for a new token: this one was exposed.")
