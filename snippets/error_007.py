from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    if (error.code, error.message) != ("007", "Command not allowed"):
        raise
    print(f"{error.message}: do not retry, ask for the command to be enabled.")
