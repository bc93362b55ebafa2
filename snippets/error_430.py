import os

from connect_api import SERVICE_URL, ConnectAPI, ServiceError

api = ConnectAPI(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL))
try:
    print(api.list_callback_types())
except ServiceError as error:
    if error.code != "430":
        raise
    print(f"{error.message}: compare the request document with the documented one.")
