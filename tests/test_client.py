"""The client: what it sends, where it calls, what each failure says, and that no secret leaves it."""

from __future__ import annotations

import ast
import gzip
import pickle
import runpy
import ssl
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import trustme
from lxml import etree
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import parse_url

import connect_api as client
from connect_api import Captcha, ConnectAPI, ConnectAPIError, MalformedResponse, ServiceError, TransportError
from scripted_server import Script, answer, dripping, ended, received, scripted, stall

XML = Path(__file__).resolve().parent.parent / "docs" / "xml"
RESPONSE = (XML / "response.xml").read_bytes()
TOKEN = "0123456789abcdef0123456789abcdef"
PASSWORD = "Pass.word-31!"
HOST = "https://example.com"
VARIABLES = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY REQUESTS_CA_BUNDLE CURL_CA_BUNDLE"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine presets doesn't count."""
    for name in f"{VARIABLES} {VARIABLES.lower()} CONNECT_API_TOKEN CONNECT_API_URL".split():
        monkeypatch.delenv(name, raising=False)


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


def success(action: str, *values: dict[str, Any]) -> bytes:
    fields = ["".join(f"<{name}>{text}</{name}>" for name, text in value.items()) for value in values]
    rows = "".join(f"<Value>{row}</Value>" for row in fields)
    head = f"<CLICKATELLSDK><Action>{action}</Action><Result>Success</Result><Values>{rows}</Values>"
    return answer(f"{head}<Timestamp>1316512313</Timestamp></CLICKATELLSDK>".encode())


SAMPLE = {"user": "sampleuser", "password": "samplepass1"}
USER = {"user": "b.o@example.com", "password": PASSWORD}
SOLVED, SENT = {"captcha": Captcha("c2a", "x 7")}, {"captcha_id": "c2a", "captcha_code": "x 7"}
CREATE = {"callback_url": "https://example.com/callback", "callback_type_id": 0}
CREATE |= {"callback_username": "sampleservice", "callback_password": "samplesecret"}
MORE = {"connection_id": 2, "ftp_password": "more than ten", "api_description": "1 < 2 & é", "ip_address": "192.0.2.1"}
PREFIX = {"Dial_prefix": "4"}
PNG = {"captcha_id": "c2a", "captcha_image": "%89PNG%0D\n %0A%1A%0A%2B+%FF"}
XML_API = {"connection_type_id": 13, "connection_type": "XML API"}
TYPE = {"callback_type_id": 5, "callback_type": "SOAP Get"}
CALLS: list[tuple[str, str, dict[str, Any], str | dict[str, Any], dict[str, Any], object]] = [
    ("list_callback_types", "get_list_callback", {}, "request.xml", TYPE, [client.CallbackType(5, "SOAP Get")]),
    ("list_connection_types", "get_list_connection", {}, {}, XML_API, [client.ConnectionType(13, "XML API")]),
    ("get_captcha", "get_captcha", {}, {}, PNG, ("c2a", b"\x89PNG\r\n\x1a\n+ \xff")),
    ("authenticate_user", "", SAMPLE, "authenticate-user/request.xml", {"Usernumber": "03401455"}, "03401455"),
    ("authenticate_user", "", {**USER, **SOLVED}, {**USER, **SENT}, {"Usernumber": 1}, "1"),
    ("create_connection", "", {**SAMPLE, **CREATE}, "create-connection/request.xml", {"api_id": 33342}, 33342),
    ("create_connection", "", {**USER, **MORE, "dial_prefix": "4"}, {**USER, **MORE, **PREFIX}, {"api_id": 1}, 1),
    ("create_connection", "", {"user": "ü" * 128, "password": "&" * 32}, {}, {"api_id": 1}, 1),
]


@pytest.mark.parametrize(("name", "action", "arguments", "expected", "value", "result"), CALLS, ids=str)
def test_call(name: str, action: str, arguments: Any, expected: Any, value: dict[str, Any], result: object) -> None:
    """It sends the documented document, in the query or in the body if that has a password, and reads the result."""
    with scripted(success(action or name, value)) as url, ConnectAPI(TOKEN, f"{url}/xml//") as api:
        assert getattr(api, name)(**arguments) == result
    head, _, form = received[-1].decode().partition("\r\n\r\n")
    method, target = head.split(" ")[:2]
    assert (method, urlsplit(target).path) == ("POST" if arguments else "GET", f"/xml/{TOKEN}")
    assert bool(form) == bool(arguments), "passwords travel in the body"
    (document,) = parse_qs(form or urlsplit(target).query, strict_parsing=True)["XML"]
    sent = {element.tag: element.text for element in etree.fromstring(document)}
    if isinstance(expected, str):
        assert sent == {element.tag: element.text for element in etree.parse(XML / expected).getroot()}
    elif expected or not arguments:
        assert sent == {"action": action or name, **{tag: str(text) for tag, text in expected.items()}}


UNEXPECTED = [
    ("get_captcha", [{**PNG, "captcha_image": "PNG"}], "a URL-encoded PNG file in captcha_image, found something else"),
    ("get_captcha", [{**PNG, "captcha_id": ""}], "text in captcha_id, found ''"),
    ("get_captcha", [PNG, PNG], "one element Value, found 2"),
    ("get_captcha", [], "one element Value, found none"),
    ("authenticate_user", [TYPE], "authenticate_user in Action, found 'get_captcha'"),
    ("create_connection", [TYPE], "create_connection in Action, found 'get_captcha'"),
]


@pytest.mark.parametrize(("name", "values", "message"), UNEXPECTED, ids=str)
def test_result_that_the_call_does_not_document(name: str, values: list[dict[str, Any]], message: str) -> None:
    with scripted(success("get_captcha", *values)) as url:
        error = failing(getattr(ConnectAPI(TOKEN, url), name), **({} if name == "get_captcha" else USER))
    assert (type(error), str(error)) == (MalformedResponse, f"expected {message}")
    assert_hidden(PASSWORD, error)


# What it refuses before it sends anything.

create, build = ConnectAPI(TOKEN).create_connection, client.build_request
TOKEN_RULE = "token must be 8 to 200 ASCII letters, digits and . _ ~ -"
URL_RULE = "base_url must start with https:// (except for loopback), without ? # @ or backslash"
TOKENS = ["", "t", "a" * 7, "a" * 201, "a/bcdefgh", "." * 8, "a?bcdefgh", "a%2fbcdef", "abcdefg\n", "é" * 8, 12345678]
TIME_RULE = "timeout must be a number of seconds above 0, and at most 86400"
TIMEOUTS = [0, -1, 86401, 10**400, float("inf"), float("nan"), None, "5", True]
BASE_URLS: list[Any] = r"""
http://connect.clickatell.com/ http://127.0.0.1.example.com/ http://localhost.example.com/ http://example.com:443
ftp://127.0.0.1/ connect.clickatell.com // https:// https:/example.com https:///example.com https:example.com file:///x
https://user:hush@example.com/ https://user@example.com https://example.com/?a=b https://example.com/#a
https://example.com\@127.0.0.1/ http://other\[::1]/ http://127.0.0.1\@other/ http://127.0.0.1\other http:\\127.0.0.1
http://other@127.0.0.1/ http://127.0.0.1@other/ http://127.0.0.1:80@other/ http://127.0.0.1#@other/ http://[::1]@other/
http://127.0.0.1;other/ http://127.0.0.1,other/ http://[::1].other/ http://[::1]other http://other[::1] http://127.0.0.1?@o
http://[::1 http://::1 http://[::1%25lo]/ http://[fe80::1%251]/ http://[127.0.0.1]/ http://[localhost]/ https://[x]/
http://127.0.0.1%2eother/ http://127.0.0.1%00.other/ http://%3127.0.0.1/ http://localhost%2f@other/ https://a%5cb/
http://0x7f000001/ http://2130706433/ http://0177.0.0.1/ http://127.1/ http://127.0.0.01/ http://127.0.0.1./ http://0/
http://0.0.0.0/ http://[::]/ http://localhost./ http://localhost.localdomain/ http://10.0.0.1/ http://①②⑦.0.0.1/
https://example.com:99999/ https://example.com:x/ https://example.com:-1/ https://example.com:/ https://example.com:+1/
https://exämple.com/ https://example.com/ä https://example.com//other https://example.com/a//b HTTPS://example.com
""".split()  # noqa: SIM905
BASE_URLS += ["", " https://example.com", "https://example.com ", "https://example.com/a b", "https://exam\tple.com/"]
BASE_URLS += ["https://example.com/\n", "https://example.com/\x00", "http://127.0.0.1\u3002/", None, HOST.encode()]
REFUSED: list[tuple[str, Callable[..., object], tuple[Any, ...], dict[str, Any]]] = [
    *[(TOKEN_RULE, ConnectAPI, (token,), {}) for token in TOKENS],
    *[(TIME_RULE, ConnectAPI, (TOKEN, HOST, seconds), {}) for seconds in TIMEOUTS],
    *[(URL_RULE, ConnectAPI, (TOKEN, url), {}) for url in BASE_URLS],
    *[("user must be text of 1 to 128 characters", create, (user, "p"), {}) for user in ("", "a" * 129, None, 7)],
    *[("password must be text of 1 to 32 characters", create, ("u", p), {}) for p in ("", PASSWORD * 3, None, 123456)],
    ("captcha must be a Captcha", create, ("u", PASSWORD), {"captcha": ("12345", "abc123")}),
    *[("can't send password: use a", create, ("u", PASSWORD + bad), {}) for bad in "\x00\x1b\ud800\ufffe"],
    ("can't send callback_password: use a", create, ("u", "p"), {"callback_password": PASSWORD + "\x1b"}),
    ("can't send callback_type_id: use a", create, ("u", "p"), {"callback_type_id": True}),
    ("can't send connection_id: use a", create, ("u", "p"), {"connection_id": 1.5}),
    ("can't send Dial_prefix: use a", create, ("u", "p"), {"dial_prefix": b"44"}),
    ("can't send captcha_code: use a", create, ("u", "p"), {"captcha": Captcha("1", 2.5)}),  # type: ignore[arg-type]
    *[(f"can't send {name}: use a", build, ("call",), {name: "x"}) for name in ("a b", "", "1st", "a:b", "é", "{u}a")],
]


@pytest.mark.parametrize(("message", "call", "arguments", "named"), REFUSED, ids=[ascii(row[2:]) for row in REFUSED])
def test_refused(message: str, call: Callable[..., object], arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    error = failing(call, *arguments, **named)
    assert (type(error), str(error)[: len(message)]) == (client.InvalidRequest, message)
    for secret in (TOKEN, PASSWORD, "hush"):
        assert_hidden(secret, error)


ACCEPTED = """
http://localhost:1 http://LOCALHOST http://127.0.0.1:1/xml http://127.9.9.9 http://[::1]:1 http://[0:0:0:0:0:0:0:1]
https://example.com https://EXAMPLE.com:443/a/b.c/%20;=& https://my_host https://[2001:db8::1]/ https://192.0.2.1:8443
https://example.com. https://xn--exmple-cua.com https://127.0.0.1.example.com https://example.com/../x
""".split()  # noqa: SIM905


@pytest.mark.parametrize("base_url", ACCEPTED)
def test_accepted_base_url(base_url: str) -> None:
    """Every parser reads the same host: those of urllib3 and of Python, before and after requests."""
    api = ConnectAPI("recorded", base_url)
    assert repr(api) == f"ConnectAPI(base_url={base_url.rstrip('/') + '/'!r}, timeout=10)"
    urls = [base_url, str(requests.Request("GET", api.base_url + TOKEN).prepare().url)]
    hosts = [urlsplit(url).hostname for url in urls] + [str(parse_url(url).host).strip("[]") for url in urls]
    assert len(set(hosts)) == 1


# What the session and the environment say.


def test_environment_names_token_and_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "set CONNECT_API_TOKEN" in str(failing(ConnectAPI.from_environment))
    monkeypatch.setenv("CONNECT_API_TOKEN", TOKEN)
    assert ConnectAPI.from_environment().base_url == "https://connect.clickatell.com/"
    monkeypatch.setenv("CONNECT_API_URL", HOST)
    assert ConnectAPI.from_environment().base_url == "https://example.com/"


class Recorder(requests.adapters.HTTPAdapter):
    """It sends nothing, and keeps what it was given."""

    error: type[BaseException] = requests.ConnectionError
    closed = False

    def send(self, request: requests.PreparedRequest, *_: Any, **given: Any) -> requests.Response:
        self.request, self.given = request, given
        raise self.error(request.url) from None

    def close(self) -> None:
        self.closed = True


def recorded(session: requests.Session, base_url: str = HOST) -> Recorder:
    recorder = Recorder()
    session.mount(base_url[:8], recorder)
    with ConnectAPI(TOKEN, base_url, 7, session) as api:
        failing(api.list_callback_types)
        assert not recorder.closed
    assert (recorder.given["timeout"], recorder.given["stream"], recorder.closed) == (7, True, True)
    return recorder


PROXY, OTHER = "http://proxy.example:3128", "http://other.example:3128"
PROXIES: list[tuple[str, dict[str, str], str, str | None]] = [
    (HOST, {}, "", PROXY),
    (HOST, {}, "example.com", None),
    (HOST, {"all": OTHER}, "", OTHER),
    (HOST, {"http": OTHER}, "", None),
    ("https://127.0.0.1", {}, "", None),
    ("https://127.0.0.1", {"https": OTHER}, "", OTHER),
    ("http://localhost", {}, "", None),
    ("http://[::1]", {"http": OTHER, "all": OTHER}, "", None),
]


@pytest.mark.parametrize(("base_url", "own", "no_proxy", "expected"), PROXIES, ids=str)
def test_proxy(base_url: str, own: Any, no_proxy: str, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session counts, then the environment. Nothing on this machine goes through a proxy of the environment."""
    for name, value in {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "ALL_PROXY": PROXY, "NO_PROXY": no_proxy}.items():
        monkeypatch.setenv(name, value)
    session = requests.Session()
    session.proxies = own
    for session.trust_env in (True, False):
        recorder = recorded(session, base_url)
        chosen = requests.utils.select_proxy(str(recorder.request.url), recorder.given["proxies"])
        assert chosen == (expected if session.trust_env or own else None)


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(("verify", "expected"), [(True, "bundle.pem"), ("pinned.pem", "pinned.pem"), (False, False)])
def test_authority(variable: str, verify: Any, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "bundle.pem")
    session = requests.Session()
    session.verify = verify
    assert recorded(session).given["verify"] == expected
    session.trust_env = False
    assert recorded(session).given["verify"] == verify


def test_netrc_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login somebody password hush\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert requests.utils.get_netrc_auth(HOST), "requests would use it"
    session = requests.Session()
    assert "Authorization" not in recorded(session).request.headers
    session.auth = ("user", "password")
    assert "Authorization" in recorded(session).request.headers


# What can fail on the way.

LARGE = b" " * (10 * 2**20 + 1)
GZIP = "Content-Encoding: gzip"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TOO_LARGE = "the body is larger than 10485760 bytes: check the URL"
LATE = "the body was not complete after 0.3 s: try again, or pass a longer timeout"
FALSE = "Content-Encoding says gzip, but the body isn't: check the proxy"
CLOSED = "the connection was closed before the body was complete: try again"
NOTHING = "could not connect, or the connection was closed early: check the URL and the network"
WRONG = "without an error code: check the URL, the token and the proxy"
TOO_EARLY = "the compressed body ends early: try again"
FAILURES: list[tuple[Script, str, int | None]] = [
    (answer(f"<html>no /{TOKEN}".encode(), "404 Not Found"), f"HTTP status 404 {WRONG}", 404),
    (answer(b"", "503 Busy"), "HTTP status 503 without an error code: try again later", 503),
    (answer(RESPONSE, "500 No"), "HTTP status 500 without an error code: try again later", 500),
    (answer(b"", "302 Found", "Location: http://127.0.0.1:9/"), f"HTTP status 302 {WRONG}", 302),
    (answer(b"", "302 Found", f"Location: https://[{TOKEN}]/"), f"HTTP status 302 {WRONG}", 302),
    (answer(LARGE, "302 Found", "Location: /"), TOO_LARGE, 302),
    (answer(LARGE), TOO_LARGE, 200),
    (answer(gzip.compress(LARGE), "200 OK", GZIP), TOO_LARGE, 200),
    (answer(RESPONSE, "200 OK", GZIP), FALSE, 200),
    (answer(gzip.compress(RESPONSE)[:-9], "200 OK", GZIP), TOO_EARLY, None),
    (b"hello\r\n\r\n", NOTHING, None),
    (b"", NOTHING, None),
    (OK + b"Content-Length: 500\r\n\r\n<CLICK", CLOSED, None),
    (CHUNKED + b"50\r\n<CLICK", CLOSED, None),
    (stall, "no response within 0.3 s: check the URL and the network, or pass a longer timeout", None),
    (dripping(OK + b"Content-Length: 9\r\n\r\n", b""), LATE, None),
    (dripping(OK + b"Content-Length: 100000\r\n\r\n"), LATE, None),
    (dripping(OK + b"\r\n", b" ", RESPONSE), LATE, None),
    (dripping(CHUNKED + b"3;", b"x"), LATE, None),
    (dripping(CHUNKED + b"0\r\n", b"X: y\r\n"), LATE, None),
    (dripping(OK + f"{GZIP}\r\n\r\n".encode(), gzip.compress(b"")), LATE, None),
    (dripping(b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n"), LATE, None),
]


def assert_fails(api: ConnectAPI, message: str, status: int | None) -> None:
    error = failing(api.list_callback_types)
    assert isinstance(error, TransportError)
    assert (str(error), error.status) == (message, status), "whether to try again depends on both"
    assert_hidden(TOKEN, error)


@pytest.mark.parametrize("number", range(len(FAILURES)))
def test_failure_on_the_way(number: int) -> None:
    script, message, status = FAILURES[number]
    with scripted(script) as url:
        assert_fails(ConnectAPI(TOKEN, url, timeout=0.3), message, status)
    assert script not in ended, "the client hung up when the time was over"


def test_wait_that_ends_just_before_the_limit() -> None:
    """The response is made up, so it has no socket to shut down."""
    session, made_up = requests.Session(), requests.Response()
    made_up.status_code, made_up.raw = 200, SimpleNamespace(close=list)
    made_up.raw.read = lambda *_, **__: (_ for _ in ()).throw(ReadTimeoutError(None, None, ""))  # type: ignore[arg-type]
    session.send = lambda *_, **__: made_up  # type: ignore[method-assign]
    assert_fails(ConnectAPI(TOKEN, timeout=0.3, session=session), LATE, None)


UNTRUSTED = "TLS failed: check that this machine trusts the server's certificate"
MISSING = "could not read the certificate file: check REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and session.verify"


def test_tls(tmp_path: Path) -> None:
    authority, context, session = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), requests.Session()
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with scripted(dripping(OK + b"Content-Length: 9999\r\n\r\n"), context) as url:
        for session.verify, message in (True, UNTRUSTED), ("missing", MISSING), (str(tmp_path / "ca.pem"), LATE):
            assert_fails(ConnectAPI(TOKEN, url, 0.3, session), message, None)
    with scripted(answer(RESPONSE), context) as url:
        assert len(ConnectAPI(TOKEN, url, session=session).list_callback_types()) == 2


UNREADABLE = "could not read the URL of the proxy: check HTTPS_PROXY and session.proxies"
UNUSABLE = [
    ("http://127.0.0.1:9", "could not use the proxy: check HTTPS_PROXY and session.proxies"),
    ("socks5://127.0.0.1:9", "a SOCKS proxy needs one more library: run pip install requests[socks]"),
    *((proxy, UNREADABLE) for proxy in ("http://", "http://[::1", "http://a:b:c", "gopher://127.0.0.1:9", "://")),
]


@pytest.mark.parametrize(("proxy", "message"), UNUSABLE)
def test_proxy_that_cannot_be_used(proxy: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert_fails(ConnectAPI(TOKEN, HOST), message, None)


# What stays inside.


@pytest.mark.parametrize("kind", [KeyboardInterrupt, requests.ConnectionError, ValueError])
def test_no_secret_in_local_variables(kind: type[BaseException]) -> None:
    """Not even if something fails that the client doesn't translate: then only the frames of others show the URL."""
    session = requests.Session()
    session.mount("https://", recorder := Recorder())
    recorder.error = kind
    secrets = {"ftp_password": "hush-1", "callback_password": "hush-2", "callback_url": "https://u:hush-3@example.com/"}
    with pytest.raises((KeyboardInterrupt, ConnectAPIError)) as raised:
        ConnectAPI(TOKEN, HOST, session=session).create_connection("u", PASSWORD, **secrets)  # type: ignore[arg-type]
    for secret in (TOKEN, PASSWORD, "hush"):
        assert variables(raised.value)
        assert secret not in variables(raised.value)
        assert kind is KeyboardInterrupt or not raised.value.__context__


ECHO = "<CLICKATELLSDK><Result>Error</Result><Error>005</Error><Description>{}</Description></CLICKATELLSDK>"
ECHOES = [
    (TOKEN, ECHO.format(f"at /{TOKEN}. %2F{TOKEN.upper()}x"), "error 005: at /***. %2F***x"),
    (TOKEN, ECHO.format(f"Authentication failed (user name or password) {PASSWORD}"), None),
    ("password", ECHO.format("Failed (user name or password)"), "error 005: Failed (user name or ***)"),
    ("recorded", ECHO.format("Recorded, not prerecorded."), "error 005: ***, not prerecorded."),
    ("error-007", ECHO.format("error-0070 /error-007?"), "error 005: error-0070 /***?"),
    (TOKEN, f"<a{TOKEN}/>", "expected the root element CLICKATELLSDK, found 'a***'"),
]


@pytest.mark.parametrize(("token", "body", "expected"), ECHOES)
def test_only_the_token_is_taken_out_of_what_the_service_says(token: str, body: str, expected: str | None) -> None:
    for status in ("200 OK", "302 Found", "403 Forbidden", "500 Oops") if body.startswith(ECHO[:30]) else ("200 OK",):
        with scripted(answer(body.encode(), status, "Location: /")) as url:
            error = failing(ConnectAPI(token, url).authenticate_user, "user", PASSWORD)
        assert str(error) == expected or (expected is None and PASSWORD in str(error))
        assert_hidden(TOKEN, error)


ERRORS = [client.InvalidRequest("message"), ServiceError([("007", "Command not allowed"), ("008", "")])]
ERRORS += [MalformedResponse("this", "that"), TransportError("message", 404)]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_travel_between_processes(error: ConnectAPIError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_older_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ast.parse(Path(client.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(ImportError, match=r"needs Python 3\.9 or newer, but this is 3\."):
        runpy.run_path(client.__file__)
