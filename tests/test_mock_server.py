"""The mock: it responds as its page says, records what it received, and can't be blocked or misused."""

from __future__ import annotations

import ast
import base64
import contextlib
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

import pytest
import requests
from lxml import etree

import mock_server as module
from facts import FACTS, SNIPPETS, XML
from mock_server import CALLBACK_TYPES, CONNECTION_IDS, MAX_REQUEST, STATUS, Callback, Delivery, MockServer

MOCK = SNIPPETS / "mock_server.py"
DOCUMENT = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
RESPONSE = (XML / "response.xml").read_bytes()
USER = {"user": "sampleuser", "password": "samplepass1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
Call = Callable[..., etree._Element]


@pytest.fixture
def call(mock: MockServer, session: requests.Session) -> Call:
    """Call the mock with these elements; return the root element of the response."""

    def call(action: str, token: str = "any-token", **elements: str) -> etree._Element:
        root = etree.Element("clickatellsdk")
        for name, text in {"action": action, **elements}.items():
            etree.SubElement(root, name).text = text
        data = {"XML": etree.tostring(root, encoding="unicode")}
        response = session.post(f"{mock.url}/{token}", data=data, timeout=10)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/xml")
        return etree.fromstring(response.content)

    return call


def codes(root: etree._Element) -> str:
    """The error codes of a response, each with the message that the User Guide gives it."""
    found = [str(element.text) for element in root.iter("Error")]
    messages = [element.text for element in root.iter("Description")]
    assert messages == [FACTS["user_guide_errors"][code] for code in found]
    return " ".join(found)


def embedded_documents() -> str:
    """The text of mock_server.py with the documents from docs/xml."""
    text = MOCK.read_text(encoding="utf-8")
    begin, end = "DOCUMENTS: dict[str, str] = {", "# The end of the documents."
    entries = ""
    for path in sorted([*XML.glob("*.xml"), *XML.glob("*/response.xml")]):
        lines = path.read_text(encoding="utf-8").split("\n")
        short = "\n".join("\\\n".join(re.findall(".{1,110}", line)) for line in lines)
        entries += f'    "{path.relative_to(XML).as_posix()}": """\\\n{short}""",\n'
    return f"{text.partition(begin)[0]}{begin}\n{entries}}}\n{end}{text.partition(end)[2]}"


def test_documents_in_the_file_are_those_of_the_site(update: Callable[[Path, str], None]) -> None:
    update(MOCK, embedded_documents())
    for name, text in module.DOCUMENTS.items():
        assert text == (XML / name).read_text(encoding="utf-8")
    ast.parse(MOCK.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_lists_are_those_of_the_sources() -> None:
    assert {key: names[1].upper() for key, names in FACTS["callback_types"].items()} == CALLBACK_TYPES
    assert list(FACTS["connection_types"]) == list(CONNECTION_IDS)
    assert {name: sample for name, (_, sample) in FACTS["callback_fields"].items()} == STATUS


# The response to a request.

DOCUMENTS = """
    any-token                get_list_callback    response.xml
    response                 get_list_callback    response.xml
    response.xml             get_list_callback    response.xml
    recorded                 get_list_callback    recorded.xml
    recorded.xml             get_list_callback    recorded.xml
    recorded                 authenticate_user    authenticate-user/response.xml
    recorded-error-103       get_list_callback    recorded-error-103.xml
    any-token                authenticate_user    authenticate-user/response.xml
    any-token                create_connection    create-connection/response.xml
    any-token                get_list_connection  get-list-connection/response.xml
    any-token                register             error-430.xml
    several-errors           get_list_callback    several-errors.xml
    request                  get_list_callback    request.xml
    error-007                get_list_connection  error-007.xml
"""
ERRORS = [[path.stem, "get_list_callback", path.name] for path in sorted(XML.glob("error-*.xml"))]


@pytest.mark.parametrize(("token", "action", "name"), [*map(str.split, DOCUMENTS.strip().splitlines()), *ERRORS])
def test_document(token: str, action: str, name: str, mock: MockServer, call: Call) -> None:
    failed = call(action, token, **USER).findtext("Result") == "Error"
    sent = (XML / name).read_bytes()
    expected = re.sub(rb"<Action>\w+", f"<Action>{action}".encode(), sent) if failed else sent
    assert mock.exchanges[-1].response == expected


def test_error_repeats_any_action(call: Call) -> None:
    assert call("a < b", "error-007").findtext("Action") == "a < b"


@pytest.mark.parametrize("path", ["error-000", "error-", "", "a/b", "error-007/x", "get-captcha/response.xml"])
def test_path_without_a_document(path: str, mock: MockServer, session: requests.Session) -> None:
    response = session.get(f"{mock.url}/{path}", params={"XML": DOCUMENT}, timeout=10)
    assert response.status_code == 404
    assert "It has error-004, error-007" in response.text or "authentication token" in response.text


@pytest.mark.parametrize("token", ["any-token", "response.xml", "error-007"])
def test_plain_http(token: str, mock: MockServer, session: requests.Session) -> None:
    response = session.get(f"{mock.http_url}/{token}", params={"XML": DOCUMENT}, timeout=10)
    assert response.content == (XML / "error-009.xml").read_bytes()


SPELLINGS = [
    DOCUMENT,
    DOCUMENT.upper().replace("GET_LIST_CALLBACK", "get_list_callback"),
    DOCUMENT.replace("action", "Action").replace("clickatellsdk", "ClickatellSDK"),
    f'<?xml version="1.0"?>\n{DOCUMENT}\n',
    f'<?xml version="1.0" encoding="UTF-8"?>{DOCUMENT}',
    DOCUMENT.replace("><", ">\n  <!-- comment --><").replace(">get", "> get"),
    DOCUMENT.replace("<action>", "<note>\u0416</note><action>"),
]


@pytest.mark.parametrize("document", SPELLINGS)
@pytest.mark.parametrize("way", ["query", "form", "raw form", "chunks"])
def test_request_in_any_spelling(document: str, way: str, mock: MockServer, session: requests.Session) -> None:
    url, raw = f"{mock.url}/any-token", f"XML={document}".encode()  # a public PHP client doesn't percent-encode it
    if way == "query":
        response = session.get(url, params={"XML": document}, timeout=10)
    elif way == "form":
        response = session.post(url, data={"XML": document}, timeout=10)
    else:
        body = raw if way == "raw form" else iter([raw[:10], raw[10:]])
        response = session.post(url, data=body, headers=FORM, timeout=10)
    assert response.content == RESPONSE
    assert (mock.exchanges[-1].document, mock.exchanges[-1].action) == (document, "get_list_callback")


@contextlib.contextmanager
def connected(mock: MockServer, name: str = "localhost") -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=mock.ca_file)
    plain = socket.create_connection(("127.0.0.1", mock.tls_port), 10)
    with plain, context.wrap_socket(plain, server_hostname=name) as connection:
        yield connection


def send(mock: MockServer, first_line: str, body: str = "", *headers: str) -> bytes:
    """Send a request byte for byte, and return the whole response."""
    with connected(mock) as connection:
        lines = [first_line, "Host: localhost", "Connection: close", *headers, "", body]
        connection.sendall("\r\n".join(lines).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_requests_of_a_php_client(mock: MockServer) -> None:
    """The list, a sign-in and an error, as PHP's curl sends them."""
    sign_in = "<user>sampleuser</user><password>samplepass1</password><Action>authenticate_user</Action>"
    for token, elements, expected in [
        ("abc123", "<Action>get_list_callback</Action>", RESPONSE),
        ("abc123", sign_in, b"<Usernumber>3401455</Usernumber>"),
        ("error-007", "<Action>get_list_callback</Action>", b"<Description>Command not allowed</Description>"),
    ]:
        body = f'XML=<?xml version="1.0"?>\n<clickatellsdk>{elements}</clickatellsdk>\n'
        headers = [f"Content-Length: {len(body)}", f"Content-Type: {FORM['Content-Type']}", "Accept: */*"]
        assert expected in send(mock, f"POST /{token} HTTP/1.1", body, *headers)


def test_raw_query_string(mock: MockServer) -> None:
    document = DOCUMENT.replace("><", "><n>\u0416</n><", 1)
    assert send(mock, f"GET /t?XML={document} HTTP/1.1").endswith(RESPONSE)
    assert mock.exchanges[-1].document == document


UNUSABLE = [
    *["", "text", "\0", "<clickatellsdk/>", DOCUMENT[:-1], f"<!DOCTYPE a>{DOCUMENT}"],
    "<clickatellsdk><action/></clickatellsdk>",
    "<clickatellsdk><action><b/>get_list_callback</action></clickatellsdk>",
    "<other><action>get_list_callback</action></other>",
    DOCUMENT.replace("get_list_callback", "Get_List_Callback"),
    DOCUMENT.replace("get_list_callback", "get-captcha"),
    DOCUMENT.replace("</action>", "</action><Action>get_list_callback</Action>"),
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><clickatellsdk><action>&e;</action></clickatellsdk>',
]
REQUESTS: list[dict[str, Any]] = [
    {"method": "GET"},
    {"method": "GET", "params": {"xml": DOCUMENT}},
    {"method": "POST", "params": {"XML": DOCUMENT}, "data": {"XML": DOCUMENT}},
    {"method": "POST", "data": DOCUMENT, "headers": {"Content-Type": "text/xml"}},
    *({"method": "GET", "params": {"XML": document}} for document in UNUSABLE),
]


@pytest.mark.parametrize("number", range(len(REQUESTS)))
def test_unusable_request(number: int, mock: MockServer, session: requests.Session) -> None:
    response = session.request(url=f"{mock.url}/t", timeout=10, **REQUESTS[number])
    assert codes(etree.fromstring(response.content)) == "430"
    assert b"root:" not in response.content


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_wrong_method(method: str, mock: MockServer) -> None:
    response = send(mock, f"{method} /t HTTP/1.1")
    assert response.startswith(b"HTTP/1.1 405 ")
    assert b"\r\nAllow: GET, POST\r\n" in response
    assert response.endswith(b"\r\n\r\n") == (method == "HEAD")


@pytest.mark.parametrize("chunked", [False, True])
def test_size_of_a_body(chunked: bool, mock: MockServer, session: requests.Session) -> None:
    for size, status in [(MAX_REQUEST, 200), (MAX_REQUEST + 1, 413), (20 * MAX_REQUEST, 413)]:
        body = f"XML={quote(DOCUMENT)}".ljust(size, "+").encode()
        data = iter([body]) if chunked else body
        assert session.post(f"{mock.url}/t", data=data, headers=FORM, timeout=30).status_code == status
    header = "Transfer-Encoding: chunked" if chunked else "Content-Length: x"
    assert send(mock, "POST /t HTTP/1.1", "xyz\r\n", header).startswith(b"HTTP/1.1 400 ")


def test_exchange(mock: MockServer, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[module.Exchange] = []
    monkeypatch.setattr(mock, "_report", reported.append)
    session.post(f"{mock.url}/a-token", data={"XML": DOCUMENT}, timeout=10)
    (exchange,) = mock.exchanges
    assert reported == [exchange]
    assert (exchange.secure, exchange.method, exchange.target) == (True, "POST", "/a-token")
    assert exchange.headers["content-type"] == FORM["Content-Type"]
    assert (exchange.body, exchange.response) == (f"XML={quote(DOCUMENT, safe='')}".encode(), RESPONSE)
    assert (exchange.status, exchange.response_headers["Content-Length"]) == (200, str(len(RESPONSE)))


def test_folder_adds_and_replaces_documents(tmp_path: Path) -> None:
    (tmp_path / "error-440.xml").write_text("<Error>440</Error>", encoding="utf-8")
    (tmp_path / "get-list-connection").mkdir()
    (tmp_path / "get-list-connection" / "response.xml").write_text("<mine/>", encoding="utf-8")
    listed, connections = DOCUMENT, DOCUMENT.replace("callback", "connection")
    with MockServer(xml_dir=tmp_path) as mock:
        for path, document, sent in [
            ("error-440", listed, b">440<"),
            ("t", connections, b"<mine/>"),
            ("t", listed, RESPONSE),
        ]:
            assert sent in send(mock, f"GET /{path}?XML={document} HTTP/1.1")


# Sign-in and captchas.


def solve(root: etree._Element) -> dict[str, str]:
    """Read the digits in the picture of a captcha, as a person does."""
    image = unquote_to_bytes(str(root.findtext("Values/Value/captcha_image")).replace("+", " "))
    width, height, size = struct.unpack(">II9xI", image[16:37])
    pixels = zlib.decompress(image[41 : 41 + size])
    rows = [pixels[start + 1 : start + 1 + width // 8] for start in range(0, len(pixels), width // 8 + 1)]
    assert len(rows) == height
    lines = ["".join(".#"[byte == 0] for byte in rows[y]) for y in range(20, 60, 8)]
    digits = """
        ### .#. ### ### #.# ### ### ### ### ###
        #.# ##. ..# ..# #.# #.. #.. ..# #.# #.#
        #.# .#. ### ### ### ### ### ..# ### ###
        #.# .#. #.. ..# ..# ..# #.# .#. #.# ..#
        ### ### ### ### ..# ### ### .#. ### ###
    """
    known = list(zip(*map(str.split, digits.strip().splitlines()), strict=True))
    code = "".join(str(known.index(tuple(line[x : x + 3] for line in lines))) for x in range(4, 34, 5))
    return {"captcha_id": str(root.findtext("Values/Value/captcha_id")), "captcha_code": code}


def test_picture_shows_the_code(mock: MockServer, call: Call) -> None:
    for code in ("012345", "678905"):
        image = f"<r><Values><Value><captcha_image>{quote(module._png(code))}</captcha_image></Value></Values></r>"
        assert solve(etree.fromstring(image))["captcha_code"] == code
    root = call("get_captcha")
    assert "+" in str(root.findtext("Values/Value/captcha_image")), "a decoder that doesn't know + passes"
    captcha = solve(root)
    assert re.fullmatch("[0-9a-f]{32}", captcha["captcha_id"])
    assert mock.captchas[captcha["captcha_id"]].code == captcha["captcha_code"]
    assert etree.XMLSchema(file=str(XML / "get-captcha/response.xsd")).validate(root)


def test_life_of_a_captcha(mock: MockServer, call: Call) -> None:
    def sign_in(**captcha: str) -> str:
        return codes(call("authenticate_user", **USER, **captcha))

    used, wrong, old = (solve(call("get_captcha")) for _ in range(3))
    assert (sign_in(**used), sign_in(**used)) == ("", "403")
    assert sign_in(**{**wrong, "captcha_code": "x"}) == "401"
    assert sign_in(**wrong) == "402", "one failed attempt uses the captcha up, as the User Guide says"
    assert sign_in(captcha_id=solve(call("get_captcha"))["captcha_id"]) == "401"
    assert (sign_in(captcha_id="x"), sign_in(captcha_code="123456")) == ("400", "400")
    captcha, seconds = mock.captchas[old["captcha_id"]], 60 * int(FACTS["facts"]["minutes until a captcha expires"][0])
    assert captcha.expires <= time.monotonic() + seconds < captcha.expires + 60
    captcha.expires -= seconds
    assert sign_in(**old) == "402"


@pytest.mark.parametrize("unblock", ["captcha", "reset"])
@pytest.mark.parametrize(("users", "code"), [(["sampleuser"] * 2, "004"), ([f"user{n}" for n in range(10)], "003")])
def test_failed_sign_ins(users: list[str], code: str, unblock: str, mock: MockServer, call: Call) -> None:
    limit = "failed sign-ins of one user" if code == "004" else "failed sign-ins from one address"
    assert len(users) == int(FACTS["facts"][limit][0])
    for user in users[1:]:
        assert codes(call("authenticate_user", user=user, password="wrong")) == "404"
    assert codes(call("authenticate_user", **USER)) == "", "one attempt fewer doesn't block"
    for user in users:
        assert codes(call("authenticate_user", user=user, password="wrong")) == "404", "a success starts from zero"
    assert codes(call("authenticate_user", **USER)) == codes(call("create_connection", **USER)) == code
    if unblock == "reset":
        mock.reset()
        assert not mock.exchanges
    captcha = solve(call("get_captcha")) if unblock == "captcha" else {}
    assert codes(call("authenticate_user", **USER, **captcha)) == codes(call("authenticate_user", **USER)) == ""


CALLS = [
    ("authenticate_user", "", "431 432"),
    ("authenticate_user", "user=sampleuser", "432"),
    ("authenticate_user", "User=sampleuser&Password=samplepass1", ""),
    ("authenticate_user", "user=newuser&password=samplepass2", "103"),
    ("authenticate_user", "user=name@example.com&password=%D0%96%26<", "404"),
    ("authenticate_user", "user=sampleuser&password=samplepass1%20", "404"),
    ("authenticate_user", f"user={'a' * 128}&password={'a' * 32}", "404"),
    ("authenticate_user", f"user={'a' * 129}&password={'a' * 33}", "431 432"),
    ("create_connection", "connection_id=99", "419"),
    ("create_connection", "connection_id=7", "420"),
    ("create_connection", f"ftp_password={'a' * 11}", "420"),
    ("create_connection", f"connection_id=7&ftp_password={'a' * 10}", ""),
    ("create_connection", "Dial_prefix=x&ip_address=example.com", "421 422"),
    ("create_connection", "Dial_prefix=44&ip_address=192.0.2.1, 2001:db8::1&api_description=any", ""),
    ("create_connection", "callback_url=example.com", "423"),
    ("create_connection", "callback_url=ftp://example.com", "423"),
    ("create_connection", "callback_url=http://a\\@b", "423"),
    ("create_connection", "callback_type_id=4", "424"),
    ("create_connection", f"callback_username={'a' * 65}&callback_password={'a' * 65}", "425 426"),
    ("create_connection", f"callback_username={'a' * 64}&callback_password={'a' * 64}", ""),
]


@pytest.mark.parametrize(("action", "elements", "expected"), CALLS)
def test_errors_of_a_call(action: str, elements: str, expected: str, mock: MockServer, call: Call) -> None:
    user = USER if action == "create_connection" else {}
    assert codes(call(action, **user, **dict(parse_qsl(elements)))) == expected
    assert not mock.callbacks


# Callbacks.


@pytest.mark.parametrize(("number", "names"), FACTS["callback_types"].items())
def test_callback_of_each_type(number: str, names: list[str], mock: MockServer, call: Call) -> None:
    url = "https://example.com/callback"
    call("create_connection", **USER, callback_url=url, callback_type_id=number, callback_username="u")
    assert mock.callbacks == [Callback(url, names[1].upper(), "u", "")]


class Receiver(BaseHTTPRequestHandler):
    """A receiver that redirects every callback."""

    received: list[tuple[str, str, str, dict[str, str]]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.received.append((self.command, self.path, body, dict(self.headers)))
        self.send_response(302)
        self.send_header("Location", "/other")
        self.end_headers()
        self.wfile.write(b"here")

    do_POST = do_GET  # noqa: N815 (the name in the base class)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    Receiver.received = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("transport", ["", "HTTP Get", "http post", "XML POST"])
def test_delivery(transport: str, port: int, mock: MockServer, call: Call) -> None:
    credentials = {"callback_username": "\u043f\u0142", "callback_password": "\u00f1:\u0416"}
    url = f"http://127.0.0.1:{port}/c\u0416?a=%20b"
    call("create_connection", **USER, callback_url=url, callback_type_id="0", **credentials)
    name, fields = transport.upper() or "HTTP GET", {**STATUS, "status": "003", "cliMsgId": "a&<\u0416"}
    assert mock.deliver(transport or None, status="003", cliMsgId="a&<\u0416") == Delivery(name, 302, "here")
    ((method, target, body, headers),) = Receiver.received  # the redirect isn't followed
    assert base64.b64decode(headers["Authorization"].partition(" ")[2]).decode() == "\u043f\u0142:\u00f1:\u0416"
    assert (method, target.startswith("/c%D0%96?a=%20b")) == (name[-4:].strip(), True)
    if name == "XML POST":
        assert headers["Content-Type"] == "text/xml"
        assert [(element.tag, element.text) for element in etree.fromstring(body.encode())] == list(fields.items())
    else:
        assert parse_qsl(target.partition("&")[2] if method == "GET" else body) == list(fields.items())
        assert headers.get("Content-Type") == (None if method == "GET" else FORM["Content-Type"])


HERE = "http://127.0.0.1:{0} HTTP://127.0.0.1:{0}?x=1#y http://localhost:{0}/ http://LOCALHOST:{0}/a;b/../c?d=/e@f:g"


@pytest.mark.parametrize("url", HERE.split())
def test_delivery_to_this_machine(url: str, port: int, mock: MockServer) -> None:
    mock.callbacks.append(Callback(url.format(port), "HTTP GET"))
    assert mock.deliver().status == 302


ELSEWHERE = r"""
    http://example.com/ http://HERE\@127.0.0.1/../path http://127.0.0.1\@HERE/ http://127.0.0.1\HERE/ http:\\HERE/
    http://HERE/\@x http://127.0.0.1@HERE/ http://127.0.0.1:80@HERE/ http://HERE@127.0.0.1/ http://user:pass@HERE/
    http://127.0.0.1#@HERE\ http://127.0.0.1.example.com/ http://127.0.0.1.nip.io/ http://localhost.example.com/
    http://localhost./ http://127.0.0.1./ http://127.1/ http://127.0.0.2/ http://0x7f.1/ http://0177.0.0.1/ http://0/
    http://2130706433/ http://0.0.0.0/ http://169.254.169.254/ http://[::]/ http://[::ffff:127.0.0.1]/ http://[::1/
    http://[::ffff:10.0.0.1]/ http://[::1%25lo]/ http://[::1].example.com/ http://[::1]@HERE/ http://::1/ http:///HERE
    http://①②⑦.0.0.1/ http://１２７.0.0.1/ http://127。0.0.1/ http://locаlhost/ http://localhoſt/ http://%6cocalhost/
    http://127.0.0.1%2f@HERE/ http://127.0.0.1:99999/ http://127.0.0.1:x/ http://127.0.0.1:١/ http:HERE //HERE HERE
    ftp://HERE/ file:///etc/passwd
"""  # noqa: RUF001 (letters that only look like ASCII)
MALFORMED = ["", " http://HERE", "\nhttp://HERE", "http://HERE\n.example.com/", "http://HERE/ x"]


@pytest.mark.parametrize("url", [*ELSEWHERE.split(), *MALFORMED])
def test_delivery_elsewhere_is_refused(url: str, port: int, mock: MockServer) -> None:
    mock.callbacks.append(Callback(url.replace("HERE", f"127.0.0.1:{port}"), "HTTP GET"))
    with pytest.raises(ValueError, match="The mock only calls this machine"):
        mock.deliver()
    assert not Receiver.received


def test_delivery_by_request(port: int, mock: MockServer, session: requests.Session) -> None:
    def deliver(url: str = "", **form: str) -> tuple[int, str]:
        if url:
            mock.callbacks.append(Callback(url, "SOAP POST"))
        response = session.post(f"{mock.url}/_mock/deliver", data=form, timeout=10)
        return response.status_code, response.text

    assert deliver() == (409, "No callback is configured: call create_connection with a callback_url first.\n")
    assert deliver("http://example.com/", transport="HTTP GET")[0] == 409
    unused = deliver("http://127.0.0.1:9/", transport="HTTP GET")
    assert unused == (502, "HTTP GET: no response\nConnectionRefusedError\n")
    status, text = deliver(f"http://127.0.0.1:{port}/")
    assert (status, text.partition(":")[0]) == (409, "No source describes SOAP POST")
    assert deliver(transport="http get", self="x") == (200, "HTTP GET: HTTP status 302\nhere\n")


# The ports.


@pytest.mark.parametrize("address", ["url", "http_url"])
def test_idle_connections(address: str, mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They don't block others, and the mock closes them after a time."""
    port = urlsplit(getattr(mock, address)).port
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        assert send(mock, f"GET /t?XML={DOCUMENT} HTTP/1.1").endswith(RESPONSE)
        monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
        assert stack.enter_context(socket.create_connection(("127.0.0.1", port), 10)).recv(1) == b""


def test_slow_request_blocks_nobody(mock: MockServer) -> None:
    with connected(mock) as slow:
        slow.sendall(b"POST /t HTTP/1.1\r\nContent-Length: 100\r\n\r\nX")
        assert send(mock, f"GET /t?XML={DOCUMENT} HTTP/1.1").endswith(RESPONSE)
    assert len(mock.exchanges) == 1


def test_names_in_the_certificate(mock: MockServer) -> None:
    for name in ("connect.clickatell.com", "127.0.0.1"):
        with connected(mock, name) as connection:
            assert connection.version() in ("TLSv1.2", "TLSv1.3")
    with pytest.raises(ssl.SSLCertVerificationError), connected(mock, "other.example.com"):
        pass


def test_port_that_is_taken(mock: MockServer, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"can't listen on 127.0.0.1, port {mock.tls_port}: .* or choose another port"):
        MockServer(tls_port=mock.tls_port, ca_file=tmp_path / "ca.pem")
    assert not (tmp_path / "ca.pem").exists()


def test_ca_file_of_another_mock_stays(tmp_path: Path) -> None:
    ca_file = tmp_path / "mock-ca.pem"
    with MockServer(ca_file=ca_file) as first:
        second = MockServer(ca_file=ca_file)
        first.close()
        assert ca_file.exists()
        second.close()
    assert not ca_file.exists()


# The command line.


@contextlib.contextmanager
def command(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The downloaded file alone in a folder, run by a Python that sees no other file of this project."""
    shutil.copy(MOCK, folder)
    line, pipe = [sys.executable, "-I", "mock_server.py", "--port", "0", *arguments], subprocess.PIPE
    with subprocess.Popen(line, cwd=folder, stdout=pipe, stderr=pipe, text=True, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command(number: signal.Signals, tmp_path: Path) -> None:
    folder = tmp_path / "the reader's folder"
    folder.mkdir()
    with command(folder, "--tls-port", "0") as process:
        assert process.stdout
        printed = "".join(iter(process.stdout.readline, "Ready. Press Ctrl+C to stop.\n"))
        path = str(folder / "mock-ca.pem")
        assert f"$Env:REQUESTS_CA_BUNDLE = '{path.replace(chr(39), chr(39) * 2)}'" in printed
        lines = "\n".join(line for line in printed.splitlines() if line.startswith(("export", "unset")))
        show = 'echo "$CONNECT_API_URL $CONNECT_API_TOKEN $CURL_CA_BUNDLE $REQUESTS_CA_BUNDLE"'
        shell = ["/bin/sh", "-ec", f"{lines.replace('unset', f'{show}; unset')}\n{show.replace('$', '-$')}"]
        values = subprocess.run(shell, capture_output=True, text=True, check=True).stdout.splitlines()
        url = values[0].partition(" ")[0]
        assert values == [f"{url} AUTHENTICATION_TOKEN {path} {path}", "- - - -"]
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), 10) as plain:
            plain.sendall(b"x" * 100)  # it isn't TLS, and the log says nothing about it
            with contextlib.suppress(ConnectionResetError):
                plain.recv(1)
        with requests.Session() as session:
            session.trust_env, session.verify = False, path
            document = DOCUMENT.replace("get_list_callback", "get_captcha")
            response = session.get(f"{url}/very-secret", params={"XML": document}, timeout=10)
        code = solve(etree.fromstring(response.content))["captcha_code"]
        process.send_signal(number)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert log == f"HTTPS GET 'get_captcha': HTTP 200, {len(response.content)} bytes, captcha code {code}\n"
    assert not (folder / "mock-ca.pem").exists()


COMMANDS = [
    ("--port x", 2, "--port"),
    ("--unknown", 2, "--unknown"),
    ("--tls-port 70000", 1, "port must be 0-65535"),
    ("--ca-file no-such-folder/ca.pem", 1, "No such file or directory: 'no-such-folder/ca.pem'"),
    ("--xml-dir no-such-folder", 1, "No such file or directory: 'no-such-folder'"),
    ("--host 192.0.2.1", 1, "can't listen on 192.0.2.1"),
]


@pytest.mark.parametrize(("arguments", "status", "message"), COMMANDS)
def test_command_that_fails(arguments: str, status: int, message: str, tmp_path: Path) -> None:
    with command(tmp_path, *arguments.split()) as process:
        _, log = process.communicate(timeout=20)
    assert (process.returncode, message in log, "Traceback" in log) == (status, True, False), log
    assert not (tmp_path / "mock-ca.pem").exists()
