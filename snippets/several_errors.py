import os

from connect_api import SERVICE_URL, ConnectAPI, ServiceError

api = ConnectAPI(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL))
try:
    print(api.list_callback_types())
except ServiceError as error:
    for code, message in error.errors:
        print(code, message)
