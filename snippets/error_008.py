from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    if error.code != "008" or "Connect API" not in error.message:
        raise
    print("Do not retry any call: ask for the API to be enabled.")
    print(f"The service said: {error.message}")
