from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    if (error.code, error.message) != ("009", "HTTP protocol not allowed, require HTTPS"):
        raise
    print("Change the URL to https:// and ask for a new token: this one crossed the network unprotected.")
