"""The mock: it responds as its page says, records what it received, and can't be blocked or misused."""

from __future__ import annotations

import ast
import base64
import contextlib
import re
import shlex
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
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote_to_bytes, urlsplit

import pytest
from lxml import etree

import mock_server as module
from facts import FACTS, SNIPPETS, XML
from mock_server import CALLBACK_TYPES, CONNECTION_IDS, MAX_REQUEST, STATUS, Callback, MockServer

MOCK = SNIPPETS / "mock_server.py"
DOCUMENT = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
RESPONSE = (XML / "response.xml").read_bytes()
FORM = "Content-Type: application/x-www-form-urlencoded"


def embedded_documents() -> str:
    """The text of mock_server.py with the documents from docs/xml."""
    text = MOCK.read_text(encoding="utf-8")
    begin, end = "DOCUMENTS: dict[str, str] = {", "# The end of the documents."
    entries = ""
    for path in sorted([*XML.glob("*.xml"), *XML.glob("*/response.xml")]):
        lines = path.read_text(encoding="utf-8").split("\n")
        short = "\n".join("\\\n".join(re.findall(r".{1,110}(?=<|$)|.{1,110}", line)) for line in lines)
        entries += f'    "{path.relative_to(XML).as_posix()}": """\\\n{short}""",\n'
    return f"{text.partition(begin)[0]}{begin}\n{entries}}}\n{end}{text.partition(end)[2]}"


def test_documents_in_the_file_are_those_of_the_site(update: Callable[[Path, str], None]) -> None:
    update(MOCK, embedded_documents())
    ast.parse(MOCK.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_lists_are_those_of_the_sources() -> None:
    assert {key: names[1].upper() for key, names in FACTS["callback_types"].items()} == CALLBACK_TYPES
    assert list(FACTS["connection_types"]) == list(CONNECTION_IDS)
    assert {name: sample for name, (_, sample) in FACTS["callback_fields"].items()} == STATUS


@contextlib.contextmanager
def connected(port: int, ca_file: Path) -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=ca_file)
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        yield connection


def send(mock: MockServer, first_line: str, body: str = "", *headers: str) -> tuple[str, bytes]:
    """Send a request byte for byte; return what comes before the body of the response, and the body."""
    with connected(mock.tls_port, mock.ca_file) as connection:
        lines = [f"{first_line} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", body]
        connection.sendall("\r\n".join(lines).encode())
        head, _, received = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
    return head.decode(), received


def post(mock: MockServer, body: str, token: str = "token") -> bytes:
    return send(mock, f"POST /{token}", body, FORM, f"Content-Length: {len(body.encode())}")[1]


def call(mock: MockServer, action: str, **elements: str) -> etree._Element:
    root = etree.Element("clickatellsdk")
    for name, text in {"action": action, **elements}.items():
        etree.SubElement(root, name).text = text
    return etree.fromstring(post(mock, f"XML={quote(etree.tostring(root))}"))


def codes(root: etree._Element) -> str:
    """The error codes of a response, each with the message that the User Guide gives it."""
    found = [str(element.text) for element in root.iter("Error")]
    messages = [FACTS["user_guide_errors"][code] for code in found]
    assert [element.text for element in root.iter("Description")] == messages
    return " ".join(found)


# The response to a request.

TOKENS = """
    token               get_list_callback    response.xml
    response            get_list_callback    response.xml
    response.xml        get_list_callback    response.xml
    recorded            get_list_callback    recorded.xml
    recorded.xml        get_list_callback    recorded.xml
    recorded            get_list_connection  get-list-connection/response.xml
    recorded-error-103  get_list_connection  recorded-error-103.xml
    several-errors      get_list_callback    several-errors.xml
    request             get_list_callback    request.xml
    error-999           get_list_connection  error-999.xml
    token               register             error-430.xml
    token               get-captcha          error-430.xml
"""
ERRORS = [[path.stem, "get_list_callback", path.name] for path in sorted(XML.glob("error-*.xml"))]


@pytest.mark.parametrize(("token", "action", "name"), [*map(str.split, TOKENS.strip().splitlines()), *ERRORS])
def test_document(token: str, action: str, name: str, mock: MockServer) -> None:
    expected = (XML / name).read_bytes()
    if b">Error<" in expected:
        expected = re.sub(rb"<Action>\w+", f"<Action>{action}".encode(), expected)
    assert post(mock, f"XML={DOCUMENT.replace('get_list_callback', action)}", token) == expected


SPELLINGS = [
    DOCUMENT,
    DOCUMENT.upper().replace("GET_LIST_CALLBACK", "get_list_callback"),
    DOCUMENT.replace("action", "Action").replace("clickatellsdk", "ClickatellSDK"),
    f'<?xml version="1.0"?>\n{DOCUMENT}\n',  # with POST and not percent-encoded, this is what a public PHP client sends
    f'<?xml version="1.0" encoding="UTF-8"?>{DOCUMENT}',
    DOCUMENT.replace("><", ">\n  <!-- comment --><").replace(">get", "> get"),
    DOCUMENT.replace("<action>", "<note>\u0416</note><action>"),
]


@pytest.mark.parametrize("document", SPELLINGS)
def test_request_in_any_spelling(document: str, mock: MockServer) -> None:
    raw = f"XML={document}"
    chunks = f"{len(raw.encode()):x};x\r\n{raw}\r\n0\r\nTrailer: x\r\n\r\n"
    received = {
        post(mock, raw),
        post(mock, f"XML={quote_plus(document)}"),
        send(mock, "POST /token", chunks, FORM, "Transfer-Encoding: chunked")[1],
        send(mock, f"GET /token?XML={quote(document)}")[1],
        send(mock, f"GET /token?XML={document.replace(' ', '+').replace(chr(10), '%0A')}")[1],
    }
    assert received == {RESPONSE}
    assert {(exchange.document, exchange.action) for exchange in mock.exchanges} == {(document, "get_list_callback")}


UNUSABLE = [
    *["", "text", "\0", "<clickatellsdk/>", DOCUMENT[:-1], f"<!DOCTYPE a>{DOCUMENT}", DOCUMENT.replace("sdk", "")],
    "<clickatellsdk><action/></clickatellsdk>",
    "<clickatellsdk><action><b/>get_list_callback</action></clickatellsdk>",
    DOCUMENT.replace("get_list_callback", "Get_List_Callback"),
    DOCUMENT.replace("</action>", "</action><Action>get_list_callback</Action>"),
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><clickatellsdk><action>&e;</action></clickatellsdk>',
]


LARGE = f"XML={quote(DOCUMENT)}"
STATUSES = [
    ("GET /token", "", "", 200, "<Error>430"),
    *((f"GET /token?XML={quote(document)}", "", "", 200, "<Error>430") for document in UNUSABLE),
    (f"GET /token?xml={quote(DOCUMENT)}", "", "", 200, "<Error>430"),
    (f"GET /token?XML={quote(DOCUMENT)}&XML=", "", "", 200, "<Error>430"),
    ("POST /token", LARGE, "Content-Type: text/xml", 200, "<Error>430"),
    (f"GET /error-007?XML={quote(DOCUMENT.replace('get_list', 'a &lt;'))}", "", "", 200, "<Action>a &lt;_callback<"),
    (f"GET /error-000?XML={quote(DOCUMENT)}", "", "", 404, "It has error-004, error-007"),
    ("GET /", "", "", 404, "must be the authentication token"),
    ("GET /error-007/x", "", "", 404, "must be the authentication token"),
    ("GET /get-captcha/response.xml", "", "", 404, "must be the authentication token"),
    ("PUT /token", "", "", 405, "GET or POST"),
    ("DELETE /token", "", "", 405, "GET or POST"),
    ("HEAD /token", "", "", 405, ""),
    ("POST /token", LARGE.ljust(MAX_REQUEST, "+"), FORM, 200, "<Result>Success"),
    ("POST /token", LARGE.ljust(MAX_REQUEST + 1, "+"), FORM, 413, "larger than 1048576 bytes"),
    ("POST /token", "xyz\r\n", "Transfer-Encoding: chunked", 400, ""),
    ("POST /token", "", "Content-Length: x", 400, ""),
]


@pytest.mark.parametrize("number", range(len(STATUSES)))
def test_status(number: int, mock: MockServer) -> None:
    first_line, body, header, status, text = STATUSES[number]
    length = [] if status == 400 else [f"Content-Length: {len(body)}"]
    head, received = send(mock, first_line, body, *filter(None, [header]), *length)
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert text in received.decode()
    assert ("\r\nAllow: GET, POST" in head) == (status == 405)
    assert bool(received) == (not first_line.startswith("HEAD"))


def test_plain_http(mock: MockServer) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(mock.http_url).port or 0), 10) as connection:
        connection.sendall(f"GET /error-007?XML={DOCUMENT} HTTP/1.0\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.endswith(b"\r\n\r\n" + (XML / "error-009.xml").read_bytes())


def test_exchange(mock: MockServer) -> None:
    post(mock, f"XML={DOCUMENT}", "a-token")
    (exchange,) = mock.exchanges
    assert (exchange.secure, exchange.method, exchange.target) == (True, "POST", "/a-token")
    assert (exchange.headers["host"], exchange.body) == ("localhost", f"XML={DOCUMENT}".encode())
    assert (exchange.status, exchange.response_headers["Content-Type"], exchange.response) == (
        200,
        "text/xml",
        RESPONSE,
    )


# Sign-in, captchas and connections.

USER = {"user": "sampleuser", "password": "samplepass1"}
DIGITS = """
    ### .#. ### ### #.# ### ### ### ### ###
    #.# ##. ..# ..# #.# #.. #.. ..# #.# #.#
    #.# .#. ### ### ### ### ### ..# ### ###
    #.# .#. #.. ..# ..# ..# #.# .#. #.# ..#
    ### ### ### ### ..# ### ### .#. ### ###
"""


def read_picture(image: bytes) -> str:
    """Read the digits in the picture of a captcha, as a person does."""
    width, height, size = struct.unpack(">II9xI", image[16:37])
    pixels = zlib.decompress(image[41 : 41 + size])
    rows = [pixels[start + 1 : start + 1 + width // 8] for start in range(0, len(pixels), width // 8 + 1)]
    assert len(rows) == height
    assert image[41 + size : 45 + size] == zlib.crc32(image[37 : 41 + size]).to_bytes(4, "big")
    lines = ["".join(".#"[byte == 0] for byte in rows[y]) for y in range(20, 60, 8)]
    known = list(zip(*map(str.split, DIGITS.strip().splitlines()), strict=True))
    return "".join(str(known.index(tuple(line[x : x + 3] for line in lines))) for x in range(4, 34, 5))


def read_captcha(root: etree._Element) -> dict[str, str]:
    values = root.find("Values/Value")
    assert values is not None
    captcha_id, image = (str(element.text) for element in values)
    assert "+" in image, "a decoder that doesn't know + passes"
    return {"captcha_id": captcha_id, "captcha_code": read_picture(unquote_to_bytes(image.replace("+", " ")))}


def solve(mock: MockServer) -> dict[str, str]:
    captcha = read_captcha(call(mock, "get_captcha"))
    assert mock.captchas[captcha["captcha_id"]].code == captcha["captcha_code"]
    return captcha


def test_life_of_a_captcha(mock: MockServer) -> None:
    def sign_in(**captcha: str) -> str:
        return codes(call(mock, "authenticate_user", **USER, **captcha))

    assert [read_picture(module._png(code)) for code in ("012345", "678905")] == ["012345", "678905"]
    assert read_captcha(etree.parse(XML / "get-captcha" / "response.xml").getroot())["captcha_code"] == "502718"
    used, wrong, old = (solve(mock) for _ in range(3))
    assert (sign_in(**used), sign_in(**used)) == ("", "403")
    assert sign_in(**{**wrong, "captcha_code": "x"}) == "401"
    assert sign_in(**wrong) == "402", "one failed attempt uses the captcha up, as the User Guide says"
    assert (sign_in(captcha_id="x"), sign_in(captcha_code="123456")) == ("400", "400")
    captcha, seconds = mock.captchas[old["captcha_id"]], 60 * int(FACTS["facts"]["minutes until a captcha expires"][0])
    assert captcha.expires <= time.monotonic() + seconds < captcha.expires + 60
    captcha.expires -= seconds
    assert sign_in(**old) == "402"


@pytest.mark.parametrize(("users", "code"), [(["sampleuser"] * 2, "004"), ([f"user{n}" for n in range(10)], "003")])
def test_failed_sign_ins(users: list[str], code: str, mock: MockServer) -> None:
    limit = "failed sign-ins of one user" if code == "004" else "failed sign-ins from one address"
    assert len(users) == int(FACTS["facts"][limit][0])
    for failing in (users[1:], users):  # one attempt fewer doesn't block, and a success starts from zero
        assert codes(call(mock, "authenticate_user", **USER)) == ""
        for user in failing:
            assert codes(call(mock, "authenticate_user", user=user, password="wrong")) == "404"
    assert codes(call(mock, "authenticate_user", **USER)) == codes(call(mock, "create_connection", **USER)) == code
    assert codes(call(mock, "authenticate_user", **USER, **solve(mock))) == ""
    assert codes(call(mock, "authenticate_user", **USER)) == ""


def test_reset(mock: MockServer) -> None:
    for _ in range(2):
        call(mock, "authenticate_user", user="sampleuser", password="wrong")
    captcha = solve(mock)
    mock.reset()
    assert codes(call(mock, "authenticate_user", **USER)) == ""
    assert codes(call(mock, "authenticate_user", **USER, **captcha)) == "400"


CALLS = [
    ("", "431 432"),
    ("User=sampleuser", "432"),
    ("User=sampleuser&Password=samplepass1", ""),
    ("user=newuser&password=samplepass2", "103"),
    ("user=name@example.com&password=%D0%96%26<", "404"),
    ("user=sampleuser&password=samplepass1%20", "404"),
    (f"user={'a' * 128}&password={'a' * 32}", "404"),
    (f"user={'a' * 129}&password={'a' * 33}", "431 432"),
    ("connection_id=99&ftp_password=12345678901", "419 420"),
    ("connection_id=7", "420"),
    ("connection_id=7&ftp_password=1234567890", ""),
    ("Dial_prefix=x&ip_address=example.com", "421 422"),
    ("Dial_prefix=44&ip_address=192.0.2.1, 2001:db8::1&api_description=any", ""),
    ("callback_url=example.com", "423"),
    ("callback_url=ftp://example.com", "423"),
    ("callback_url=http://a\\@b", "423"),
    ("callback_type_id=4", "424"),
    (f"callback_username={'a' * 65}&callback_password={'a' * 65}", "425 426"),
    (f"callback_username={'a' * 64}&callback_password={'a' * 64}", ""),
]


@pytest.mark.parametrize(("elements", "expected"), CALLS)
def test_errors_of_a_call(elements: str, expected: str, mock: MockServer) -> None:
    sent = dict(parse_qsl(elements))
    action = "authenticate_user" if not sent or "user" in elements.lower()[:5] else "create_connection"
    assert codes(call(mock, action, **(USER if action == "create_connection" else {}), **sent)) == expected
    assert not mock.callbacks


# Callbacks.


@pytest.fixture(scope="module")
def receiver() -> Iterator[MockServer]:
    """Another mock as the receiver: it records what it receives, and responds with 404."""
    with MockServer() as receiver:
        yield receiver


@pytest.mark.parametrize(("number", "names"), FACTS["callback_types"].items())
def test_delivery_of_each_type(number: str, names: list[str], mock: MockServer, receiver: MockServer) -> None:
    credentials = {"callback_username": "\u043f\u0142", "callback_password": "\u00f1:\u0416"}
    url = f"{receiver.http_url}/c\u0416/d?a=%20b"
    call(mock, "create_connection", **USER, callback_url=url, callback_type_id=number, **credentials)
    assert mock.callbacks == [Callback(url, names[1].upper(), *credentials.values())]
    fields = {**STATUS, "status": "003", "cliMsgId": "a&<\u0416"}
    if names[1] not in ("HTTP Get", "HTTP Post", "XML Post"):
        with pytest.raises(ValueError, match=f"No source describes {names[1].upper()}"):
            mock.deliver()
        return
    assert mock.deliver(names[1], **fields)[:2] == (names[1].upper(), 404)
    exchange, body = receiver.exchanges[-1], receiver.exchanges[-1].body.decode()
    assert exchange.target.startswith("/c%D0%96/d?a=%20b")
    assert base64.b64decode(exchange.headers["Authorization"].split()[1]).decode() == "\u043f\u0142:\u00f1:\u0416"
    if names[1] == "XML Post":
        assert exchange.headers["Content-Type"] == "text/xml"
        assert [(element.tag, element.text) for element in etree.fromstring(body.encode())] == list(fields.items())
    else:
        sent = exchange.target.partition("&")[2] if names[1] == "HTTP Get" else body
        assert (exchange.method, parse_qsl(sent)) == (names[1][5:].upper(), list(fields.items()))


HERE = "http://HERE HTTP://HERE?x=1#y http://localhost:PORT/ http://LOCALHOST:PORT/a;b/../c?d=/e@f:g"
ELSEWHERE = r"""
    http://example.com/ http://HERE\@127.0.0.1/../path http://127.0.0.1\@HERE/ http://127.0.0.1\HERE/ http:\\HERE/
    http://HERE/\@x http://127.0.0.1@HERE/ http://127.0.0.1:80@HERE/ http://HERE@127.0.0.1/ http://user:pass@HERE/
    http://127.0.0.1#@HERE\ http://127.0.0.1.example.com/ http://127.0.0.1.nip.io/ http://localhost.example.com/
    http://localhost./ http://127.0.0.1./ http://127.1/ http://127.0.0.2/ http://0x7f.1/ http://0177.0.0.1/ http://0/
    http://2130706433/ http://0.0.0.0/ http://169.254.169.254/ http://[::]/ http://[::ffff:127.0.0.1]/ http://[::1/
    http://[::ffff:10.0.0.1]/ http://[::1%25lo]/ http://[::1].example.com/ http://[::1]@HERE/ http://::1/ http:///HERE
    http://①②⑦.0.0.1/ http://１２７.0.0.1/ http://127。0.0.1/ http://locаlhost/ http://localhoſt/ http://%6cocalhost/
    http://127x0x0x1/ http://127.0.0.1%2f@HERE/ http://127.0.0.1:99999/ http://127.0.0.1:x/ http://127.0.0.1:١/
    http:HERE //HERE HERE ftp://HERE/ file:///etc/passwd
"""  # noqa: RUF001 (letters that only look like ASCII)
MALFORMED = ["", " http://HERE", "\nhttp://HERE", "http://HERE\n.example.com/", "http://HERE/ x"]


@pytest.mark.parametrize("url", [*HERE.split(), *ELSEWHERE.split(), *MALFORMED])
def test_delivery_only_to_this_machine(url: str, mock: MockServer, receiver: MockServer) -> None:
    receiver.reset()
    port = str(urlsplit(receiver.http_url).port)
    mock.callbacks.append(Callback(url.replace("HERE", f"127.0.0.1:{port}").replace("PORT", port), "HTTP GET"))
    if url in HERE.split():
        assert mock.deliver().status == 404
    else:
        with pytest.raises(ValueError, match="The mock only calls this machine"):
            mock.deliver()
    assert len(receiver.exchanges) == (url in HERE.split())


def test_delivery_by_request(mock: MockServer) -> None:
    def deliver(form: str) -> tuple[str, str]:
        head, text = send(mock, "POST /_mock/deliver", form, FORM, f"Content-Length: {len(form)}")
        return head.split()[1], text.decode()

    assert deliver("") == ("409", "No callback is configured: call create_connection with a callback_url first.\n")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        mock.callbacks.append(Callback(f"http://127.0.0.1:{listener.getsockname()[1]}/", "SOAP POST"))
        assert deliver("")[0] == "409"

        def redirect() -> None:
            with listener.accept()[0] as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 4\r\n\r\nhere")

        threading.Thread(target=redirect, daemon=True).start()
        assert deliver("transport=http+get&self=x") == ("200", "HTTP GET: HTTP status 302\nhere\n")
    assert deliver("transport=HTTP+GET") == ("502", "HTTP GET: no response\nConnectionRefusedError\n")


# The ports and the command line.


@pytest.mark.parametrize("address", ["url", "http_url"])
def test_idle_connections(address: str, mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They don't block others, and the mock closes them after a time."""
    where = ("127.0.0.1", urlsplit(getattr(mock, address)).port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(connected(mock.tls_port, mock.ca_file)).sendall(
            b"POST /t HTTP/1.1\r\nContent-Length: 100\r\n\r\nX"
        )
        for _ in range(40):
            stack.enter_context(socket.create_connection(where, 10))
        assert post(mock, f"XML={DOCUMENT}") == RESPONSE
        monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
        assert stack.enter_context(socket.create_connection(where, 10)).recv(1) == b""


def test_ca_file_of_another_mock_stays(tmp_path: Path) -> None:
    ca_file = tmp_path / "mock-ca.pem"
    with MockServer(ca_file=ca_file) as first, MockServer(ca_file=ca_file):
        first.close()
        assert ca_file.exists()
    assert not ca_file.exists()


@contextlib.contextmanager
def command(folder: Path, arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The downloaded file alone in a folder, run by a Python that sees no other file of this project."""
    shutil.copy(MOCK, folder)
    line, pipe = [sys.executable, "-I", "mock_server.py", "--port", "0", *arguments.split()], subprocess.PIPE
    with subprocess.Popen(line, cwd=folder, stdout=pipe, stderr=pipe, text=True, encoding="utf-8") as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command(number: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "the reader's folder" / "mock-ca.pem"
    path.parent.mkdir()
    with command(path.parent, "--tls-port 0") as process:
        assert process.stdout
        printed = "".join(iter(process.stdout.readline, "Ready. Press Ctrl+C to stop.\n"))
        exported = dict(shlex.split(line)[1].split("=") for line in printed.splitlines() if line.startswith("export"))
        port = urlsplit(exported.pop("CONNECT_API_URL")).port or 0
        assert exported.pop("CONNECT_API_TOKEN") == "AUTHENTICATION_TOKEN"
        assert exported == {"REQUESTS_CA_BUNDLE": str(path), "CURL_CA_BUNDLE": str(path)}
        assert "$Env:CURL_CA_BUNDLE = '{}'".format(str(path).replace("'", "''")) in printed
        with socket.create_connection(("127.0.0.1", port), 10) as plain, contextlib.suppress(ConnectionResetError):
            plain.sendall(b"x" * 100)  # it isn't TLS, and the log says nothing about it
            plain.recv(1)
        with connected(port, path) as connection:
            document = DOCUMENT.replace("get_list_callback", "get_captcha")
            connection.sendall(f"GET /very-secret?XML={document} HTTP/1.0\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[2]
        with socket.create_connection(("127.0.0.1", port), 10):  # an idle connection doesn't keep the mock running
            process.send_signal(number)
            _, log = process.communicate(timeout=10)
    code = read_captcha(etree.fromstring(received))["captcha_code"]
    assert process.returncode == 0
    assert log == f"HTTPS GET 'get_captcha': HTTP 200, {len(received)} bytes, captcha code {code}\n"
    assert not path.exists()


COMMANDS = [
    ("--unknown", 2, "--unknown"),
    ("--tls-port 70000", 1, "port must be 0-65535"),
    ("--tls-port TAKEN", 1, "Address already in use. Stop the program that uses the port, or choose another port."),
    ("--ca-file no-such-folder/ca.pem", 1, "No such file or directory: 'no-such-folder/ca.pem'"),
    ("--xml-dir no-such-folder", 1, "No such file or directory: 'no-such-folder'"),
]


@pytest.mark.parametrize(("arguments", "status", "message"), COMMANDS)
def test_command_that_fails(arguments: str, status: int, message: str, mock: MockServer, tmp_path: Path) -> None:
    with command(tmp_path, arguments.replace("TAKEN", str(mock.tls_port))) as process:
        _, log = process.communicate(timeout=20)
    assert (process.returncode, message in log, "Traceback" in log) == (status, True, False), log
    assert not (tmp_path / "mock-ca.pem").exists()
