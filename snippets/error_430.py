from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    if (error.code, error.message) != ("430", "Unknown service request"):
        raise
    print(f"{error.message}: compare the request with the documented one.")
