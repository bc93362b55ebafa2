"""Client for `get_list_callback` and the calls around it in Clickatell's Connect API, for Python 3.9 or newer.

Independent of Clickatell, and tested against a mock, never against the live service.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):  # noqa: UP036
    raise ImportError("connect_api.py needs Python 3.9 or newer, but this is " + sys.version.split()[0])
import contextlib
import ipaddress
import os
import re
import socket
import threading
import zlib
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import requests
import urllib3
from lxml import etree
from requests import exceptions as failures

__version__ = "1.0.0"
SERVICE_URL = "https://connect.clickatell.com/"
"""The URL of the service, up to the token."""
DOCS_URL = "http://127.0.0.1:8000/"
"""The URL of the documentation site. `ServiceError.help_url` begins with it."""
MAX_BODY = 10 * 1024 * 1024
"""The largest body after decompression, in bytes. A larger body raises `TransportError`."""

_CALLBACK_TYPES = ("get_list_callback", "callback_type_id", "callback_type")
_CONNECTION_TYPES = ("get_list_connection", "connection_type_id", "connection_type")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# Only what all parsers of URLs read in the same way: no user, backslash, query, fragment, zone or empty segment.
_BASE_URL = re.compile(r"(?a)https?://([\w.-]+|\[[\w:.]+\])(:[0-9]+)?(/[\w.~!$&'()*+,;=:%-]+)*/*")
_SENDABLE = re.compile(r"[A-Za-z_]\w*=[\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*", re.ASCII)
_TOKEN = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]{8,200}")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
_PROBLEMS: list[tuple[type[Exception], str]] = [  # the first class that fits counts
    (failures.ProxyError, "could not use the proxy: check HTTPS_PROXY and session.proxies"),
    (failures.SSLError, "TLS failed: check the port, the TLS version and the certificates that this machine trusts"),
    (failures.Timeout, "no response within {} s: check the URL and the network, or pass a longer timeout"),
    (failures.InvalidSchema, "a SOCKS proxy needs one more library: run pip install requests[socks]"),
    (failures.InvalidHeader, "a header of the request or the response is invalid: check session.headers and the proxy"),
    (ValueError, "could not read the URL of the proxy: check HTTPS_PROXY and session.proxies"),
    (failures.RequestException, "could not connect, or the connection was closed early: check the URL and the network"),
    (urllib3.exceptions.HTTPError, "the body is incomplete or malformed: try again"),
    (OSError, "could not read the certificate file: check REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and session.verify"),
]


class ConnectAPIError(Exception):
    """The base class of all errors. No message or traceback contains the token, even if it shows local variables."""


class InvalidRequest(ConnectAPIError, ValueError):
    """An argument is invalid, so the client sent nothing. Fix your program."""


class ServiceError(ConnectAPIError):
    """The service responded with an error. Read `code` and `message` together, because the sources disagree on codes.

    `errors` contains all pairs of code and message, and `code` and `message` are the first pair. A code has three
    digits. A message is empty if the response doesn't contain one. `help_url` links to the section about `code`.
    """

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)
        self.code, self.message = self.errors[0]
        self.help_url = f"{DOCS_URL}callback-types/errors/#error-{self.code}"

    def __str__(self) -> str:
        return "; ".join(f"error {code}: {message}" if message else f"error {code}" for code, message in self.errors)


class MalformedResponse(ConnectAPIError):
    """The body isn't a documented response, so save and inspect it. `expected` and `found` say what is wrong."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected, self.found = expected, found

    def __str__(self) -> str:
        return f"expected {self.expected}, found {self.found[:60]}{'...' if len(self.found) > 60 else ''}"


class TransportError(ConnectAPIError):
    """The network, TLS, a proxy or HTTP failed. The message says what to do. `status` is the HTTP status, or `None`.

    A retry can help if `status` is `None`, 502, 503 or 504, unless the message says to check a setting.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class CallbackType(NamedTuple):
    """One of the ways the service can call your URL. Ignore case when you compare names, such as `HTTP GET`."""

    id: int
    name: str


class ConnectionType(NamedTuple):
    """A type of connection. Ignore case when you compare names, such as `HTTP API`."""

    id: int
    name: str


class CaptchaChallenge(NamedTuple):
    """A captcha to solve. `image` contains the bytes of a PNG file."""

    id: str
    image: bytes


class Captcha(NamedTuple):
    """A solved captcha: the `id` of its `CaptchaChallenge`, and the `code` in the picture."""

    id: str
    code: str


class Response(NamedTuple):
    """A successful response. Each item of `values` maps element names to text, and `timestamp` is in UTC."""

    action: str
    values: list[dict[str, str]]
    timestamp: datetime


class _Secret:
    """A value that doesn't appear in a traceback with local variables."""

    def __init__(self, value: Any) -> None:  # noqa: ANN401
        self.value = value

    def __repr__(self) -> str:
        return "'***'"


def build_request(action: str, **parameters: str | int) -> bytes:
    """Build the request document of a call as ASCII bytes, with one element for each parameter, in the same order.

    Raises `InvalidRequest` if XML can't contain a name or a value.
    """
    elements = {"action": _Secret(action), **{name: _Secret(parameters.pop(name)) for name in list(parameters)}}
    root = etree.Element("clickatellsdk")
    for name, secret in elements.items():
        if type(secret.value) not in (str, int) or not _SENDABLE.fullmatch(f"{name}={secret.value}"):
            raise InvalidRequest(f"can't send {name}: use a whole number, or text without control characters")
        etree.SubElement(root, name).text = str(secret.value)
    return etree.tostring(root, encoding="ascii", xml_declaration=False)


def parse_response(body: bytes) -> Response:
    """Read the body of a response to any call, as bytes, such as `response.content`.

    Raises `ServiceError` if the response contains an error code, and `MalformedResponse` if the body isn't a response.
    """
    root = _parse(body)
    result = _text(_only(root, "Result"))
    if result == "Error":
        raise ServiceError(_errors(root))
    if result != "Success":
        raise MalformedResponse("Success or Error in Result", ascii(result))
    values = []
    for value in _only(root, "Values").iterchildren("Value"):
        values.append({str(field.tag): _text(field) for field in value})
        if len(values[-1]) != len(value):
            raise MalformedResponse("each element once in Value", "one of them repeated")
    seconds = _text(_only(root, "Timestamp"))
    if not re.fullmatch("[0-9]{1,11}", seconds):
        raise MalformedResponse("seconds since 1970 in Timestamp", ascii(seconds))
    return Response(_text(_only(root, "Action")), values, _EPOCH + timedelta(seconds=int(seconds)))


def parse_callback_types(body: bytes) -> list[CallbackType]:
    """Read the body of a response to `get_list_callback`, like `parse_response`. The list can be empty."""
    return [CallbackType(int(number), name) for number, name in _rows(body, *_CALLBACK_TYPES)]


class ConnectAPI(contextlib.AbstractContextManager["ConnectAPI"]):
    """A client for the service, with one token. Use it in a `with` statement, or call `close` at the end.

    A call can raise `InvalidRequest`, `ServiceError` (with any HTTP status), `MalformedResponse` or `TransportError`.

    Args:
        token: The authentication token of your Connect API connection: 8 to 200 ASCII letters, digits and `._~-`.
        base_url: The URL up to the token. Plain HTTP works only for `localhost` and loopback addresses.
        timeout: Seconds (at most a day) to connect to each address of the host, to wait for the next bytes of the
            headers, and to read the whole body.
        session: Your own `requests.Session`. Its `auth`, `proxies` and `verify` take precedence over the environment.
    """

    def __init__(
        self, token: str, base_url: str = SERVICE_URL, timeout: float = 10, session: requests.Session | None = None
    ) -> None:
        self._token, url, self.base_url, self.timeout = _Secret(token), _Secret(base_url), SERVICE_URL, timeout
        del token, base_url
        if not isinstance(self._token.value, str) or not _TOKEN.fullmatch(self._token.value):
            raise InvalidRequest("token must be 8 to 200 ASCII letters, digits and . _ ~ -")
        if type(timeout) not in (int, float) or not 0 < timeout <= 86400:
            raise InvalidRequest("timeout must be a number of seconds above 0, and at most 86400")
        host, self._is_loopback = "", False
        with contextlib.suppress(ValueError):  # a wrong port, or a host that isn't an IP address
            if isinstance(url.value, str) and _BASE_URL.fullmatch(url.value):
                host = str(urllib3.util.parse_url(url.value).host).strip("[]")  # the parser that requests uses
                self._is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        if not host or not (self._is_loopback or url.value.startswith("https:")):
            raise InvalidRequest("base_url must start with https:// (except for loopback), without ? # @ or backslash")
        self.base_url = url.value.rstrip("/") + "/"
        self.session = session if session is not None else requests.Session()

    @classmethod
    def from_environment(cls, session: requests.Session | None = None, timeout: float = 10) -> ConnectAPI:
        """Read the token from `CONNECT_API_TOKEN` and, if it is set, `base_url` from `CONNECT_API_URL`."""
        if "CONNECT_API_TOKEN" not in os.environ:
            raise InvalidRequest("set CONNECT_API_TOKEN to the authentication token of your Connect API connection")
        return cls(os.environ["CONNECT_API_TOKEN"], os.environ.get("CONNECT_API_URL", SERVICE_URL), timeout, session)

    def __repr__(self) -> str:
        return f"ConnectAPI(base_url={self.base_url!r}, timeout={self.timeout!r})"

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections of the session. A later call opens new ones."""
        self.session.close()

    def list_callback_types(self) -> list[CallbackType]:
        """List the callback types (`get_list_callback`) in the order of the response. The list can be empty."""
        return [CallbackType(int(number), name) for number, name in self._call(*_CALLBACK_TYPES)]

    def list_connection_types(self) -> list[ConnectionType]:
        """List the types of connections (`get_list_connection`) in the order of the response."""
        return [ConnectionType(int(number), name) for number, name in self._call(*_CONNECTION_TYPES)]

    def get_captcha(self) -> CaptchaChallenge:
        """Get a captcha (`get_captcha`). A person has 15 minutes and one attempt to solve it."""
        ((captcha_id, text),) = self._call("get_captcha", "captcha_id", "captcha_image")
        image = unquote_to_bytes("".join(text.split()).replace("+", " "))  # form encoding, on one line or several
        if not image.startswith(b"\x89PNG\r\n\x1a\n"):
            raise MalformedResponse("a URL-encoded PNG file in captcha_image", "something else")
        return CaptchaChallenge(captcha_id, image)

    def authenticate_user(self, user: str, password: str, captcha: Captcha | None = None) -> str:
        """Authenticate a user whose account has been activated by email (`authenticate_user`).

        Returns the user number. Don't repeat the call automatically, because the service counts failed attempts and
        then requires `captcha`. `user` can have 1 to 128 characters, and `password` 1 to 32.
        """
        arguments = _Secret({**locals(), "self": None})
        del user, password
        return self._call("authenticate_user", "Usernumber", arguments=arguments)[0][0]

    def create_connection(
        self,
        user: str,
        password: str,
        *,
        callback_url: str | None = None,
        callback_type_id: int | None = None,
        callback_username: str | None = None,
        callback_password: str | None = None,
        connection_id: int | None = None,
        ftp_password: str | None = None,
        api_description: str | None = None,
        ip_address: str | None = None,
        dial_prefix: str | None = None,
        captcha: Captcha | None = None,
    ) -> int:
        """Create a connection and configure its callbacks (`create_connection`).

        Returns the API id of the new connection. Don't repeat a call that got no response, because it may have created
        the connection. `callback_type_id` is the id of a `CallbackType`, and `connection_id` of a `ConnectionType`.
        """
        arguments = _Secret({**locals(), "self": None, "Dial_prefix": dial_prefix, "dial_prefix": None})
        del user, password, callback_url, callback_username, callback_password, ftp_password
        return int(self._call("create_connection", "api_id", arguments=arguments)[0][0])

    def _call(self, action: str, *names: str, arguments: _Secret | None = None) -> list[list[str]]:
        """Send a request, and return the elements `names` of each `Value` in the response."""
        # The errors of requests contain the URL. They mustn't become __context__, so this raises after "except".
        document = _Secret(build_request(action, **(_elements(arguments) if arguments else {})))
        try:
            return self._exchange("POST" if arguments else "GET", document, action, names)
        except ServiceError as error:
            problem: ConnectAPIError = ServiceError([(code, self._without_token(text)) for code, text in error.errors])
        except MalformedResponse as error:
            problem = MalformedResponse(error.expected, self._without_token(error.found))
        except ConnectAPIError as error:
            problem = error
        except (OSError, ValueError, urllib3.exceptions.HTTPError) as error:
            text = next(text for kind, text in _PROBLEMS if isinstance(error, kind))
            problem = TransportError(text.format(self.timeout))
        problem.__context__ = None
        raise problem.with_traceback(None)

    def _without_token(self, text: str) -> str:
        """Replace the token where it is a whole word, or anywhere if it is too long to be part of a word."""
        pattern = "{}" if len(self._token.value) >= 32 else "(?<![A-Za-z0-9]){}(?![A-Za-z0-9])"
        return re.sub(pattern.format(re.escape(self._token.value)), "***", text, flags=re.IGNORECASE)

    def _exchange(self, method: str, document: _Secret, action: str, names: tuple[str, ...]) -> list[list[str]]:
        request = requests.Request(
            method,
            self.base_url + self._token.value,
            headers={"User-Agent": f"connect_api.py/{__version__}", "Accept-Encoding": "gzip"},
            auth=self.session.auth or (lambda request: request),  # otherwise, requests would use ~/.netrc
            **{"data" if method == "POST" else "params": {"XML": document.value}},
        )
        prepared = self.session.prepare_request(request)
        # requests would prepare the request to Location, even though it doesn't send it.
        prepared.hooks["response"].append(lambda response, **_: response.headers.update(Location=""))
        settings = self.session.merge_environment_settings(self.base_url, {}, True, self.session.verify, None)
        if self.session.proxies or self._is_loopback:  # never plain HTTP, because the proxy would see the token
            settings["proxies"] = self.session.proxies if self.base_url.startswith("https:") else {}
        with self.session.send(prepared, timeout=self.timeout, allow_redirects=False, **settings) as response:
            body, status = _read_body(response, self.timeout), response.status_code
        if 200 <= status < 300:
            return _rows(body, action, *names)
        with contextlib.suppress(MalformedResponse):
            parse_response(body)  # raises the error of the service, if there is one
        advice = "try again later" if status >= 500 else "check the URL, the token and the proxy"
        raise TransportError(f"HTTP status {status} without an error code: {advice}", status)


def _elements(arguments: _Secret) -> dict[str, Any]:
    """Return the elements for the arguments of a call. The service checks what this doesn't."""
    for name, limit in (("user", 128), ("password", 32)):
        if not isinstance(arguments.value[name], str) or not 1 <= len(arguments.value[name]) <= limit:
            raise InvalidRequest(f"{name} must be text of 1 to {limit} characters")
    if not isinstance(arguments.value["captcha"], (Captcha, type(None))):
        raise InvalidRequest("captcha must be a Captcha")
    captcha_id, captcha_code = arguments.value["captcha"] or (None, None)
    elements = {**arguments.value, "captcha": None, "captcha_id": captcha_id, "captcha_code": captcha_code}
    return {name: value for name, value in elements.items() if value is not None}


def _read_body(response: requests.Response, seconds: float) -> bytes:
    """Read and decompress the body. A timer limits the whole time, because `requests` limits only each wait."""
    body, status, late = bytearray(), response.status_code, threading.Event()
    compressed = re.fullmatch(r"(?i)\s*(x-)?gzip\s*", response.headers.get("Content-Encoding", ""))
    member: Any = None  # of the gzip file, while it isn't complete
    connection: Any = contextlib.nullcontext()
    with contextlib.suppress(AttributeError, OSError, ValueError):  # a response that a test made up has no socket
        response.raw.enforce_content_length = True  # version 1 of urllib3 doesn't by itself
        connection = socket.fromfd(response.raw.fileno(), socket.AF_INET, socket.SOCK_STREAM)

    def stop() -> None:
        late.set()
        with contextlib.suppress(AttributeError, OSError):  # the server may have closed the connection
            connection.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, stop)
    with connection:
        timer.start()
        try:
            for part in iter(lambda: response.raw.read(8192, decode_content=False), b""):
                while compressed and part and len(body) <= MAX_BODY:
                    member = member or zlib.decompressobj(wbits=31)
                    body += member.decompress(part)  # at most 8 MiB, because part is short
                    part, member = member.unused_data, None if member.eof else member
                body += part
                if len(body) > MAX_BODY:
                    raise TransportError(f"the body is larger than {MAX_BODY} bytes: check the URL", status)
        except zlib.error:
            raise TransportError("Content-Encoding says gzip, but the body isn't: check the proxy", status) from None
        except ValueError:  # a negative chunk size
            raise urllib3.exceptions.ProtocolError from None
        except urllib3.exceptions.HTTPError as error:
            if not late.is_set() and not isinstance(error, urllib3.exceptions.TimeoutError):
                raise
            late.set()
        finally:
            timer.cancel()
            timer.join()
    if late.is_set():
        raise TransportError(f"the body was not complete after {seconds} s: try again, or pass a longer timeout")
    if member:
        raise TransportError("the compressed body ends early: try again")
    return bytes(body)


def _parse(body: bytes) -> etree._Element:
    if not isinstance(body, bytes):
        raise TypeError(f"body must be bytes, such as response.content, not {type(body).__name__}")
    if re.match(rb"(?i)[\s\xef\xbb\xbf]*<(!doctype\s+html|html)\b", body):
        raise MalformedResponse("a Connect API response", "an HTML page")
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.LxmlError, ValueError) as error:
        found = f"an error in line {getattr(error, 'lineno', 0) or 1}" if body.strip() else "an empty body"
        raise MalformedResponse("well-formed XML", found) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise MalformedResponse("XML without a document type declaration", "one")
    if not root.tag.isascii() or root.tag.upper() != "CLICKATELLSDK":  # the sources spell it in several ways
        raise MalformedResponse("the root element CLICKATELLSDK", ascii(root.tag))
    return root


def _only(parent: etree._Element, name: str) -> etree._Element:
    found = parent.findall(name)
    if len(found) != 1:
        raise MalformedResponse(f"one element {name}", str(len(found) or "none"))
    return found[0]


def _text(element: etree._Element) -> str:
    if len(element):
        raise MalformedResponse(f"text in {element.tag}", "elements")
    return (element.text or "").strip(" \t\r\n")


def _errors(root: etree._Element) -> list[tuple[str, str]]:
    """Pair codes and messages in order. If some are missing, a message belongs to the code directly before it."""
    codes, messages = root.findall("Error"), root.findall("Description")
    if len(codes) != len(messages):
        messages = [next(code.itersiblings(), code) for code in codes]
    texts = ["".join(map(str, text.itertext())).strip() if text.tag == "Description" else "" for text in messages]
    errors = list(zip(map(_text, codes), texts))
    for code, _ in errors or [("", "")]:
        if not re.fullmatch("[0-9]{3}", code):
            raise MalformedResponse("three ASCII digits in Error", ascii(code))
    return errors


def _rows(body: bytes, action: str, *names: str) -> list[list[str]]:
    """Return the elements `names` of each `Value`. Those that end in `type_id` or `api_id` are numbers."""
    response = parse_response(body)
    if response.action != action:
        raise MalformedResponse(f"{action} in Action", ascii(response.action))
    if len(response.values) != 1 and not action.startswith("get_list_"):
        raise MalformedResponse("one element Value", str(len(response.values) or "none"))
    for name in names:
        numeric = name.endswith(("type_id", "api_id"))
        for row in response.values:
            if not re.fullmatch("[0-9]{1,18}" if numeric else "(?s).+", row.get(name, "")):
                raise MalformedResponse(f"{'ASCII digits' if numeric else 'text'} in {name}", ascii(row.get(name, "")))
    return [[row[name] for name in names] for row in response.values]
