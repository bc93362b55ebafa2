from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    if (error.code, error.message) != ("999", "Unknown error"):
        raise
    print("Keep time and request, call again later, then contact the support.")
