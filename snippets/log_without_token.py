# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import io
import logging
import os
import re

from connect_api import ConnectAPI


class WithoutSecrets(logging.Formatter):
    def __init__(self, *secrets: str) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self.pattern = re.compile("|".join(map(re.escape, secrets)))

    def format(self, record: logging.LogRecord) -> str:
        return self.pattern.sub("***", super().format(record))


token = os.environ["CONNECT_API_TOKEN"]
log = io.StringIO()  # in your program: a file or the console
handler = logging.StreamHandler(log)
handler.setFormatter(WithoutSecrets(token))
logging.getLogger("urllib3").addHandler(handler)
logging.getLogger("urllib3").setLevel(logging.DEBUG)

with ConnectAPI.from_environment() as api:
    api.list_callback_types()
print("request in the log:", "/***?XML=" in log.getvalue())
print("token in the log:", token in log.getvalue())
