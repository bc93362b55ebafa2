# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "urllib3>=2.6.3", "lxml"]
# ///
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from connect_api import ConnectAPI


class GatewayRetry(Retry):
    # By default, urllib3 also retries 413 and 429 if Retry-After is set.
    RETRY_AFTER_STATUS_CODES = frozenset([503])

    def is_exhausted(self) -> bool:
        # By default, urllib3 repeats a POST if TLS fails halfway.
        posted = any(attempt.method != "GET" for attempt in self.history)
        return posted or super().is_exhausted()

    def increment(self, *args: Any, **kwargs: Any) -> Any:
        policy = super().increment(*args, **kwargs)
        if kwargs.get("response"):
            # By default, urllib3 reads the whole body, regardless of its size.
            kwargs["response"].close()
        return policy


policy = GatewayRetry(
    total=3,
    backoff_factor=0.5,
    allowed_methods=["GET"],
    status_forcelist=[502, 503, 504],
    raise_on_status=False,
    retry_after_max=60,
)
session = requests.Session()
session.mount("https://", HTTPAdapter(max_retries=policy))

if __name__ == "__main__":
    with ConnectAPI.from_environment(session, timeout=5) as api:
        for callback_type in api.list_callback_types():
            print(callback_type.id, callback_type.name)
