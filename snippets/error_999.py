import os

from connect_api import SERVICE_URL, ConnectAPI, ServiceError

api = ConnectAPI(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL))
try:
    print(api.list_callback_types())
except ServiceError as error:
    if error.code != "999":
        raise
    print("Keep the time and the request, call again later, then contact the support department.")
