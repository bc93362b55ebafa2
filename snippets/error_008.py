import os

from connect_api import SERVICE_URL, ConnectAPI, ServiceError

api = ConnectAPI(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL))
try:
    print(api.list_callback_types())
except ServiceError as error:
    if error.code != "008":
        raise
    print("Do not retry any call: ask for the API to be enabled.")
    print(f"The service said: {error.message}")
