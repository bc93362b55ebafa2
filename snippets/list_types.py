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
method = sys.argv[1] if len(sys.argv) > 1 else "POST"
document = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"

try:
    response = requests.request(
        method,
        f"{url}/{token}",
        params={"XML": document} if method == "GET" else None,
        data={"XML": document} if method == "POST" else None,
        timeout=10,
        allow_redirects=False,  # a redirect would send the token elsewhere
    )
except requests.RequestException:  # its message contains the token
    sys.exit("The call failed: check the URL, the network and TLS.")
parser = etree.XMLParser(resolve_entities=False, no_network=True)
try:
    root = etree.fromstring(response.content, parser)
except etree.XMLSyntaxError:
    sys.exit("The response isn't XML.")
if root.findtext("Result") != "Success":
    sys.exit(f"Error {root.findtext('Error')}: {root.findtext('Description')}")
for value in root.iterfind("Values/Value"):
    print(value.findtext("callback_type_id"), value.findtext("callback_type"))
