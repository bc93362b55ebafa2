# /// script
# requires-python = ">=3.9"
# dependencies = ["requests"]
# ///
import sys

import requests

response = requests.get(
    "http://127.0.0.1:8000/xml/response.xml",
    params={"XML": "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"},
    timeout=10,
)
sys.stdout.buffer.write(response.content)
