"""The client: what it sends, where it calls, what each failure says, and that no secret leaves it."""

# ruff: noqa: ANN401 (wrong types are what these tests are about)
from __future__ import annotations

import ast
import gzip
import inspect
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
from scripted_server import Script, answer, drip, dripping, ended, scripted, send, stall

ROOT = Path(__file__).resolve().parent.parent
XML = ROOT / "docs" / "xml"
RESPONSE = (XML / "response.xml").read_bytes()
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 (made up)
PASSWORD = "Pass.word-31!"  # noqa: S105 (made up)
HOST = "https://example.com"
VARIABLES = "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY REQUESTS_CA_BUNDLE CURL_CA_BUNDLE"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this machine presets doesn't count."""
    for name in f"{VARIABLES} {VARIABLES.lower()} CONNECT_API_TOKEN CONNECT_API_URL".split():
        monkeypatch.delenv(name, raising=False)


def failing(call: Callable[[], object]) -> ConnectAPIError:
    with pytest.raises(ConnectAPIError) as raised:
        call()
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


def success(action: str, *values: dict[str, object]) -> bytes:
    fields = ["".join(f"<{name}>{text}</{name}>" for name, text in value.items()) for value in values]
    rows = "".join(f"<Value>{row}</Value>" for row in fields)
    head = f"<CLICKATELLSDK><Action>{action}</Action><Result>Success</Result><Values>{rows}</Values>"
    return f"{head}<Timestamp>1316512313</Timestamp></CLICKATELLSDK>".encode()


SAMPLE = {"user": "sampleuser", "password": "samplepass1"}
USER = {"user": "b.o@example.com", "password": PASSWORD}
SOLVED, SENT = {"captcha": Captcha("c2a", "x 7")}, {"captcha_id": "c2a", "captcha_code": "x 7"}
CREATE = {"callback_url": "https://example.com/callback", "callback_type_id": 0}
CREATE |= {"callback_username": "sampleservice", "callback_password": "samplesecret"}
MORE = {"connection_id": 2, "ftp_password": "more than ten", "api_description": "1 < 2 & é", "ip_address": "192.0.2.1"}
PNG = {"captcha_id": "c2a", "captcha_image": "%89PNG%0D\n %0A%1A%0A%2B+%FF"}
XML_API, TYPE = (
    {"connection_type_id": 13, "connection_type": "XML API"},
    {"callback_type_id": 5, "callback_type": "SOAP Get"},
)
CALLS: list[tuple[str, str, dict[str, Any], str | dict[str, Any], dict[str, Any], object]] = [
    ("list_callback_types", "get_list_callback", {}, "request.xml", TYPE, [(5, "SOAP Get")]),
    ("list_connection_types", "get_list_connection", {}, {}, XML_API, [client.ConnectionType(13, "XML API")]),
    ("get_captcha", "get_captcha", {}, {}, PNG, ("c2a", b"\x89PNG\r\n\x1a\n+ \xff")),
    ("authenticate_user", "", SAMPLE, "authenticate-user/request.xml", {"Usernumber": "03401455"}, "03401455"),
    ("authenticate_user", "", {**USER, **SOLVED}, {**USER, **SENT}, {"Usernumber": 1}, "1"),
    ("create_connection", "", {**SAMPLE, **CREATE}, "create-connection/request.xml", {"api_id": 33342}, 33342),
    (
        "create_connection",
        "",
        {**USER, **MORE, "dial_prefix": "44"},
        {**USER, **MORE, "Dial_prefix": "44"},
        {"api_id": 1},
        1,
    ),
]


@pytest.mark.parametrize(("name", "action", "arguments", "expected", "value", "result"), CALLS, ids=str)
def test_call(name: str, action: str, arguments: Any, expected: Any, value: dict[str, object], result: object) -> None:
    """It sends the documented document, in the query or in the body if that has a password, and reads the result."""
    log: list[bytes] = []
    with scripted(answer(success(action or name, value), log=log)) as url, ConnectAPI(TOKEN, f"{url}/xml//") as api:
        assert getattr(api, name)(**arguments) == result
    head, _, form = log[0].decode().partition("\r\n\r\n")
    method, target = head.split(" ")[:2]
    assert (method, urlsplit(target).path) == ("POST" if arguments else "GET", f"/xml/{TOKEN}")
    assert bool(form) == bool(arguments), "passwords travel in the body"
    (document,) = parse_qs(form or urlsplit(target).query, strict_parsing=True)["XML"]
    sent = {element.tag: element.text for element in etree.fromstring(document)}
    if isinstance(expected, str):
        assert sent == {element.tag: element.text for element in etree.parse(XML / expected).getroot()}
    else:
        assert sent == {"action": action or name, **{element: str(text) for element, text in expected.items()}}


UNEXPECTED = [
    ([{**PNG, "captcha_image": "PNG"}], "a URL-encoded PNG file in captcha_image, found something else"),
    ([{**PNG, "captcha_id": ""}], "text in captcha_id, found ''"),
    ([PNG, PNG], "one element Value, found 2"),
    ([], "one element Value, found none"),
]


@pytest.mark.parametrize(("values", "message"), UNEXPECTED, ids=str)
def test_captcha_that_is_not_one(values: list[dict[str, object]], message: str) -> None:
    with scripted(answer(success("get_captcha", *values))) as url:
        assert str(failing(ConnectAPI(TOKEN, url).get_captcha)) == f"expected {message}"


@pytest.mark.parametrize("call", ["authenticate_user", "create_connection"])
def test_response_to_another_call(call: str) -> None:
    with scripted(answer(RESPONSE)) as url:
        error = failing(lambda: getattr(ConnectAPI(TOKEN, url), call)("user", PASSWORD))
    assert str(error) == f"expected {call} in Action, found 'get_list_callback'"
    assert_hidden(PASSWORD, error)


REFUSED: list[tuple[str, dict[str, Any]]] = [
    *[("user must be text of 1 to 128 characters", {"user": user}) for user in ("", "a" * 129, None, 7)],
    *[("password must be text of 1 to 32 characters", {"password": p}) for p in ("", PASSWORD * 3, None, 123456)],
    ("captcha must be a Captcha", {"captcha": ("12345", "abc123")}),
    *[("can't send password: use", {"password": PASSWORD + bad}) for bad in ("\x00", "\x1b", "\ud800", "\ufffe")],
    ("can't send callback_password: use", {"callback_password": PASSWORD + "\x1b"}),
    ("can't send callback_type_id: use", {"callback_type_id": True}),
    ("can't send connection_id: use", {"connection_id": 1.5}),
    ("can't send Dial_prefix: use", {"dial_prefix": b"44"}),
    ("can't send captcha_code: use", {"captcha": Captcha("1", 2.5)}),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("message", "arguments"), REFUSED, ids=str)
def test_arguments_that_cannot_be_sent(message: str, arguments: dict[str, Any]) -> None:
    error = failing(lambda: ConnectAPI(TOKEN).create_connection(**{**USER, **arguments}))
    assert (type(error), str(error)[: len(message)]) == (client.InvalidRequest, message)
    assert_hidden(PASSWORD, error)


@pytest.mark.parametrize("name", ["two words", "", "1st", "a:b", "é", "{urn:x}a"])
def test_names_that_xml_does_not_allow(name: str) -> None:
    assert "can't send" in str(failing(lambda: client.build_request("a_call", **{name: "x"})))


@pytest.mark.parametrize("arguments", [{"user": "ü" * 128}, {"password": "&" * 32}, {"callback_url": "x"}], ids=str)
def test_the_service_checks_the_rest(arguments: dict[str, Any]) -> None:
    with scripted(answer(success("create_connection", {"api_id": 1}))) as url:
        assert ConnectAPI(TOKEN, url).create_connection(**{**USER, **arguments}) == 1


# Where it calls.

BASE_URLS = """
http://connect.clickatell.com/ http://127.0.0.1.example.com/ http://localhost.example.com/ http://example.com:443
ftp://127.0.0.1/ connect.clickatell.com // https:// https:/example.com https:///example.com https:example.com file:///x
https://user:hush@example.com/ https://user@example.com https://example.com/?a=b https://example.com/#a
https://example.com\\@127.0.0.1/ http://other\\[::1]/ http://127.0.0.1\\@other/ http://127.0.0.1\\other http:\\\\[::1]
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
BASE_URLS += [
    "https://example.com/\n",
    "https://example.com\r\n",
    "https://example.com/\x00",
    "http://127.0.0.1\u3002/",
]


@pytest.mark.parametrize("base_url", [*BASE_URLS, None, 7, b"https://example.com/"], ids=ascii)
def test_refused_base_url(base_url: Any) -> None:
    error = failing(lambda: ConnectAPI(TOKEN, base_url))
    assert str(error) == "base_url must start with https:// (except for loopback), without ? # @ or backslash"
    assert_hidden("hush", error)


ACCEPTED = """
http://localhost:1 http://LOCALHOST http://127.0.0.1:1/xml http://127.9.9.9 http://[::1]:1 http://[0:0:0:0:0:0:0:1]
https://example.com https://EXAMPLE.com:443/a/b.c/%20;=& https://my_host https://[2001:db8::1]/ https://192.0.2.1:8443
https://example.com. https://xn--exmple-cua.com https://127.0.0.1.example.com https://example.com/../x
""".split()  # noqa: SIM905


@pytest.mark.parametrize("base_url", ACCEPTED)
def test_accepted_base_url(base_url: str) -> None:
    """Every parser reads the same host: those of urllib3 and of Python, before and after requests."""
    api = ConnectAPI(TOKEN, base_url)
    assert api.base_url == base_url.rstrip("/") + "/"
    urls = [base_url, str(requests.Request("GET", api.base_url + TOKEN).prepare().url)]
    hosts = [urlsplit(url).hostname for url in urls] + [str(parse_url(url).host).strip("[]") for url in urls]
    assert len(set(hosts)) == 1


TOKENS = ["", "t", "a" * 7, "a" * 201, "a/bcdefgh", "........", "a?bcdefgh", "a%2fbcdefgh", "abcdefg\n", "é" * 8]
TIMEOUTS = [0, -1, 86401, 10**400, float("inf"), float("nan"), None, "5", True]
SETTINGS: list[tuple[str, tuple[Any, ...]]] = [
    ("token must be 8 to 200 ASCII letters, digits and . _ ~ -", (token,)) for token in [*TOKENS, None, 12345678]
]
SETTINGS += [("timeout must be a number of seconds above 0, and at most 86400", (TOKEN, HOST, t)) for t in TIMEOUTS]


@pytest.mark.parametrize(("message", "arguments"), SETTINGS, ids=ascii)
def test_refused_setting(message: str, arguments: tuple[Any, ...]) -> None:
    error = failing(lambda: ConnectAPI(*arguments))
    assert str(error) == message
    assert_hidden(TOKEN, error)


def test_environment_names_token_and_url(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "set CONNECT_API_TOKEN" in str(failing(ConnectAPI.from_environment))
    monkeypatch.setenv("CONNECT_API_TOKEN", TOKEN)
    assert ConnectAPI.from_environment().base_url == "https://connect.clickatell.com/"
    monkeypatch.setenv("CONNECT_API_URL", HOST)
    assert repr(ConnectAPI.from_environment()) == "ConnectAPI(base_url='https://example.com/', timeout=10)"


# What the session and the environment say.


class Recorder(requests.adapters.HTTPAdapter):
    """It sends nothing, and keeps what it was given."""

    error: type[BaseException] = requests.ConnectionError
    closed = False

    def close(self) -> None:
        self.closed = True

    def send(self, request: requests.PreparedRequest, *_: Any, **given: Any) -> requests.Response:
        self.request, self.given = request, given
        raise self.error(request.url) from None


def recorded(session: requests.Session, base_url: str = HOST) -> Recorder:
    recorder = Recorder()
    for scheme in ("http://", "https://"):
        session.mount(scheme, recorder)
    failing(ConnectAPI(TOKEN, base_url, 7, session).list_callback_types)
    assert (recorder.given["timeout"], recorder.given["stream"]) == (7, True)
    return recorder


def test_connections_are_closed_at_the_end() -> None:
    session = requests.Session()
    session.mount("https://", recorder := Recorder())
    with ConnectAPI(TOKEN, session=session):
        assert not recorder.closed
    assert recorder.closed


PROXY, OTHER = "http://proxy.example:3128", "http://other.example:3128"
PROXIES: list[tuple[str, dict[str, str], str, str | None]] = [
    (HOST, {}, "", PROXY),
    (HOST, {}, "example.com", None),
    (HOST, {"https": OTHER}, "", OTHER),
    (HOST, {"all": OTHER}, "", OTHER),
    (HOST, {"http": OTHER}, "", None),
    ("https://127.0.0.1", {}, "", None),
    ("https://127.0.0.1", {"https": OTHER}, "", OTHER),
    ("http://127.0.0.1", {}, "", None),
    ("http://localhost", {}, "", None),
    ("http://[::1]", {"http": OTHER, "all": OTHER}, "", None),
]


@pytest.mark.parametrize(("base_url", "proxies", "no_proxy", "expected"), PROXIES, ids=str)
def test_proxy(
    base_url: str, proxies: dict[str, str], no_proxy: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session counts, then the environment. Nothing on this machine goes through a proxy of the environment."""
    for name, value in {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "ALL_PROXY": PROXY, "NO_PROXY": no_proxy}.items():
        monkeypatch.setenv(name, value)
    with requests.Session() as session:
        session.proxies = proxies
        for _ in range(2):
            recorder = recorded(session, base_url)
            assert requests.utils.select_proxy(str(recorder.request.url), recorder.given["proxies"]) == expected
            session.trust_env, expected = False, None if expected == PROXY else expected


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize(("verify", "expected"), [(True, "bundle.pem"), ("pinned.pem", "pinned.pem"), (False, False)])
def test_authority(variable: str, verify: Any, expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "bundle.pem")
    with requests.Session() as session:
        session.verify = verify
        assert recorded(session).given["verify"] == expected
        session.trust_env = False
        assert recorded(session).given["verify"] == verify


def test_netrc_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("default login somebody password hush\n", encoding="utf-8")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert requests.utils.get_netrc_auth(HOST), "requests would use it"
    with requests.Session() as session:
        assert "Authorization" not in recorded(session).request.headers
        session.auth = ("user", "password")
        assert "Authorization" in recorded(session).request.headers


# What can fail on the way.

LARGE = client.MAX_BODY + 1
GZIP = "Content-Encoding: gzip"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
TOO_LARGE = "the body is larger than 10485760 bytes: check the URL"
LATE = "the body was not complete after 0.3 s: try again, or pass a longer timeout"
FALSE = "Content-Encoding says gzip, but the body isn't: check the proxy"
CLOSED = "the connection was closed before the body was complete: try again"
NOTHING = "could not connect, or the connection was closed early: check the URL and the network"
WRONG = "without an error code: check the URL, the token and the proxy"
FAILURES: dict[str, tuple[Script, str, int | None]] = {
    "status 404": (answer(f"<html>no /{TOKEN}".encode(), "404 Not Found"), f"HTTP status 404 {WRONG}", 404),
    "status 503": (answer(b"", "503 Busy"), "HTTP status 503 without an error code: try again later", 503),
    "success at 500": (answer(RESPONSE, "500 No"), "HTTP status 500 without an error code: try again later", 500),
    "redirect": (answer(b"", "302 Found", "Location: http://127.0.0.1:9/"), f"HTTP status 302 {WRONG}", 302),
    "redirect to nowhere": (answer(b"", "302 Found", f"Location: https://[{TOKEN}]/"), f"HTTP status 302 {WRONG}", 302),
    "large redirect": (answer(b" " * LARGE, "302 Found", "Location: /"), TOO_LARGE, 302),
    "large": (answer(b" " * LARGE), TOO_LARGE, 200),
    "large when decompressed": (answer(gzip.compress(b" " * LARGE), "200 OK", GZIP), TOO_LARGE, 200),
    "false gzip": (answer(RESPONSE, "200 OK", GZIP), FALSE, 200),
    "cut gzip": (
        answer(gzip.compress(RESPONSE)[:-9], "200 OK", GZIP),
        "the compressed body ends early: try again",
        None,
    ),
    "no HTTP": (send(b"hello\r\n\r\n"), NOTHING, None),
    "closed at once": (send(), NOTHING, None),
    "closed in the body": (send(OK + b"Content-Length: 500\r\n\r\n<CLICK"), CLOSED, None),
    "closed in a chunk": (send(CHUNKED + b"50\r\n<CLICK"), CLOSED, None),
    "stalled": (stall, "no response within 0.3 s: check the URL and the network, or pass a longer timeout", None),
    "stalled in the body": (dripping(OK + b"Content-Length: 9\r\n\r\n", b""), LATE, None),
    "dripping": (drip, LATE, None),
    "dripping with no length": (dripping(OK + b"\r\n", b" ", RESPONSE), LATE, None),
    "dripping before a chunk": (dripping(CHUNKED + b"3;", b"x"), LATE, None),
    "dripping after the chunks": (dripping(CHUNKED + b"0\r\n", b"X: y\r\n"), LATE, None),
    "dripping gzip": (dripping(OK + f"{GZIP}\r\n\r\n".encode(), gzip.compress(b"")), LATE, None),
    "dripping error": (dripping(b"HTTP/1.1 503 Busy\r\nContent-Length: 100000\r\n\r\n"), LATE, None),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failure_on_the_way(name: str) -> None:
    script, message, status = FAILURES[name]
    with scripted(script) as url:
        error = failing(ConnectAPI(TOKEN, url, timeout=0.3).list_callback_types)
    assert isinstance(error, TransportError)
    assert (str(error), error.status) == (message, status), "whether to try again depends on both"
    assert_hidden(TOKEN, error)
    assert script not in ended, "the client hung up when the time was over"


@pytest.mark.parametrize("waits", [False, True])
def test_response_that_a_test_made_up(waits: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no socket to shut down. A wait that ends just before the limit is the same as the limit."""
    rest = [RESPONSE, b""]

    def read(*_: object, **__: object) -> bytes:
        if waits:
            raise ReadTimeoutError(None, None, "")  # type: ignore[arg-type]
        return rest.pop(0)

    session, made_up = requests.Session(), requests.Response()
    made_up.status_code, made_up.raw = 200, SimpleNamespace(read=read, close=list)
    monkeypatch.setattr(session, "send", lambda *_, **__: made_up)
    call = ConnectAPI(TOKEN, timeout=0.3, session=session).list_callback_types
    assert str(failing(call)) == LATE if waits else len(call()) == 2


UNTRUSTED = "TLS failed: check that this machine trusts the server's certificate"
MISSING = "could not read the certificate file: check REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and session.verify"


TLS: list[tuple[Any, Script, str | None]] = [(True, stall, UNTRUSTED), ("missing.pem", stall, MISSING)]
TLS += [("ca.pem", drip, LATE), ("ca.pem", answer(RESPONSE), None)]


@pytest.mark.parametrize(("verify", "script", "message"), TLS, ids=["untrusted", "missing", "late", "trusted"])
def test_tls(verify: Any, script: Script, message: str | None, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with scripted(script, context) as url, requests.Session() as session:
        session.verify = verify if verify is True else str(tmp_path / verify)
        api = ConnectAPI(TOKEN, url, 0.3 if message == LATE else 10, session)
        if message is None:
            assert len(api.list_callback_types()) == 2
        else:
            error = failing(api.list_callback_types)
            assert (str(error), error.status) == (message, None)  # type: ignore[attr-defined]
            assert_hidden(TOKEN, error)


UNREADABLE = "could not read the URL of the proxy: check HTTPS_PROXY and session.proxies"
UNUSABLE = [
    ("http://127.0.0.1:9", "could not use the proxy: check HTTPS_PROXY and session.proxies"),
    ("socks5://127.0.0.1:9", "a SOCKS proxy needs one more library: run pip install requests[socks]"),
    *((proxy, UNREADABLE) for proxy in ("http://", "http://[::1", "http://a:b:c", "gopher://127.0.0.1:9", "://")),
]


@pytest.mark.parametrize(("proxy", "message"), UNUSABLE)
def test_proxy_that_cannot_be_used(proxy: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    error = failing(ConnectAPI(TOKEN, HOST).list_callback_types)
    assert (str(error), error.status) == (message, None)  # type: ignore[attr-defined]
    assert_hidden(TOKEN, error)


# What stays inside.


@pytest.mark.parametrize("kind", [KeyboardInterrupt, requests.ConnectionError, ValueError])
def test_no_secret_in_local_variables(kind: type[BaseException]) -> None:
    """Not even if something fails that the client doesn't translate: then only the frames of others show the URL."""
    session = requests.Session()
    session.mount("https://", recorder := Recorder())
    recorder.error = kind
    secrets: dict[str, Any] = {"ftp_password": "hush-ftp", "callback_password": "hush-callback", "password": PASSWORD}
    secrets |= {"callback_url": "https://user:hush-url@example.com/"}
    with pytest.raises((KeyboardInterrupt, ConnectAPIError)) as raised:
        ConnectAPI(TOKEN, HOST, session=session).create_connection("user", **secrets)
    for secret in [TOKEN, *secrets.values()]:
        if kind is KeyboardInterrupt:
            assert secret not in variables(raised.value)
        else:
            assert_hidden(secret, raised.value)


ECHOES = [
    (TOKEN, f"at /{TOKEN}.", "at /***."),
    (TOKEN, f"%2F{TOKEN.upper()}x", "%2F***x"),
    (TOKEN, f"Authentication failed (user name or password) {PASSWORD}", None),
    ("password", "Authentication failed (user name or password)", "Authentication failed (user name or ***)"),
    ("recorded", "Recorded, not prerecorded or recorded2: recorded.", "***, not prerecorded or recorded2: ***."),
    ("error-007", "error-0070 /error-007?", "error-0070 /***?"),
]


@pytest.mark.parametrize(("token", "text", "expected"), ECHOES)
def test_only_the_token_is_taken_out_of_what_the_service_says(token: str, text: str, expected: str | None) -> None:
    body = f"<CLICKATELLSDK><Result>Error</Result><Error>005</Error><Description>{text}</Description></CLICKATELLSDK>"
    for status in ("200 OK", "302 Found", "403 Forbidden", "500 Oops"):
        with scripted(answer(body.encode(), status, "Location: /")) as url:
            error = failing(lambda: ConnectAPI(token, url).authenticate_user("user", PASSWORD))
        assert isinstance(error, ServiceError), "with any HTTP status"
        assert error.message == (expected or text)
        assert_hidden(TOKEN, error)


@pytest.mark.parametrize("body", [f"<a{TOKEN}/>", f"<CLICKATELLSDK><Result>{'x' * 40}{TOKEN}</Result></CLICKATELLSDK>"])
def test_token_in_a_malformed_response(body: str) -> None:
    with scripted(answer(body.encode())) as url:
        error = failing(ConnectAPI(TOKEN, url).list_callback_types)
    assert_hidden(TOKEN[:16], error)


ERRORS = [client.InvalidRequest("message"), ServiceError([("007", "Command not allowed"), ("008", "")])]
ERRORS += [MalformedResponse("this", "that"), TransportError("message", 404)]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_errors_travel_between_processes(error: ConnectAPIError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 (made here)
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


# The file as something to copy.


def test_older_python_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    ast.parse(Path(client.__file__).read_text(encoding="utf-8"), feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 8, 18))
    with pytest.raises(ImportError, match=r"needs Python 3\.9 or newer, but this is 3\."):
        runpy.run_path(client.__file__)


def test_help_leads_to_the_site() -> None:
    assert f"site_url: !ENV [SITE_URL, '{client.DOCS_URL}']" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert ServiceError([("046", "")]).help_url == "http://127.0.0.1:8000/callback-types/errors/#error-046"


STATED = [f"{inspect.signature(ConnectAPI).parameters['timeout'].default} seconds for connecting", "10 MiB (MAX_BODY)"]


@pytest.mark.parametrize("text", STATED)
def test_pages_state_the_limits(text: str, request: pytest.FixtureRequest) -> None:
    assert client.MAX_BODY == 10 * 2**20
    try:
        says = request.getfixturevalue("says")
    except pytest.FixtureLookupError:
        pytest.skip("the fixture `says` comes with the new conftest.py")
    says("guides/production.md", text)
