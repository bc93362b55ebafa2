# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
from connect_api import build_request

print(build_request("get_list_callback").decode())
