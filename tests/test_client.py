"""The client, for its users: what it sends and where, what each failure says, and that no secret leaves it."""

from __future__ import annotations

import gzip
import traceback
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from lxml import etree
from urllib3.util import parse_url

import connect_api as client
from connect_api import MAX_BODY, Captcha, ConnectAPI, ConnectAPIError, MalformedResponse, ServiceError, TransportError
from facts import XML
from scripted_server import Script, answer, dripping, ended, received, scripted, stall

TEXT = (XML / "response.xml").read_text(encoding="utf-8")
RESPONSE = TEXT.encode()
TOKEN = "0123456789abcdef0123456789abcdef"
PASSWORD = "Pass.word-31!"
HOST = "https://example.com"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine presets doesn't count."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def failing(call: Callable[..., object], *arguments: Any, **named: Any) -> ConnectAPIError:
    with pytest.raises(ConnectAPIError) as raised:
        call(*arguments, **named)
    return raised.value


def variables(error: BaseException) -> str:
    """What a traceback shows of the local variables of the client."""
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    return "".join(str(frame.locals) for frame in frames if frame.filename == client.__file__)


def assert_hidden(secret: str, error: BaseException) -> None:
    """The error shows the secret nowhere: not with the local variables of the client, nor in an error behind it."""
    assert (error.__context__, error.__cause__) == (None, None)
    assert variables(error), "the client raised it"
    shown = [str(error), repr(error), repr(error.args), repr(vars(error)), *traceback.format_exception(error)]
    assert secret.lower() not in f"{shown} {variables(error)}".lower()


# The calls.


def success(action: str, value: dict[str, Any]) -> bytes:
    fields = "".join(f"<{name}>{text}</{name}>" for name, text in value.items())
    head = f"<CLICKATELLSDK><Action>{action}</Action><Result>Success</Result><Values><Value>{fields}</Value></Values>"
    return answer(f"{head}<Timestamp>1316512313</Timestamp></CLICKATELLSDK>".encode())


def error(*parts: str) -> bytes:
    """Build an error response of codes (digits) and descriptions."""
    tags = ["Error" if part.isdigit() else "Description" for part in parts]
    inner = "".join(f"<{tag}>{part}</{tag}>" for tag, part in zip(tags, parts, strict=True))
    return f"<CLICKATELLSDK><Result>Error</Result>{inner}</CLICKATELLSDK>".encode()


USER = {"user": "b.o@" + "ü" * 124, "password": PASSWORD.ljust(32, "&")}
SOLVED, SENT = {"captcha": Captcha("c2a", "x 7")}, {"captcha_id": "c2a", "captcha_code": "x 7"}
CREATE = {"callback_url": "https://example.com/?a=b&c", "callback_type_id": 0, "callback_username": "sampleservice"}
CREATE |= {"callback_password": "samplesecret", "connection_id": 2, "ftp_password": "more than ten"}
CREATE |= {"api_description": "1 < 2 & é", "ip_address": "192.0.2.1"}
PREFIX = {"dial_prefix": "4"}, {"Dial_prefix": "4"}
PNG = {"captcha_id": "c2a", "captcha_image": "%89PNG%0D\n %0A%1A%0A%2B+%FF"}
XML_API = {"connection_type_id": 13, "connection_type": "XML API"}
TYPE = {"callback_type_id": 5, "callback_type": "SOAP Get"}
CALLS: list[tuple[str, str, dict[str, Any], dict[str, Any], dict[str, Any], object]] = [
    ("list_callback_types", "get_list_callback", {}, {}, TYPE, [client.CallbackType(5, "SOAP Get")]),
    ("list_connection_types", "get_list_connection", {}, {}, XML_API, [client.ConnectionType(13, "XML API")]),
    ("get_captcha", "", {}, {}, PNG, ("c2a", b"\x89PNG\r\n\x1a\n+ \xff")),
    ("authenticate_user", "", {**USER, **SOLVED}, {**USER, **SENT}, {"Usernumber": "03401455"}, "03401455"),
    ("create_connection", "", {**USER, **CREATE, **PREFIX[0]}, {**USER, **CREATE, **PREFIX[1]}, {"api_id": 1}, 1),
]


@pytest.mark.parametrize(("name", "action", "arguments", "expected", "value", "result"), CALLS, ids=str)
def test_call(name: str, action: str, arguments: Any, expected: Any, value: dict[str, Any], result: object) -> None:
    """It sends every parameter, in the query or in the body if there is a password, and reads the result."""
    with scripted(success(action or name, value)) as url, ConnectAPI(TOKEN, f"{url}/xml//") as api:
        assert getattr(api, name)(**arguments) == result
    head, _, form = received[-1].decode().partition("\r\n\r\n")
    method, target = head.split(" ")[:2]
    assert (method, urlsplit(target).path) == ("POST" if arguments else "GET", f"/xml/{TOKEN}")
    assert bool(form) == bool(arguments), "passwords travel in the body"
    (document,) = parse_qs(form or urlsplit(target).query, strict_parsing=True)["XML"]
    sent = {element.tag: element.text for element in etree.fromstring(document)}
    assert sent == {"action": action or name, **{tag: str(text) for tag, text in expected.items()}}


def test_captcha_that_cannot_be_shown() -> None:
    for value, message in ({**PNG, "captcha_image": "x"}, "a URL-encoded PNG file"), (TYPE, "text in captcha_id"):
        with scripted(success("get_captcha", value)) as url:
            assert str(failing(ConnectAPI(TOKEN, url).get_captcha)).startswith(f"expected {message}")


# What it refuses before it sends anything.

create, build = ConnectAPI(TOKEN).create_connection, client.build_request
TOKEN_RULE = "token must be 8 to 200 ASCII letters, digits and . _ ~ -"
URL_RULE = "base_url must start with https:// (except for loopback), without ? # @ or backslash"
TOKENS = ["", "a" * 7, "a" * 201, "a/bcdefgh", "." * 8, "a%2fbcdef", "abcdefg\n", "é" * 8, 12345678]
TIME_RULE = "timeout must be a number of seconds above 0, and at most 86400"
TIMEOUTS = [0, 86401, float("nan"), None, "5", True]
BASE_URLS: list[Any] = r"""
http://connect.clickatell.com/ http://127.0.0.1.example.com/ ftp://127.0.0.1/ connect.clickatell.com https:///a.example
https://user:hush@example.com/ https://example.com/?a=b https://example.com/#a https://example.com//a HTTPS://a.example
https://example.com\@127.0.0.1/ http://other\[::1]/ http://127.0.0.1@other/ http://127.0.0.1#@other/ http://[::1]other
http://[::1 http://[::1%25lo]/ http://127.0.0.1%00.other/ http://2130706433/ http://localhost./ http://①②⑦.0.0.1/
https://example.com:99999/ https://example.com:x/ https://exämple.com/ https://example.com/ä http://0.0.0.0/
""".split()  # noqa: SIM905
BASE_URLS += ["", " https://example.com", "https://example.com/\n", "http://127.0.0.1\u3002/", None, HOST.encode()]
REFUSED: list[tuple[str, Callable[..., object], tuple[Any, ...], dict[str, Any]]] = [
    *[(TOKEN_RULE, ConnectAPI, (token,), {}) for token in TOKENS],
    *[(TIME_RULE, ConnectAPI, (TOKEN, HOST, seconds), {}) for seconds in TIMEOUTS],
    *[(URL_RULE, ConnectAPI, (TOKEN, url), {}) for url in BASE_URLS],
    *[("user must be text of 1 to 128 characters", create, (user, "p"), {}) for user in ("", "a" * 129, None)],
    *[("password must be text of 1 to 32 characters", create, ("u", p), {}) for p in ("", PASSWORD * 3, None)],
    ("captcha must be a Captcha", create, ("u", PASSWORD), {"captcha": ("12345", "abc123")}),
    *[("can't send password: use a", create, ("u", PASSWORD + bad), {}) for bad in "\x00\x1b\ud800\ufffe"],
    ("can't send callback_password: use a", create, ("u", "p"), {"callback_password": PASSWORD + "\x1b"}),
    ("can't send callback_type_id: use a", create, ("u", "p"), {"callback_type_id": True}),
    *[(f"can't send {name}: use a", build, ("call",), {name: "x"}) for name in ("a b", "", "é")],
]


@pytest.mark.parametrize(("message", "call", "arguments", "named"), REFUSED, ids=[ascii(row[2:]) for row in REFUSED])
def test_refused(message: str, call: Callable[..., object], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    error = failing(call, *arguments, **named)
    assert (type(error), str(error)[: len(message)]) == (client.InvalidRequest, message)
    for secret in (TOKEN, PASSWORD, "hush"):
        assert_hidden(secret, error)


ACCEPTED = "http://LOCALHOST:1/xml http://127.9.9.9 http://[0:0:0:0:0:0:0:1] https://EXAMPLE.com:443/a/b.c/%20;=&"
ACCEPTED += " https://my_host https://[2001:db8::1]/ https://example.com. https://127.0.0.1.example.com"


@pytest.mark.parametrize("base_url", ACCEPTED.split())
def test_accepted_base_url(base_url: str) -> None:
    """Every parser reads the same host: those of urllib3 and of Python, before and after requests."""
    assert ConnectAPI(TOKEN).base_url == "https://connect.clickatell.com/"
    api = ConnectAPI("recorded", base_url)
    assert repr(api) == f"ConnectAPI(base_url={base_url.rstrip('/') + '/'!r}, timeout=10)"
    urls = [base_url, str(requests.Request("GET", api.base_url + TOKEN).prepare().url)]
    hosts = [urlsplit(url).hostname for url in urls] + [str(parse_url(url).host).strip("[]") for url in urls]
    assert len(set(hosts)) == 1


# What the session and the environment say.


class Recorder(requests.adapters.HTTPAdapter):
    """It sends nothing, and keeps what it was given."""

    error: type[BaseException] = requests.ConnectionError
    closed = False

    def send(self, request: requests.PreparedRequest, *_: Any, **given: Any) -> requests.Response:
        self.request, self.given = request, given
        raise self.error(request.url) from None

    def close(self) -> None:
        self.closed = True


def recorded(base_url: str = HOST, **settings: Any) -> Recorder:
    recorder, session = Recorder(), requests.Session()
    vars(session).update(settings)
    session.mount(base_url[:8], recorder)
    with ConnectAPI(TOKEN, base_url, 7, session) as api:
        failing(api.list_callback_types)
        assert not recorder.closed
    assert (recorder.given["timeout"], recorder.given["stream"], recorder.closed) == (7, True, True)
    return recorder


PROXY, OTHER = "http://proxy.example:3128", "http://other.example:3128"
PROXIES: list[tuple[str, dict[str, str], str | None]] = [
    (HOST, {}, PROXY),
    (HOST, {"all": OTHER}, OTHER),
    ("https://127.0.0.1", {"https": OTHER}, OTHER),
    ("https://127.0.0.1", {}, None),
    ("http://[::1]", {"http": OTHER, "all": OTHER}, None),
]


@pytest.mark.parametrize(("base_url", "own", "expected"), PROXIES, ids=str)
def test_proxy(base_url: str, own: Any, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session counts, then the environment. Nothing on this machine goes through a proxy of the environment."""
    monkeypatch.setenv("HTTP_PROXY", PROXY)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    recorder = recorded(base_url, proxies=own)
    assert requests.utils.select_proxy(str(recorder.request.url), recorder.given["proxies"]) == expected


@pytest.mark.parametrize(("verify", "expected"), [(True, "bundle.pem"), ("pinned.pem", "pinned.pem"), (False, False)])
def test_authority(verify: Any, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "bundle.pem")
    assert recorded(verify=verify).given["verify"] == expected


def test_netrc_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login somebody password hush\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert requests.utils.get_netrc_auth(HOST), "requests would use it"
    assert "Authorization" not in recorded().request.headers
    assert "Authorization" in recorded(auth=("user", "password")).request.headers


# What can fail on the way.

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LATE = "the body was not complete after 0.3 s: try again, or pass a longer timeout"
CLOSED = "the body is incomplete or malformed: try again"
HEADER = "a header of the request or the response is invalid: check session.headers and the proxy"
NOTHING = "could not connect, or the connection was closed early: check the URL and the network"
WRONG = "without an error code: check the URL, the token and the proxy"
FAILURES: list[tuple[Script, str, int | None]] = [
    (answer(f"<html>no /{TOKEN}".encode(), "404 Not Found"), f"HTTP status 404 {WRONG}", 404),
    (answer(RESPONSE, "500 No"), "HTTP status 500 without an error code: try again later", 500),
    (answer(b"", "302 Found", f"Location: https://[{TOKEN}]/"), f"HTTP status 302 {WRONG}", 302),
    (answer(b" " * (10 * 2**20 + 1)), "the body is larger than 10485760 bytes: check the URL", 200),
    (b"", NOTHING, None),
    (OK + b"X: y\r\n" * 1000, NOTHING, None),
    (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, NOTHING, None),
    (OK + b"Content-Length: 500\r\n\r\n<CLICK", CLOSED, None),
    (CHUNKED + b"50\r\n<CLICK", CLOSED, None),
    (CHUNKED + b"-5\r\n<CLICK\r\n0\r\n\r\n", CLOSED, None),
    (OK + b"Content-Length: 5\r\nContent-Length: 7\r\n\r\n<CLICK", HEADER, None),
    (stall, "no response within 0.3 s: check the URL and the network, or pass a longer timeout", None),
    (dripping(OK + b"Content-Length: 9\r\n\r\n", b""), LATE, None),
    (dripping(CHUNKED + b"3;", b"x"), LATE, None),
]


def assert_fails(api: ConnectAPI, message: str, status: int | None) -> None:
    error = failing(api.list_callback_types)
    assert isinstance(error, TransportError)
    assert (str(error), error.status) == (message, status), "whether to try again depends on both"
    assert_hidden(TOKEN, error)


@pytest.mark.parametrize(("script", "message", "status"), FAILURES, ids=range(len(FAILURES)))
def test_failure_on_the_way(script: Script, message: str, status: int | None) -> None:
    with scripted(script) as url:
        assert_fails(ConnectAPI(TOKEN, url, timeout=0.3), message, status)
    assert script not in ended, "the client hung up when the time was over"


def test_deadline_with_tls(tmp_path: Path) -> None:
    session = requests.Session()
    session.verify = str(tmp_path / "ca.pem")
    with scripted(dripping(OK + b"Content-Length: 9999\r\n\r\n"), ca_file=tmp_path / "ca.pem") as url:
        assert_fails(ConnectAPI(TOKEN, url, 0.3, session), LATE, None)


def test_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    socks = "a SOCKS proxy needs one more library: run pip install requests[socks]"
    unreadable = "could not read the URL of the proxy: check HTTPS_PROXY and session.proxies"
    for proxy, message in ("socks5://127.0.0.1:9", socks), ("http://[::1", unreadable), ("gopher://a:9", unreadable):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        assert_fails(ConnectAPI(TOKEN, HOST), message, None)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, requests.ConnectionError, ValueError])
def test_no_secret_in_local_variables(kind: type[BaseException]) -> None:
    """Not even if something fails that the client doesn't translate: then only the frames of others show the URL."""
    session = requests.Session()
    session.mount("https://", recorder := Recorder())
    recorder.error = kind
    secrets = {"ftp_password": "hush-1", "callback_password": "hush-2", "callback_url": "https://u:hush-3@example.com/"}
    with pytest.raises((KeyboardInterrupt, ConnectAPIError)) as raised:
        ConnectAPI(TOKEN, HOST, session=session).create_connection("u", PASSWORD, **secrets)  # type: ignore[arg-type]
    shown = variables(raised.value)
    assert "create_connection" in shown, "the client raised it"
    assert not [secret for secret in (TOKEN, PASSWORD, "hush") if secret in shown]


ECHOES = [
    (TOKEN, error("005", f"at /{TOKEN}. %2F{TOKEN.upper()}x"), "error 005: at /***. %2F***x"),
    ("password", error("005", "Failed (user name or password)"), "error 005: Failed (user name or ***)"),
    (TOKEN, error("005", "The password is password."), "error 005: The password is password."),
    ("error-007", error("005", "error-0070 /error-007?"), "error 005: error-0070 /***?"),
    (TOKEN, f"<a{TOKEN}/>".encode(), "expected the root element CLICKATELLSDK, found 'a***'"),
]


@pytest.mark.parametrize(("token", "body", "expected"), ECHOES)
def test_only_the_token_is_taken_out_of_what_the_service_says(token: str, body: bytes, expected: str) -> None:
    with scripted(answer(body)) as url:
        raised = failing(ConnectAPI(token, url).authenticate_user, "user", "password")
    assert str(raised) == expected
    assert_hidden(TOKEN, raised)


# Hostile responses: each ends in a result or in an error of the client.

TYPES = [client.CallbackType(0, "HTTP GET"), client.CallbackType(6, "SOAP POST")]
OWN = Path(__file__).as_uri()


def outcome(body: bytes) -> object:
    """What the client makes of a body: the types, or the class of its own error. Any other error fails the test."""
    try:
        types = client.parse_callback_types(body)
    except (MalformedResponse, ServiceError) as error:
        return type(error)
    assert all(type(found.id) is int and found.id >= 0 and found.name for found in types)
    return types


def replaced(old: str, new: str) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new).encode()


HARMLESS = [
    replaced("<Values>", "<U><deep/></U><!-- c --><?p i?>text<Values>stray<U/>"),
    replaced("HTTP GET", "\n <!-- c -->HTTP<?p?> <![CDATA[GET]]>\t"),
    replaced("<callback_type_id>", "<u>x</u><callback_type_id>00"),
    b"\xef\xbb\xbf" + RESPONSE.replace(b"\n", b"\r\n").replace(b"ClICK", b"CLICK"),
    replaced("<Values>", f"<Values>{'<a/>' * 1_000_000}"),
]


def test_harmless() -> None:
    assert [outcome(body) for body in HARMLESS] == [TYPES] * 5


ERRORS = """007 a = 007 a; 103 a 104 b = 103 a 104 b; 103 104 a b = 103 a 104 b; a 103 b 104 = 103 a 104 b; 007 = 007 -;
103 104 b = 103 - 104 b; 103 a 104 = 103 a 104 -; 007 a b = 007 a; 007 <b>a</b> = 007 a"""


@pytest.mark.parametrize("case", ERRORS.replace("\n", " ").split("; "))
def test_codes_count_whatever_their_messages(case: str) -> None:
    """The elements Error and Description in this order give these codes and messages; `-` is an empty message."""
    parts, _, pairs = case.partition(" = ")
    expected = pairs.replace("-", "").split(" ")
    with pytest.raises(ServiceError) as raised:
        client.parse_response(error(*parts.split()))
    assert list(raised.value.errors) == list(zip(expected[::2], expected[1::2], strict=True))
    assert [raised.value.code, raised.value.message] == expected[:2]
    assert raised.value.help_url == f"{client.DOCS_URL}callback-types/errors/#error-{expected[0]}"


BOMB = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 12))
ID, SDK, END = "<callback_type_id>", "<CLICKATELLSDK>", "</CLICKATELLSDK>"
NO_NUMBERS = ["1_0", "\u0663", "-1", "1.5", "7" * 19, "9" * 5000, "", "\u00b2"]
BROKEN, DECLARED = "well-formed XML, found an error in line ", "XML without a document type declaration, found one"
MALFORMED: list[tuple[str, Sequence[str | bytes]]] = [
    ("well-formed XML, found an empty body", ["", " \n"]),
    ("a Connect API response, found an HTML page", ["<!DOCTYPE html><html/>", "\ufeff <HTML></HTML>"]),
    (BROKEN, ['{"Action": 1}', bytes(range(256)), TEXT * 2, replaced("HTTP", "HT\0TP"), replaced("HTTP", "&unknown;")]),
    (BROKEN, [f"{SDK}{'<a>' * 100_000}", f"{SDK}<Result>{'x' * 50_000_000}</Result>{END}"]),
    ("", [f"<!DOCTYPE a [<!ENTITY e0 'ha'>{BOMB}]>{SDK}<Result>&e11;</Result>{END}"]),
    ("", [f'<!DOCTYPE a [<!ENTITY % f SYSTEM "{OWN}"> %f;]><CLICKATELLSDK/>', f"<{'a' * 1_000_000}/>"]),
    (DECLARED, [f"<!DOCTYPE a>{TEXT}", f"<!DOCTYPE a>{TEXT}".encode("utf-16"), f'<!DOCTYPE a SYSTEM "{OWN}"><a/>']),
    (DECLARED, [f'<!DOCTYPE a [<!ENTITY f SYSTEM "{OWN}">]>{SDK}&f;{END}']),
    ("the root element CLICKATELLSDK, found ", ["<CL\u0131CKATELLSDK/>", "<CLICKATELLSDK xmlns='u'/>"]),
    ("one element Result, found none", [f"{SDK}<a><Result/></a>{END}"]),
    ("Success or Error in Result, found 'Maybe'", [replaced("Success", "Maybe")]),
    ("get_list_callback in Action, found 'other'", [replaced(">get_list_callback<", ">other<")]),
    ("seconds since 1970 in Timestamp, found ", [replaced("1316512313", text) for text in NO_NUMBERS]),
    ("ASCII digits in callback_type_id, found ", [replaced(">0<", f">{text}<") for text in NO_NUMBERS]),
    ("text in callback_type, found ''", [replaced("HTTP GET", " "), replaced("callback_type>", "type>")]),
    ("each element once in Value, found one of them repeated", [replaced(ID, f"{'<a/>' * 1_000_000}{ID}")]),
    ("text in callback_type_id, found elements", [replaced(">0<", f">0{'<a/>' * 1_000_000}<")]),
    ("three ASCII digits in Error, found '", [error("text"), error(), error("103", "07")]),
]
CASES = [(message, body) for message, bodies in MALFORMED for body in bodies]


@pytest.mark.parametrize(("message", "body"), CASES, ids=range(len(CASES)))
def test_malformed(message: str, body: str | bytes) -> None:
    with pytest.raises(MalformedResponse) as raised:
        client.parse_callback_types(body.encode() if isinstance(body, str) else body)
    assert str(raised.value).startswith(f"expected {message}")
    assert len(str(raised.value)) < 200


SPACES, GZIP, REST = gzip.compress(b" " * (20 * MAX_BODY)), gzip.compress(RESPONSE), gzip.compress(RESPONSE[50:])
BODIES: list[tuple[str, object, bytes]] = [
    (" X-GZIP ", TYPES, GZIP),
    ("gzip", TYPES, gzip.compress(RESPONSE[:50]) + gzip.compress(b"") * 1000 + REST),
    ("gzip", "the compressed body ends early: try again", GZIP + GZIP[:-1]),
    ("gzip", "Content-Encoding says gzip, but the body isn't: check the proxy", RESPONSE),
    ("gzip", "Content-Encoding says gzip, but the body isn't: check the proxy", GZIP[:-8] + bytes(8)),
    ("gzip", "expected well-formed XML, found an empty body", gzip.compress(b"") * 50_000),
    ("gzip", "the body is larger than 10485760 bytes: check the URL", SPACES),
]


@pytest.mark.parametrize(("encoding", "expected", "body"), BODIES, ids=range(len(BODIES)))
def test_compressed(encoding: str, expected: object, body: bytes) -> None:
    tracemalloc.start()
    try:
        with scripted(answer(body, "200 OK", f"Content-Encoding:{encoding}")) as url:
            found: object = ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types()
    except ConnectAPIError as raised:
        found = str(raised)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert found == expected
    assert peak < 8 * MAX_BODY


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(some.data())
def test_any_change_of_a_response(data: some.DataObject) -> None:
    body = bytearray(data.draw(some.sampled_from([path.read_bytes() for path in sorted(XML.rglob("*.xml"))])))
    for _ in range(data.draw(some.integers(1, 5))):
        place = data.draw(some.integers(0, len(body) - 1))
        body[place : place + data.draw(some.integers(0, 3))] = data.draw(some.binary(max_size=3))
    outcome(bytes(body))
