from pathlib import Path

from connect_api import parse_response

response = parse_response(Path("response.xml").read_bytes())
print(response.action)
print(response.timestamp.isoformat())
for fields in response.values:
    print(fields)
