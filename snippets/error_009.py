import os

from connect_api import SERVICE_URL, ConnectAPI, ServiceError

api = ConnectAPI(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL))
try:
    print(api.list_callback_types())
except ServiceError as error:
    if error.code != "009":
        raise
    print("Change the URL to https:// and ask for a new token: this one crossed the network unprotected.")
