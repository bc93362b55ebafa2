from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from connect_api import ConnectAPI


class RetryFaultsOfServers(Retry):
    # Else urllib3 retries statuses 413 and 429 too if they say Retry-After.
    RETRY_AFTER_STATUS_CODES = frozenset([503])

    def is_exhausted(self) -> bool:
        # Else urllib3 sends a POST again if TLS breaks off.
        posted = any(past.method != "GET" for past in self.history)
        return posted or super().is_exhausted()

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        policy = super().increment(*args, **kwargs)
        if response := kwargs.get("response"):
            response.close()  # else urllib3 reads its body, however long it is
        return policy


policy = RetryFaultsOfServers(
    total=3,
    backoff_factor=0.5,
    allowed_methods=["GET"],
    status_forcelist=[502, 503, 504],
    raise_on_status=False,
    retry_after_max=60,
)
session = requests.Session()
session.mount("https://", HTTPAdapter(max_retries=policy))
for found in ConnectAPI.from_environment(session).list_callback_types():
    print(found.id, found.name)
