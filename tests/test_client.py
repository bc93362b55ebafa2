"""The client: what it builds, what it reads, what it refuses, and that no token leaves it."""

from __future__ import annotations

import gzip
import logging
import pickle
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import requests
from lxml import etree

import connect_api
from connect_api import (
    CallbackType,
    ConnectAPI,
    ConnectAPIError,
    InvalidRequest,
    MalformedResponse,
    ServiceError,
    TransportError,
    build_request,
    parse_callback_types,
    parse_response,
)
from mock_server import MockServer
from project import DEFAULT_SITE_URL, ERROR_CODES, FACTS, ROOT, XML, structure
from scripted_server import Script, answer, drip, scripted, send, stall

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 (made up)
RESPONSE = (XML / "response.xml").read_bytes()


# Requests.


def test_request_is_the_documented_one() -> None:
    assert structure(build_request("get_list_callback")) == structure((XML / "request.xml").read_bytes())


def test_parameters_follow_the_action_in_order() -> None:
    document = etree.fromstring(build_request("a_call", first="1 < 2 & 3", second=7))
    assert [(element.tag, element.text) for element in document] == [
        ("action", "a_call"),
        ("first", "1 < 2 & 3"),
        ("second", "7"),
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user", "a\x00b"),
        ("user", "a\x1bb"),
        ("user", "\ud800"),
        ("user", None),
        ("user", True),
        ("user", 1.5),
        ("user", b"bytes"),
        ("two words", "x"),
        ("", "x"),
        ("1st", "x"),
        ("a:b", "x"),
        ("é", "x"),
        ("a" * 65, "x"),
    ],
)
def test_unusable_parameters_are_refused_without_repeating_them(name: str, value: object) -> None:
    with pytest.raises(InvalidRequest) as raised:
        build_request("a_call", **{name: value})  # type: ignore[arg-type]
    assert raised.value.__context__ is None
    if isinstance(value, str) and value != "x":
        assert value not in str(raised.value)


# Answers.


def test_documented_answer() -> None:
    response = parse_response(RESPONSE)
    assert response.action == "get_list_callback"
    assert response.values == [
        {"callback_type_id": "0", "callback_type": "HTTP GET"},
        {"callback_type_id": "6", "callback_type": "SOAP POST"},
    ]
    assert response.timestamp == datetime(2011, 9, 20, 9, 51, 53, tzinfo=UTC)
    assert parse_callback_types(RESPONSE) == [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]


@pytest.mark.parametrize("code", ERROR_CODES)
def test_documented_errors(code: str) -> None:
    with pytest.raises(ServiceError) as raised:
        parse_callback_types((XML / f"error-{code}.xml").read_bytes())
    message = FACTS["specification"].get(code, [FACTS["user_guide"]["codes"][code]])[0]
    assert (raised.value.code, raised.value.message) == (code, message)
    assert str(raised.value) == f"error {code}: {message}"
    assert raised.value.help_url == f"{DEFAULT_SITE_URL}callback-types/errors/#error-{code}"


@pytest.mark.parametrize("parse", [parse_response, parse_callback_types])
def test_several_errors(parse: Callable[[bytes], object]) -> None:
    """An error answer is one whatever its action, which here is that of another call."""
    with pytest.raises(ServiceError) as raised:
        parse((XML / "several-errors.xml").read_bytes())
    pairs = (("431", "Invalid or missing username"), ("432", "Invalid or missing password"))
    assert raised.value.errors == pairs
    assert (raised.value.code, raised.value.message) == pairs[0]


def test_errors_grouped_by_element_are_paired_in_order() -> None:
    body = b"<CLICKATELLSDK><Result>Error</Result><Error>103</Error><Error>104</Error><Description>a</Description>\
<Description>b</Description></CLICKATELLSDK>"
    with pytest.raises(ServiceError) as raised:
        parse_response(body)
    assert raised.value.errors == (("103", "a"), ("104", "b"))


def replaced(old: str, new: str) -> bytes:
    assert old in RESPONSE.decode()
    return RESPONSE.decode().replace(old, new).encode()


@pytest.mark.parametrize(
    "body",
    [
        replaced("<Values>", "<!-- c --><?p i?>text<Values>stray"),
        replaced("HTTP GET", "<!-- c -->HTTP<?p?> <![CDATA[GET]]>"),
        replaced("HTTP GET", "\n  HTTP GET\t"),
        replaced("<Values>", "<Unknown><deep>x</deep></Unknown><Values><Unknown/>"),
        replaced("<callback_type_id>", "<unknown>x</unknown><callback_type_id>"),
        replaced("<Timestamp>", "<Timestamp unknown='attribute'>"),
        RESPONSE.replace(b"\n", b"\r\n"),
        b'<?xml version="1.0" encoding="UTF-8"?>' + RESPONSE,
        b"\xef\xbb\xbf" + RESPONSE,
        ('<?xml version="1.0" encoding="UTF-16"?>' + RESPONSE.decode()).encode("utf-16"),
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + RESPONSE,
    ],
)
def test_what_does_not_matter(body: bytes) -> None:
    assert parse_callback_types(body) == parse_callback_types(RESPONSE)


def test_only_one_of_the_parsers_looks_at_the_action_of_a_success() -> None:
    assert parse_response(replaced(">get_list_callback<", ">other<")).action == "other"


def test_empty_values() -> None:
    body = etree.fromstring(RESPONSE)
    values = body.find("Values")
    assert values is not None
    values.clear()
    assert parse_callback_types(etree.tostring(body)) == []


MALFORMED = {
    "empty": (b"", "expected well-formed XML, found an empty body"),
    "blank": (b" \n", "expected well-formed XML, found an empty body"),
    "text": (b"Service Unavailable", "expected well-formed XML, found an error in line 1"),
    "html": (
        b"<!DOCTYPE html><html><body>504</body></html>",
        "expected an answer of the Connect API, found an HTML page",
    ),
    "html after a byte order mark": (b"\xef\xbb\xbf <HTML></HTML>", "found an HTML page"),
    "not closed": (RESPONSE[:-10], "expected well-formed XML, found an error in line "),
    "another root": (b"<other/>", "expected the root element CLICKATELLSDK, found 'other'"),
    "a look-alike root": ("<CL\u0131CKATELLSDK/>".encode(), "expected the root element CLICKATELLSDK"),
    "a root in a namespace": (b"<CLICKATELLSDK xmlns='urn:x'/>", "expected the root element CLICKATELLSDK"),
    "no result": (b"<CLICKATELLSDK/>", "expected one element Result, found none"),
    "another result": (replaced("Success", "Maybe"), "expected Success or Error in Result, found 'Maybe'"),
    "result twice": (replaced("<Values>", "<Result>Success</Result><Values>"), "expected one element Result, found 2"),
    "element in result": (replaced("Success", "<b>Success</b>"), "expected text in Result, found elements"),
    "no values": (replaced("Values", "Others"), "expected one element Values, found none"),
    "values twice": (replaced("<Timestamp>", "<Values/><Timestamp>"), "expected one element Values, found 2"),
    "another action": (
        replaced(">get_list_callback<", ">other<"),
        "expected get_list_callback in Action, found 'other'",
    ),
    "action twice": (replaced("<Result>", "<Action>a</Action><Result>"), "expected one element Action, found 2"),
    "timestamp twice": (
        replaced("<Timestamp>", "<Timestamp>1</Timestamp><Timestamp>"),
        "expected one element Timestamp, found 2",
    ),
    "no action": (replaced("Action", "Faction"), "expected one element Action, found none"),
    "no timestamp": (replaced("Timestamp", "Time"), "expected one element Timestamp, found none"),
    "timestamp in words": (replaced("1316512313", "now"), "expected seconds since 1970 in Timestamp, found 'now'"),
    "timestamp beyond all years": (replaced("1316512313", "9" * 12), "expected seconds since 1970 in Timestamp"),
    "no id": (replaced("callback_type_id", "id"), "expected ASCII digits in callback_type_id, found ''"),
    "id with underscore": (replaced(">0<", ">1_0<"), "expected ASCII digits in callback_type_id, found '1_0'"),
    "id in other digits": (replaced(">0<", ">\u0663<"), r"expected ASCII digits in callback_type_id, found '\u0663'"),
    "id with a sign": (replaced(">0<", ">-1<"), "expected ASCII digits in callback_type_id, found '-1'"),
    "id of 5,000 digits": (
        replaced(">0<", f">{'7' * 5000}<"),
        "expected ASCII digits in callback_type_id, found '7777",
    ),
    "id twice": (
        replaced("<callback_type>", "<callback_type_id>1</callback_type_id><callback_type>"),
        "one of them repeated",
    ),
    "unknown element twice in a Value": (
        replaced("<callback_type_id>", "<unknown/><unknown/><callback_type_id>"),
        "one of them repeated",
    ),
    "unknown element with elements in a Value": (
        replaced("<callback_type_id>", "<unknown><b/></unknown><callback_type_id>"),
        "expected text in each element of Value, found elements",
    ),
    "element in id": (replaced(">0<", "><b>0</b><"), "expected text in each element of Value, found elements"),
    "no name": (replaced("HTTP GET", " "), "expected text in callback_type, found none"),
    "declaration": (
        b"<!DOCTYPE CLICKATELLSDK>" + RESPONSE,
        "expected XML without a document type declaration, found one",
    ),
    "declaration in UTF-16": (
        ("<!DOCTYPE CLICKATELLSDK>" + RESPONSE.decode()).encode("utf-16"),
        "without a document type",
    ),
    "binary": (bytes(range(256)), "expected well-formed XML"),
    "unknown encoding": (b'<?xml version="1.0" encoding="no-such"?><CLICKATELLSDK/>', "expected well-formed XML"),
    "deep nesting": (b"<CLICKATELLSDK>" + b"<a>" * 5000, "expected well-formed XML"),
    "error without code": (b"<CLICKATELLSDK><Result>Error</Result></CLICKATELLSDK>", "found 0 and 0"),
    "error without text": (b"<CLICKATELLSDK><Result>Error</Result><Error>007</Error></CLICKATELLSDK>", "found 1 and 0"),
    "code of two digits": (
        b"<CLICKATELLSDK><Result>Error</Result><Error>07</Error><Description>x</Description></CLICKATELLSDK>",
        "expected three ASCII digits in Error, found '07'",
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    body, message = MALFORMED[name]
    with pytest.raises(MalformedResponse) as raised:
        parse_callback_types(body)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 200
    assert raised.value.__context__ is None, "the error of lxml hangs on this one"


def test_text_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"response\.content"):
        parse_response(RESPONSE.decode())  # type: ignore[arg-type]


# Where the client calls.


@pytest.mark.parametrize(
    "base_url",
    [
        "http://connect.clickatell.com/",
        "http://127.0.0.1.example.com/",
        "http://localhost.example.com/",
        "HTTP://example.com",
        "ftp://127.0.0.1/",
        "connect.clickatell.com",
        "",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com/?a=b",
        "https://example.com/#a",
        "https://example.com/a b",
        "https://[::1/",
        "https://example.com:99999/",
        None,
        7,
        b"https://example.com/",
    ],
)
def test_refused_base_url(base_url: object) -> None:
    with pytest.raises(InvalidRequest) as raised:
        ConnectAPI(TOKEN, base_url)  # type: ignore[arg-type]
    assert "base_url" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_refusal_of_plain_http_names_the_error() -> None:
    with pytest.raises(InvalidRequest, match="error 009"):
        ConnectAPI(TOKEN, "http://connect.clickatell.com")


@pytest.mark.parametrize(
    "base_url",
    ["http://localhost:1", "http://127.0.0.1:1/xml", "http://127.9.9.9", "http://[::1]:1", "https://example.com"],
)
def test_accepted_base_url(base_url: str) -> None:
    assert ConnectAPI(TOKEN, base_url).base_url == f"{base_url}/"


@pytest.mark.parametrize(
    "token", ["", " ", "a/b", "..", ".", "a?b", "a#b", "a%2fb", "a\nb", "é", "a" * 201, None, 7, b"a"]
)
def test_refused_token(token: object) -> None:
    with pytest.raises(InvalidRequest, match="token must be at most 200 ASCII letters"):
        ConnectAPI(token)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout", [0, -1, 86401, 1e10, 10**400, float("inf"), float("nan"), None, "5", True])
def test_refused_timeout(timeout: object) -> None:
    with pytest.raises(InvalidRequest, match="timeout"):
        ConnectAPI(TOKEN, timeout=timeout)  # type: ignore[arg-type]


def test_from_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONNECT_API_TOKEN", raising=False)
    monkeypatch.delenv("CONNECT_API_URL", raising=False)
    with pytest.raises(InvalidRequest, match="CONNECT_API_TOKEN"):
        ConnectAPI.from_environment()
    monkeypatch.setenv("CONNECT_API_TOKEN", TOKEN)
    assert ConnectAPI.from_environment().base_url == connect_api.SERVICE_URL
    monkeypatch.setenv("CONNECT_API_URL", "https://example.com")
    assert ConnectAPI.from_environment().base_url == "https://example.com/"


def test_call_over_tls(mock: MockServer, session: requests.Session) -> None:
    types = ConnectAPI(TOKEN, mock.url, session=session).list_callback_types()
    assert types == [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]
    assert mock.exchanges[-1].secure
    assert mock.exchanges[-1].headers["User-Agent"] == f"connect_api.py/{connect_api.__version__}"


# What can fail on the way, and that the token stays inside.

echo = (
    f"<CLICKATELLSDK><Result>Error</Result><Error>005</Error><Description>{TOKEN.upper()}</Description></CLICKATELLSDK>"
)
FAILURES: dict[str, tuple[Script, type[ConnectAPIError], str]] = {
    "404": (answer(b"<html>404</html>", "404 Not Found"), TransportError, "HTTP status 404 without an answer"),
    "success at 500": (
        answer(RESPONSE, "500 Oops"),
        TransportError,
        "HTTP status 500 with a body that reports success",
    ),
    "error at 500": (answer((XML / "error-007.xml").read_bytes(), "500 Oops"), ServiceError, "error 007"),
    "redirect": (answer(b"", "302 Found", "Location: http://127.0.0.1:9/"), TransportError, "HTTP status 302"),
    "redirect to a broken URL": (
        answer(b"", "302 Found", f"Location: https://[{TOKEN}]/"),
        TransportError,
        "status 302",
    ),
    "redirect with an error": (
        answer((XML / "error-007.xml").read_bytes(), "302 Found", "Location: /"),
        ServiceError,
        "error 007",
    ),
    "large redirect": (
        answer(b" " * (connect_api.MAX_BODY + 1), "302 Found", "Location: /"),
        TransportError,
        f"larger than {connect_api.MAX_BODY} bytes",
    ),
    "html with 200": (answer(b"<html></html>"), MalformedResponse, "found an HTML page"),
    "echo of the token": (answer(echo.encode()), ServiceError, "error 005: ***"),
    "echo in an element": (answer(f"<a{TOKEN}/>".encode()), MalformedResponse, "found 'a***'"),
    "echo beyond the cut": (answer(replaced("Success", "x" * 40 + TOKEN)), MalformedResponse, "found 'xxxx"),
    "no HTTP": (send(b"hello\r\n\r\n"), TransportError, "could not be made or broke off"),
    "closed at once": (send(), TransportError, "could not be made or broke off"),
    "closed in the body": (
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n<CLICK"),
        TransportError,
        "could not be made or broke off",
    ),
    "closed in a chunk": (
        send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n<CLICK"),
        TransportError,
        "could not be made or broke off",
    ),
    "broken compression": (answer(b"no gzip", "200 OK", "Content-Encoding: gzip"), TransportError, "broke off"),
    "too large": (
        answer(gzip.compress(b" " * (connect_api.MAX_BODY + 1)), "200 OK", "Content-Encoding: gzip"),
        TransportError,
        f"larger than {connect_api.MAX_BODY} bytes",
    ),
    "stalled": (stall, TransportError, "no answer within 0.3 s"),
    "dripping": (drip, TransportError, "not complete after 0.3 s"),
}
STATUSES = {
    "404": 404,
    "success at 500": 500,
    "redirect": 302,
    "redirect to a broken URL": 302,
    "large redirect": 302,
    "too large": 200,
}
"""The HTTP status that a `TransportError` of these keeps; where no whole answer came, it has none."""


def failing(call: Callable[[], object]) -> ConnectAPIError:
    with pytest.raises(ConnectAPIError) as raised:
        call()
    return raised.value


@pytest.mark.parametrize("name", FAILURES)
def test_failure(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, kind, message = FAILURES[name]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    started = time.monotonic()
    with scripted(script) as url:
        error = failing(ConnectAPI(TOKEN, url, timeout=0.3).list_callback_types)
    assert time.monotonic() - started < 10  # far above the deadline, far below what a dripping server takes
    assert type(error) is kind
    assert message in str(error)
    if isinstance(error, TransportError):
        assert error.status == STATUSES.get(name), "whether to try again hangs on this"
    assert_keeps(TOKEN, error)


def assert_keeps(secret: str, error: BaseException) -> None:
    """No text that the error can show holds the secret, nor any error that hangs on it."""
    shown = [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
    assert error.__context__ is None
    assert error.__cause__ is None
    for text in shown:
        assert secret.lower()[:16] not in text.lower()


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest("message"),
        ServiceError([("007", "Command not allowed")]),
        MalformedResponse("this", "that"),
        TransportError("message", 404),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_between_processes(error: ConnectAPIError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_nobody_listens() -> None:
    error = failing(ConnectAPI(TOKEN, "http://127.0.0.1:9", timeout=1).list_callback_types)
    assert isinstance(error, TransportError)
    assert error.status is None
    assert_keeps(TOKEN, error)


def test_certificate_that_is_not_trusted(mock: MockServer, session: requests.Session) -> None:
    with MockServer() as other:
        session.verify = str(other.ca_file)
        error = failing(ConnectAPI(TOKEN, mock.url, session=session).list_callback_types)
    assert isinstance(error, TransportError)
    assert "certificate" in str(error)
    assert error.status is None
    assert_keeps(TOKEN, error)


def test_certificate_bundle_that_is_not_there(mock: MockServer, session: requests.Session) -> None:
    session.verify = "no-such-file.pem"
    error = failing(ConnectAPI(TOKEN, mock.url, session=session).list_callback_types)
    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert_keeps(TOKEN, error)


def test_proxy_that_is_not_there(session: requests.Session) -> None:
    session.proxies = {"https": "http://127.0.0.1:9"}
    error = failing(ConnectAPI(TOKEN, "https://example.com", session=session).list_callback_types)
    assert "proxy" in str(error)
    assert_keeps(TOKEN, error)


def test_this_machine_is_called_without_a_proxy(
    mock: MockServer, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sandbox works behind a proxy, and the token of a plain HTTP call does not leave this machine."""
    session.trust_env = True
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    assert ConnectAPI(TOKEN, mock.url, session=session).list_callback_types()
    assert failing(ConnectAPI(TOKEN, mock.http_url, session=session).list_callback_types).args[0] == (
        ("009", "HTTP protocol not allowed, require HTTPS"),
    )


def test_the_object_keeps_its_token() -> None:
    assert TOKEN not in repr(ConnectAPI(TOKEN))
    assert TOKEN not in str(ConnectAPI(TOKEN))


def test_the_client_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        parse_callback_types(RESPONSE)
        failing(ConnectAPI(TOKEN, "http://127.0.0.1:9", timeout=1).list_callback_types)
    assert not [record for record in caplog.records if record.name.startswith("connect_api")]


# The file as something to copy.


def test_documented_address_is_that_of_the_site() -> None:
    assert connect_api.DOCS_URL == DEFAULT_SITE_URL
    assert f"site_url: !ENV [SITE_URL, '{DEFAULT_SITE_URL}']" in (ROOT / "mkdocs.yml").read_text()
