import os

from connect_api import SERVICE_URL, ConnectAPI, InvalidRequest, MalformedResponse, ServiceError, TransportError


def report(token: str) -> str:
    try:
        api = ConnectAPI(token, os.environ.get("CONNECT_API_URL", SERVICE_URL))
        types = api.list_callback_types()
    except InvalidRequest as error:
        return f"correct the program: {error}"
    except ServiceError as error:
        return f"refused, see {error.help_url}: {error}"
    except MalformedResponse as error:
        return f"not an answer of this call: {error}"
    except TransportError as error:
        return f"try again later: {error}"
    return f"{len(types)} callback types"


for token in ["response.xml", "error-007.xml", "several-errors.xml", "request.xml", "error-000.xml", "two words"]:
    print(token, "->", report(token))
