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
        types = ConnectAPI(token, url).list_callback_types()
    except InvalidRequest as error:
        return f"correct the program: {error}"
    except ServiceError as error:
        return f"{error}\n  see {error.help_url}"
    except MalformedResponse as error:
        return f"not an answer of this call: {error}"
    except TransportError as error:
        if error.status is None or error.status >= 500:
            return f"try again later: {error}"
        return f"check URL and token: {error}"
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
