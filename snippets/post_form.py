# /// script
# requires-python = ">=3.9"
# dependencies = ["requests"]
# ///
import os

import requests

url = os.environ.get("CONNECT_API_URL", "https://connect.clickatell.com")
token = os.environ["CONNECT_API_TOKEN"]
document = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"

response = requests.post(
    f"{url}/{token}",
    data={"XML": document},
    timeout=10,
    allow_redirects=False,  # a redirect would send the token to another URL
)
print(response.content.decode(), end="")
