# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os
import sys

import requests
from lxml import etree

url = os.environ.get("CONNECT_API_URL", "https://connect.clickatell.com")
token = os.environ.get("CONNECT_API_TOKEN") or sys.exit("Set CONNECT_API_TOKEN.")
document = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"

response = requests.get(
    f"{url}/{token}",
    params={"XML": document},
    timeout=10,
    allow_redirects=False,  # a redirect would send the token to another URL
)
# Parse bytes, so that lxml detects the encoding. Don't load anything from outside.
parser = etree.XMLParser(resolve_entities=False, no_network=True)
root = etree.fromstring(response.content, parser)

if root.findtext("Result") != "Success":
    sys.exit(f"{root.findtext('Error')}: {root.findtext('Description')}")
for value in root.iterfind("Values/Value"):
    print(value.findtext("callback_type_id"), value.findtext("callback_type"))
