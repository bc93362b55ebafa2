import os
import sys

import requests
from lxml import etree

url = os.environ.get("CONNECT_API_URL", "https://connect.clickatell.com")
token = os.environ["CONNECT_API_TOKEN"]
document = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"

response = requests.get(
    f"{url}/{token}",
    params={"XML": document},
    timeout=10,
    allow_redirects=False,
)
parser = etree.XMLParser(resolve_entities=False, no_network=True)
answer = etree.fromstring(response.content, parser)

if answer.findtext("Result") != "Success":
    sys.exit(f"{answer.findtext('Error')}: {answer.findtext('Description')}")
for value in answer.iterfind("Values/Value"):
    print(value.findtext("callback_type_id"), value.findtext("callback_type"))
