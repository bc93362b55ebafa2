# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from pathlib import Path

from connect_api import parse_response

# Read bytes: the XML declaration can name the encoding.
response = parse_response(Path("response.xml").read_bytes())
print(response.action)
print(response.timestamp.isoformat())
for fields in response.values:
    print(fields)
