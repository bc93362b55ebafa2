from connect_api import ConnectAPI, ServiceError

api = ConnectAPI.from_environment()
try:
    print(api.list_callback_types())
except ServiceError as error:
    plain_http = ("009", "HTTP protocol not allowed, require HTTPS")
    if (error.code, error.message) != plain_http:
        raise
    print("Change the URL to https:// and ask for a new token: this one was exposed.")
