# /// script
# requires-python = ">=3.9"
# dependencies = ["requests", "lxml"]
# ///
import os

from connect_api import (
    SERVICE_URL,
    ConnectAPI,
    InvalidRequest,
    MalformedResponse,
    ServiceError,
    TransportError,
)

url = os.environ.get("CONNECT_API_URL", SERVICE_URL)


def report(token: str) -> str:
    try:
        with ConnectAPI(token, url) as api:
            types = api.list_callback_types()
    except InvalidRequest as error:
        return f"fix the program: {error}"
    except ServiceError as error:
        return f"{error}\n  see {error.help_url}"
    except MalformedResponse as error:
        return f"save and inspect the body: {error}"
    except TransportError as error:
        # Without a status, no complete HTTP response arrived.
        if error.status is None or error.status in {502, 503, 504}:
            return f"try again later: {error}"
        return f"check the URL and the token: {error}"
    return f"{len(types)} callback types"


for token in [
    "response.xml",
    "error-007.xml",
    "several-errors.xml",
    "request.xml",
    "error-000.xml",
    "two words",
]:
    print(f"{token}\n  {report(token)}")
