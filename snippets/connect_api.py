"""Client for the calls `get_list_callback`, `authenticate_user` and `create_connection` of Clickatell's Connect API.

It needs Python `3.11` or newer with `requests`, `urllib3` `2` and `lxml`.

Independent work, not affiliated with Clickatell: it follows published documents
and is tested against a mock, never against the live service.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from lxml import etree

__version__ = "1.0.0"
__all__ = [
    "DOCS_URL",
    "MAX_BODY",
    "SERVICE_URL",
    "CallbackType",
    "Captcha",
    "ConnectAPI",
    "ConnectAPIError",
    "InvalidRequest",
    "MalformedResponse",
    "Response",
    "ServiceError",
    "TransportError",
    "build_request",
    "parse_callback_types",
    "parse_response",
]

SERVICE_URL = "https://connect.clickatell.com/"
"""The part of the endpoint's URL before the token."""

DOCS_URL = "http://127.0.0.1:8000/"
"""Where the documentation site is, to which `ServiceError.help_url` leads."""

MAX_BODY = 10 * 1024 * 1024
"""How many bytes a body may have, both as it comes and after decompression: a larger one is a `TransportError`."""

_T = TypeVar("_T")
_Children = dict[str, list[etree._Element]]
_ROOT = "CLICKATELLSDK"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_XML_SPACE = " \t\r\n"
_TOKEN = re.compile(r"(?!\.+$)[A-Za-z0-9._~-]{1,200}")
_ELEMENT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_ERROR_CODE = re.compile(r"[0-9]{3}")
_IDENTIFIER = re.compile(r"[0-9]{1,18}")
_UNIX_TIME = re.compile(r"[0-9]{1,11}")
_HTML = re.compile(rb"[\s\xef\xbb\xbf]*<(!doctype\s+html|html)\b", re.IGNORECASE)

# Nothing that a document can ask for is done: no entity, no DTD, no file, no connection.
_PARSER = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    no_network=True,
    huge_tree=False,
    remove_comments=True,
    remove_pis=True,
    remove_blank_text=True,  # between elements; the text in an element is stripped anyway
)

# What libxml2 takes out of `Values` at once, far faster than a loop over the elements in Python.
_IDENTIFIERS: Any = etree.XPath("Value/callback_type_id[1]/text()[1]", smart_strings=False)
_NAMES: Any = etree.XPath("Value/callback_type[1]/text()[1]", smart_strings=False)
_NODES: Any = etree.XPath("count(descendant::node())")


class ConnectAPIError(Exception):
    """Base class of every error of a call.

    No message, `repr` or traceback text of these errors holds the authentication token.
    The loggers of `urllib3` are another matter: what they write holds the whole URL.
    """


class InvalidRequest(ConnectAPIError, ValueError):
    """An argument cannot be used and nothing was sent: correct the calling code."""


class ServiceError(ConnectAPIError):
    """The service answered with an error: act on `code` and `message` together, since sources disagree on codes.

    Attributes:
        code: The code of the first failure, always with `3` digits, such as `"007"`.
        message: The text that the service sent with it.
        errors: All failures that the answer carries, as pairs of code and message, in their order.
        help_url: The section or the row about `code` on the documentation site; its page on errors for any other code.
    """

    code: str
    message: str
    errors: tuple[tuple[str, str], ...]
    help_url: str

    def __init__(self, errors: Iterable[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__(self.errors)
        self.code, self.message = self.errors[0]
        self.help_url = f"{DOCS_URL}callback-types/errors/#error-{self.code}"

    def __str__(self) -> str:
        return "; ".join(f"error {code}: {message}" for code, message in self.errors)


class MalformedResponse(ConnectAPIError):
    """The body is not an answer that the call documents: keep the body and compare it with the schema.

    Attributes:
        expected: What the client looked for.
        found: What stands there instead, in brief.
    """

    expected: str
    found: str

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        found = self.found if len(self.found) <= 60 else f"{self.found[:60]}..."
        return f"expected {self.expected}, found {found}"


class TransportError(ConnectAPIError):
    """The network, TLS or HTTP failed: no answer came that counts.

    A later attempt may succeed where `status` is `None`, or `500` and above.
    Otherwise check the URL and the proxy first.
    A certificate that is not trusted has no status either, and is the same at the next attempt: read the message.

    Attributes:
        status: The HTTP status, also of a body larger than `MAX_BODY`; `None` where no whole HTTP response arrived.
    """

    status: int | None

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message, status)
        self.status = status

    def __str__(self) -> str:
        return str(self.args[0])


class CallbackType(NamedTuple):
    """One way in which the service can call your URL.

    Attributes:
        id: The number to configure a callback with.
        name: The transport and its method, such as `HTTP GET`.
    """

    id: int
    name: str


class Captcha(NamedTuple):
    """A captcha that somebody has solved.

    Attributes:
        id: The number that the service gave the picture.
        code: The `6` characters that the picture shows.

    Examples:
        ```python
        from connect_api import Captcha

        print(Captcha(id="12345", code="abc123"))
        ```

        ```text title="Output"
        Captcha(id='12345', code='abc123')
        ```
    """

    id: str
    code: str


class Response(NamedTuple):
    """A successful answer.

    Attributes:
        action: The action that the service says it answers.
        values: One dictionary per `Value` element: element name to text, without surrounding white space.
        timestamp: When the service answered, as an aware `datetime` in UTC.
    """

    action: str
    values: list[dict[str, str]]
    timestamp: datetime


def build_request(action: str, **parameters: str | int) -> bytes:
    """Build the request document of a call.

    Args:
        action: The name of the call.
        **parameters: Further elements, in the order given: element name to text.

    Returns:
        The XML document as ASCII bytes, without declaration and without white space between elements.

    Raises:
        InvalidRequest: A name is not a plain element name, or a value is not text that XML can carry.

    Examples:
        ```python
        from connect_api import build_request

        print(build_request("get_list_callback").decode())
        ```

        ```text title="Output"
        <clickatellsdk><action>get_list_callback</action></clickatellsdk>
        ```
    """
    root = etree.Element("clickatellsdk")
    for name, value in {"action": action, **parameters}.items():
        if not _ELEMENT_NAME.fullmatch(name):
            raise InvalidRequest("a parameter's name must be ASCII letters, digits and underscores")
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidRequest(f"{name} must be str or int, not {type(value).__name__}")
        try:
            etree.SubElement(root, name).text = str(value)
        except ValueError:  # the value may be a password: it is not repeated, nor is lxml's error kept
            valid = False
        else:
            valid = True
        if not valid:
            raise InvalidRequest(f"{name} holds a character that XML cannot carry")
    return etree.tostring(root, encoding="ascii", xml_declaration=False)


def parse_response(body: bytes) -> Response:
    """Read an answer of any call of the Connect API.

    The name of the root element is compared without regard to case, since the sources spell it in several ways.
    Further children of the root element and of `Values` are passed over; those of `Value` are kept.

    Args:
        body: The body of the HTTP response as it came (`response.content`), not decoded.

    Returns:
        The answer. An empty `Values` gives an empty list.

    Raises:
        ServiceError: The answer carries one or more failures.
        MalformedResponse: The bytes are not an answer of the Connect API.
        TypeError: `body` is not `bytes`.

    Examples:
        ```python
        from connect_api import parse_response

        response = parse_response(
            b"<CLICKATELLSDK><Action>get_list_callback</Action>"
            b"<Result>Success</Result><Values/>"
            b"<Timestamp>1316512313</Timestamp></CLICKATELLSDK>"
        )
        print(response.values, response.timestamp.isoformat())
        ```

        ```text title="Output"
        [] 2011-09-20T09:51:53+00:00
        ```
    """
    answer = _children(_parse(body))
    rows = _rows(_values(answer))
    timestamp = _timestamp(answer)
    return Response(_text(answer, "Action"), rows, _EPOCH + timedelta(seconds=timestamp))


def parse_callback_types(body: bytes) -> list[CallbackType]:
    """Read an answer of `get_list_callback`.

    Args:
        body: The body of the HTTP response as it came (`response.content`), not decoded.

    Returns:
        The callback types in the order of the answer, which may be none at all.

    Raises:
        ServiceError: The answer carries one or more failures.
        MalformedResponse: The bytes are not an answer of `get_list_callback`.
        TypeError: `body` is not `bytes`.

    Examples:
        ```python
        from connect_api import parse_callback_types

        print(
            parse_callback_types(
                b"<CLICKATELLSDK><Action>get_list_callback</Action>"
                b"<Result>Success</Result>"
                b"<Values><Value><callback_type_id>0</callback_type_id>"
                b"<callback_type>HTTP GET</callback_type></Value></Values>"
                b"<Timestamp>1316512313</Timestamp></CLICKATELLSDK>"
            )
        )
        ```

        ```text title="Output"
        [CallbackType(id=0, name='HTTP GET')]
        ```
    """
    answer = _children(_parse(body))
    identifiers, names = _columns(_values(answer))
    _timestamp(answer)
    action = _text(answer, "Action")
    if action != "get_list_callback":
        raise MalformedResponse("get_list_callback in Action", ascii(action))
    for identifier in identifiers:
        if not _IDENTIFIER.fullmatch(identifier):
            raise MalformedResponse("ASCII digits in callback_type_id", ascii(identifier))
    if not all(names):
        raise MalformedResponse("text in callback_type", "none")
    return list(map(CallbackType._make, zip(map(int, identifiers), names, strict=True)))


class ConnectAPI:
    """The service, as one account reaches it.

    Args:
        token: The authentication token of your Connect API connection, which is the path of the endpoint: at most
            `200` ASCII letters, digits, dots, underscores, tildes and hyphens.
        base_url: The part of the endpoint's URL before the token.
        timeout: Seconds for each of: making the connection, waiting for the next bytes, reading the body; above
            zero, and at most a day.
        session: A `requests.Session` with your own settings (proxies, retries, certificates).

    Raises:
        InvalidRequest: An argument cannot be used. Plain HTTP is refused but for an address of this machine:
            the token is in the URL, and the service answers plain HTTP with error `009`.

    Examples:
        ```python
        from connect_api import ConnectAPI

        print(ConnectAPI("AUTHENTICATION_TOKEN"))
        ```

        ```text title="Output"
        ConnectAPI(base_url='https://connect.clickatell.com/', timeout=10)
        ```
    """

    def __init__(
        self,
        token: str,
        base_url: str = SERVICE_URL,
        timeout: float = 10,
        session: requests.Session | None = None,
    ) -> None:
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise InvalidRequest("token must be at most 200 ASCII letters, digits and . _ ~ -")
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= 86400:
            raise InvalidRequest("timeout must be a number of seconds above zero, and at most a day")
        self.base_url, self._host = _checked_base_url(base_url)
        self.timeout = timeout
        self.session = session or requests.Session()
        self._token = token

    @classmethod
    def from_environment(cls, session: requests.Session | None = None) -> Self:
        """Take the token from `CONNECT_API_TOKEN` and, if it is set, the URL before the token from `CONNECT_API_URL`.

        Args:
            session: A `requests.Session` with your own settings.

        Returns:
            The service as these variables describe it.

        Raises:
            InvalidRequest: `CONNECT_API_TOKEN` is not set, or a value cannot be used.
        """
        if "CONNECT_API_TOKEN" not in os.environ:
            raise InvalidRequest("set CONNECT_API_TOKEN to the authentication token of your Connect API connection")
        url = os.environ.get("CONNECT_API_URL", SERVICE_URL)
        return cls(os.environ["CONNECT_API_TOKEN"], url, session=session)

    def __repr__(self) -> str:
        return f"ConnectAPI(base_url={self.base_url!r}, timeout={self.timeout!r})"

    def list_callback_types(self) -> list[CallbackType]:
        """Retrieve the callback types that a callback can be configured with.

        Returns:
            The callback types in the order of the answer, which may be none at all.

        Raises:
            ServiceError: The service refused the call, whatever the HTTP status.
            MalformedResponse: The body is not an answer of `get_list_callback`.
            TransportError: The network, TLS or HTTP failed.
        """
        return self._call("GET", build_request("get_list_callback"), parse_callback_types)

    def authenticate_user(self, user: str, password: str, captcha: Captcha | None = None) -> str:
        """Authenticate a user of an account that has been activated by email.

        The call goes by POST, which keeps the password out of URLs and so out of most logs.

        Args:
            user: The user name: letters and digits, at most `128`.
            password: The password: `6` to `32` characters, letters and digits.
            captcha: The solved captcha, which the service wants only after failed attempts.

        Returns:
            The user number, as the service writes it.

        Raises:
            InvalidRequest: An argument is outside its documented limits; nothing was sent.
            ServiceError: The service refused, whatever the HTTP status.
            MalformedResponse: The body is not an answer of `authenticate_user`.
            TransportError: The network, TLS or HTTP failed.
        """
        parameters = _sign_in(user, password, captcha)
        return self._call(
            "POST",
            build_request("authenticate_user", **parameters),
            lambda body: _only_value(body, "authenticate_user", "Usernumber"),
            password,
        )

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
        """Create a connection and configure where its callbacks go.

        An argument that is `None` is not sent.
        The call goes by POST, which keeps the passwords out of URLs and so out of most logs.
        It is not safe to repeat: if a call was carried out and its answer lost, the repeat creates a second connection.

        Args:
            user: The user name: letters and digits, at most `128`.
            password: The password: `6` to `32` characters, letters and digits.
            callback_url: Where the delivery status goes: an absolute URL with `https://` or `http://`, in ASCII.
            callback_type_id: How it goes there: the `id` of a `CallbackType`.
            callback_username: The user name that the service shows to your URL; at most `64` characters.
            callback_password: The password that it shows; at most `64` characters.
            connection_id: The number of the connection's type, which the service lists with `get_list_connection`.
            ftp_password: The password of an FTP connection, at most `10` characters.
            api_description: A description of your own.
            ip_address: The addresses that may use the connection, separated by commas.
            dial_prefix: Sent as the element `Dial_prefix`, unchecked: its form is *not specified*.
            captcha: The solved captcha, which the service wants only after failed attempts.

        Returns:
            The API id of the new connection.

        Raises:
            InvalidRequest: An argument is outside its documented limits; nothing was sent.
            ServiceError: The service refused, whatever the HTTP status.
            MalformedResponse: The body is not an answer of `create_connection`.
            TransportError: The network, TLS or HTTP failed; the connection may have been created all the same.
        """
        optional = {
            "connection_id": _number("connection_id", connection_id),
            "ftp_password": _at_most(10, "ftp_password", ftp_password),
            "api_description": api_description,
            "ip_address": _addresses(ip_address),
            "Dial_prefix": dial_prefix,
            "callback_url": _callback_url(callback_url),
            "callback_type_id": _number("callback_type_id", callback_type_id),
            "callback_username": _at_most(64, "callback_username", callback_username),
            "callback_password": _at_most(64, "callback_password", callback_password),
        }
        parameters = _sign_in(user, password, captcha)
        parameters |= {name: value for name, value in optional.items() if value is not None}
        secrets = [secret for secret in (password, ftp_password, callback_password) if secret]
        api_id = self._call(
            "POST",
            build_request("create_connection", **parameters),
            lambda body: _only_value(body, "create_connection", "api_id", _IDENTIFIER),
            *secrets,
        )
        return int(api_id)

    def _call(self, method: str, document: bytes, parse: Callable[[bytes], _T], *secrets: str) -> _T:
        """Send a request document and parse the answer."""
        status, body = self._send(method, document)
        return self._read(parse, status, body, secrets)

    def _send(self, method: str, document: bytes) -> tuple[int, bytes]:
        """Send a document in the query string or in a form-encoded body; return HTTP status and body."""
        parameter = {"XML": document}
        try:
            with self.session.request(
                method,
                self.base_url + self._token,
                params=parameter if method == "GET" else None,
                data=parameter if method == "POST" else None,
                headers={"User-Agent": f"connect_api.py/{__version__}", "Accept-Encoding": "gzip"},
                timeout=self.timeout,
                allow_redirects=False,
                hooks={"response": _drop_location},
                proxies={"no_proxy": self._host} if _is_loopback(self._host) else None,
                stream=True,
            ) as response:
                return response.status_code, _read_body(response, self.timeout)
        except (OSError, urllib3.exceptions.HTTPError, zlib.error) as error:  # every error of requests is an OSError
            problem = _transport_problem(error, self.timeout)
        # Raised out here so that the error of requests, which holds the URL, does not hang on this one.
        raise TransportError(problem)

    def _read(self, parse: Callable[[bytes], _T], status: int, body: bytes, secrets: Sequence[str]) -> _T:
        """Parse the body before the HTTP status counts; keep token and passwords out of what the errors repeat."""
        secret = re.compile("|".join(map(re.escape, (self._token, *secrets))), re.IGNORECASE)
        problem: ConnectAPIError
        succeeded = 200 <= status < 300
        try:
            answer = parse(body)
        except ServiceError as error:
            problem = ServiceError((code, secret.sub("***", message)) for code, message in error.errors)
        except MalformedResponse as error:
            problem = MalformedResponse(error.expected, secret.sub("***", error.found))
        else:
            if succeeded:
                return answer
            problem = TransportError(f"HTTP status {status} with a body that reports success", status)
        if not succeeded and isinstance(problem, MalformedResponse):
            problem = TransportError(f"HTTP status {status} without an answer of the Connect API", status)
        raise problem


def _parse(body: bytes) -> etree._Element:
    """Parse a body and return its root element, which has the documented name."""
    if not isinstance(body, bytes):
        raise TypeError(f"body must be bytes, such as response.content, not {type(body).__name__}")
    if _HTML.match(body):
        raise MalformedResponse("an answer of the Connect API", "an HTML page")
    if b"<!DOCTYPE" in body.replace(b"\0", b""):  # in UTF-16 and UTF-32 too, before anything in it is read
        raise MalformedResponse("XML without a document type declaration", "one")
    line = 0
    try:
        root = etree.fromstring(body, _PARSER)
    except (etree.LxmlError, ValueError) as error:
        line = getattr(error, "lineno", 0) or 1
    if line:
        found = f"an error in line {line}" if body.strip() else "an empty body"
        raise MalformedResponse("well-formed XML", found)
    if root.getroottree().docinfo.internalDTD is not None:  # in any other encoding
        raise MalformedResponse("XML without a document type declaration", "one")
    if not (root.tag.isascii() and root.tag.upper() == _ROOT):
        raise MalformedResponse(f"the root element {_ROOT}", ascii(root.tag))
    return root


def _children(parent: etree._Element) -> _Children:
    children: _Children = {}
    for child in parent:
        children.setdefault(child.tag, []).append(child)
    return children


def _only(answer: _Children, name: str) -> etree._Element:
    found = answer.get(name, [])
    if len(found) != 1:
        raise MalformedResponse(f"one element {name}", str(len(found) or "none"))
    return found[0]


def _plain(element: etree._Element) -> str:
    if len(element):
        raise MalformedResponse(f"text in {element.tag}", "elements")
    return (element.text or "").strip(_XML_SPACE)


def _text(answer: _Children, name: str) -> str:
    return _plain(_only(answer, name))


def _values(answer: _Children) -> etree._Element:
    """Return the element `Values` of an answer that reports success."""
    result = _text(answer, "Result")
    if result == "Error":
        raise ServiceError(_errors(answer))
    if result != "Success":
        raise MalformedResponse("Success or Error in Result", ascii(result))
    return _only(answer, "Values")


def _rows(values: etree._Element) -> list[dict[str, str]]:
    rows = []
    for value in values.iterchildren("Value"):
        fields = {field.tag: (field.text or "").strip(_XML_SPACE) for field in value}
        if len(fields) != len(value):
            raise MalformedResponse("each element once in Value", "one of them repeated")
        if any(map(len, value)):
            raise MalformedResponse("text in each element of Value", "elements")
        rows.append(fields)
    return rows


def _columns(values: etree._Element) -> tuple[list[str], list[str]]:
    """Return the texts of all ids and all names."""
    try:
        identifiers, names, nodes = _IDENTIFIERS(values), _NAMES(values), _NODES(values)
    except etree.XPathError:  # more than ten million nodes
        nodes = -1
    # Five nodes for each Value: itself, its two elements and their texts. So there is nothing else.
    if nodes == 5 * len(values) and len(identifiers) == len(names) == len(values):
        return [text.strip(_XML_SPACE) for text in identifiers], [text.strip(_XML_SPACE) for text in names]
    rows = _rows(values)
    return [row.get("callback_type_id", "") for row in rows], [row.get("callback_type", "") for row in rows]


def _timestamp(answer: _Children) -> int:
    timestamp = _text(answer, "Timestamp")
    if not _UNIX_TIME.fullmatch(timestamp):
        raise MalformedResponse("seconds since 1970 in Timestamp", ascii(timestamp))
    return int(timestamp)


def _errors(answer: _Children) -> list[tuple[str, str]]:
    codes = [_plain(element) for element in answer.get("Error", [])]
    messages = [_plain(element) for element in answer.get("Description", [])]
    for code in codes:
        if not _ERROR_CODE.fullmatch(code):
            raise MalformedResponse("three ASCII digits in Error", ascii(code))
    if not codes or len(codes) != len(messages):
        raise MalformedResponse("an Error and a Description for each failure", f"{len(codes)} and {len(messages)}")
    return list(zip(codes, messages, strict=True))


def _only_value(body: bytes, action: str, name: str, pattern: re.Pattern[str] | None = None) -> str:
    """Read one field of the only `Value` in the answer to a call."""
    response = parse_response(body)
    if response.action != action:
        raise MalformedResponse(f"{action} in Action", ascii(response.action))
    found = [fields[name] for fields in response.values if fields.get(name)]
    if len(found) != 1:
        raise MalformedResponse(f"text in one element {name}", str(len(found) or "none"))
    if pattern and not pattern.fullmatch(found[0]):
        raise MalformedResponse(f"ASCII digits in {name}", ascii(found[0]))
    return found[0]


# The checks of arguments: the documented limits, and where sources disagree the lenient one.
# No message repeats a value, since it may be a password.


def _sign_in(user: str, password: str, captcha: Captcha | None) -> dict[str, str]:
    if not (isinstance(user, str) and user.isalnum() and len(user) <= 128):
        raise InvalidRequest("user must be letters and digits, at most 128")
    if not (isinstance(password, str) and password.isalnum() and 6 <= len(password) <= 32):
        raise InvalidRequest("password must be letters and digits, 6 to 32")
    if captcha is None:
        return {"user": user, "password": password}
    if not (isinstance(captcha, Captcha) and captcha.id and isinstance(captcha.code, str) and len(captcha.code) == 6):
        raise InvalidRequest("captcha must be a Captcha with an id and a code of 6 characters")
    return {"user": user, "password": password, "captcha_id": captcha.id, "captcha_code": captcha.code}


def _at_most(limit: int, name: str, value: str | None) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) <= limit):
        raise InvalidRequest(f"{name} must be text of at most {limit} characters")
    return value


def _number(name: str, value: int | None) -> str | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**18):
        raise InvalidRequest(f"{name} must be a number of at most 18 digits")
    return None if value is None else str(value)


def _addresses(value: str | None) -> str | None:
    try:
        valid = value is None or all(ipaddress.ip_address(address.strip()) for address in value.split(","))
    except (AttributeError, ValueError):
        valid = False
    if not valid:
        raise InvalidRequest("ip_address must be IP addresses, separated by commas")
    return value


def _callback_url(value: str | None) -> str | None:
    host = None
    if isinstance(value, str) and re.fullmatch(r"https?://[!-~]+", value, re.IGNORECASE):
        with contextlib.suppress(ValueError):  # a broken IPv6 address
            host = urlsplit(value).hostname
    if value is not None and not host:
        raise InvalidRequest("callback_url must be an absolute URL with https:// or http://")
    return value


def _checked_base_url(base_url: str) -> tuple[str, str]:
    """Return the URL with one slash at its end, and its host; or refuse it, unrepeated: it may hold a password."""
    host = ""
    if isinstance(base_url, str):
        with contextlib.suppress(ValueError):  # a broken IPv6 address or port
            parts = urlsplit(base_url)
            host, _ = parts.hostname or "", parts.port
    if not host or not re.fullmatch(r"https?://[!-~]+", base_url, re.IGNORECASE):
        raise InvalidRequest("base_url must be an absolute URL that starts with https://")
    if "@" in parts.netloc or "?" in base_url or "#" in base_url:
        raise InvalidRequest("base_url must hold no user, query or fragment: the token follows it")
    if parts.scheme != "https" and not _is_loopback(host):
        raise InvalidRequest(
            "base_url must start with https:// (the token is in the URL, and plain HTTP is answered with error 009)"
        )
    return base_url.rstrip("/") + "/", host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _drop_location(response: requests.Response, **_: object) -> None:
    """Forget where a redirect leads: requests prepares the next request even if it is told not to follow."""
    response.headers.pop("Location", None)


def _read_body(response: requests.Response, seconds: float) -> bytes:
    """Read the body as it arrives: a timeout of requests holds for each wait, not for their sum.

    It is decompressed here: urllib3 would wait for as long as compressed bytes come that give no text.
    """
    deadline = time.monotonic() + seconds
    compressed = response.headers.get("Content-Encoding", "").strip().lower() == "gzip"
    decoder = zlib.decompressobj(wbits=31) if compressed else None
    received, body = 0, bytearray()
    while part := response.raw.read1(65536, decode_content=False):
        received += len(part)
        body += decoder.decompress(part, MAX_BODY + 1 - len(body)) if decoder else part
        if max(received, len(body)) > MAX_BODY:
            raise TransportError(f"the body is larger than {MAX_BODY} bytes", response.status_code)
        if time.monotonic() > deadline:
            raise TransportError(f"the body was not complete after {seconds} s")
    return bytes(body)


def _transport_problem(error: Exception, seconds: float) -> str:
    """Say what failed in words of our own: the messages of requests hold the URL and with it the token."""
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy could not be used"
    if isinstance(error, requests.exceptions.SSLError | urllib3.exceptions.SSLError):
        return "no TLS connection: is the certificate one that this machine trusts?"
    if isinstance(error, requests.exceptions.Timeout | urllib3.exceptions.TimeoutError):
        return f"no answer within {seconds} s"
    if isinstance(error, requests.exceptions.RequestException | urllib3.exceptions.HTTPError | zlib.error):
        return "the connection could not be made or broke off"
    return "no TLS connection: can the file that REQUESTS_CA_BUNDLE names be read?"
