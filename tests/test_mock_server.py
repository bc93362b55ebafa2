"""The mock, for readers who test their programs with it: it responds as its pages say, and can't be misused."""

from __future__ import annotations

import base64
import contextlib
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, quote_plus, unquote_to_bytes, urlsplit

import pytest
from lxml import etree

import mock_server as module
from connect_api import build_request
from facts import FACTS, ROOT, SNIPPETS, XML
from mock_server import CALLBACK_TYPES, CONNECTION_IDS, MAX_REQUEST, STATUS, Callback, MockServer

MOCK = SNIPPETS / "mock_server.py"
USER = {"user": "sampleuser", "password": "samplepass1"}
LIST = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
RESPONSE = (XML / "response.xml").read_bytes()
FORM = "Content-Type: application/x-www-form-urlencoded"


def with_facts_and_documents() -> str:
    """The text of mock_server.py with the messages of the facts and the documents from docs/xml."""
    text = MOCK.read_text(encoding="utf-8")
    begin, end = "_MESSAGES: dict[str, str] = {", "# The end of the documents."
    calls = FACTS["errors_of_other_calls"]
    codes = sorted({*calls["authenticate_user"], *calls["create_connection"]})
    entries = "".join(f'    "{code}": "{FACTS["user_guide_errors"][code]}",\n' for code in codes)
    entries += "}\nDOCUMENTS: dict[str, str] = {\n"
    for path in sorted([*XML.glob("*.xml"), *XML.glob("*/response.xml")]):
        lines = path.read_text(encoding="utf-8").split("\n")
        short = "\n".join("\\\n".join(re.findall(r".{1,110}(?=<|$)|.{1,110}", line)) for line in lines)
        entries += f'    "{path.relative_to(XML).as_posix()}": """\\\n{short}""",\n'
    return f"{text.partition(begin)[0]}{begin}\n{entries}}}\n{end}{text.partition(end)[2]}"


def test_the_file_contains_the_facts_and_documents(update: Callable[[Path, str], None]) -> None:
    update(MOCK, with_facts_and_documents())
    assert {key: names[1].upper() for key, names in FACTS["callback_types"].items()} == CALLBACK_TYPES
    assert list(FACTS["connection_types"]) == list(CONNECTION_IDS)
    assert {name: sample for name, (_, sample) in FACTS["callback_fields"].items()} == STATUS


@contextlib.contextmanager
def connected(port: int, ca_file: Path, name: str = "127.0.0.1") -> Iterator[ssl.SSLSocket]:
    context = ssl.create_default_context(cafile=ca_file)
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with plain, context.wrap_socket(plain, server_hostname=name) as connection:
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


def call(mock: MockServer, action: str, token: str = "token", **elements: str) -> etree._Element:
    return etree.fromstring(post(mock, f"XML={quote(build_request(action, **elements))}", token))


def codes(root: etree._Element) -> str:
    return " ".join(str(element.text) for element in root.iter("Error"))


# The response to a request.

SPELLINGS = [
    LIST,
    LIST.upper().replace("GET_LIST_CALLBACK", "get_list_callback"),
    LIST.replace("action", "Action").replace("clickatellsdk", "ClickatellSDK"),
    f'<?xml version="1.0"?>\n{LIST}\n',  # with POST and not percent-encoded, this is what a public PHP client sends
    f'<?xml version="1.0" encoding="UTF-8"?>{LIST}',
    LIST.replace("><", ">\n  <!-- comment --><").replace(">get", "> get"),
    LIST.replace("<action>", "<note>\u0416</note><action>"),
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
    *["", "text", "\0", "<clickatellsdk/>", LIST[:-1], f"<!DOCTYPE a>{LIST}", LIST.replace("sdk", "")],
    "<clickatellsdk><action/></clickatellsdk>",
    "<clickatellsdk><action><b/>get_list_callback</action></clickatellsdk>",
    LIST.replace("get_list_callback", "Get_List_Callback"),
    LIST.replace("get_list_callback", "get-captcha"),
    LIST.replace("</action>", "</action><Action>get_list_callback</Action>"),
    '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><clickatellsdk><action>&e;</action></clickatellsdk>',
]


@pytest.mark.parametrize("query", [*(f"XML={quote(document)}" for document in UNUSABLE), "", f"xml={quote(LIST)}"])
def test_request_that_is_unknown(query: str, mock: MockServer) -> None:
    assert codes(etree.fromstring(send(mock, f"GET /token?{query}")[1])) == "430"


LARGE = f"XML={quote(LIST)}"
ANY_ACTION = LARGE.replace("get_list", quote(r"a &lt;\1"))
CONNECTIONS = LARGE.replace("callback", "connection")
STATUSES = [
    ("POST /token", LARGE, "Content-Type: text/xml", 200, "<Error>430"),
    ("POST /error-007", ANY_ACTION, FORM, 200, r"<Action>a &lt;\1_callback<"),
    ("POST /recorded", CONNECTIONS, FORM, 200, "<connection_type>"),
    ("POST /response.xml", CONNECTIONS, FORM, 200, "<connection_type>"),
    ("POST /error-000", LARGE, FORM, 404, "It has error-004, error-007"),
    ("GET /", "", FORM, 404, "must be the authentication token"),
    ("GET /get-captcha/response.xml", "", FORM, 404, "must be the authentication token"),
    ("DELETE /token", "", FORM, 405, "Allow: GET, POST\r\n"),
    ("POST /token", LARGE.ljust(MAX_REQUEST, "+"), FORM, 200, "<Result>Success"),
    ("POST /token", LARGE.ljust(MAX_REQUEST + 1, "+"), FORM, 413, "larger than 1048576 bytes"),
    ("POST /token", "xyz\r\n", "Transfer-Encoding: chunked", 400, ""),
]


@pytest.mark.parametrize("number", range(len(STATUSES)))
def test_status(number: int, mock: MockServer) -> None:
    first_line, body, header, status, text = STATUSES[number]
    head, received = send(mock, first_line, body, header, f"Content-Length: {len(body)}")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert text in f"{head}\r\n{received.decode()}"


# Errors of the calls, and the table of the page about testing.

CALLS = """
A documented error of `get_list_callback`  | get_list_callback token=error-007            | 007
The same list as a public client recorded  | get_list_callback token=recorded             |
Error `103` as a public client recorded it | get_list_connection token=recorded-error-103 | 103
Several errors in one response             | get_list_callback token=several-errors       | 431 432
`MalformedResponse`                        | get_list_callback token=request              |
Error `430`                                | no_such_call                                 | 430
Error `404`                                | authenticate_user user=sampleuser&password=samplepass1%20 | 404
Errors `431` and `432`                     | authenticate_user user=&password=            | 431 432
Error `103`                                | authenticate_user user=newuser&password=samplepass2 | 103
Error `420`                                | create_connection connection_id=7&ftp_password= | 420
Errors `419` to `426`, except `420`        | create_connection connection_id=99           | 419
Errors `419` to `426`, except `420`        | create_connection dial_prefix=x&ip_address=example.com | 421 422
Errors `419` to `426`, except `420`        | create_connection callback_url=example.com&callback_type_id=99 | 423 424
Errors `419` to `426`, except `420`        | create_connection callback_username=65*&callback_password=65* | 425 426
other spellings                            | create_connection Callback_URL=example.com&Dial_prefix=44 | 423
longest values                             | authenticate_user user=128*&password=32*     | 404
longer values                              | authenticate_user user=129*&password=33*     | 431 432
longest values                             | create_connection connection_id=7&ftp_password=10*&callback_username=64* |
longest values                             | create_connection callback_password=64*&ip_address=192.0.2.1, 2001:db8::1 |
longer values                              | create_connection ftp_password=11*           | 420
the gap in the list of types               | create_connection callback_type_id=4         | 424
another scheme                             | create_connection callback_url=ftp://example.com | 423
a backslash                                | create_connection callback_url=http://a\\@b  | 423
"""
"""A row of the page or a reason, a request, and the errors in its response. 65* is a text of 65 characters."""
ROWS = [[cell.strip() for cell in line.split("|")] for line in CALLS.strip().splitlines()]
ELSEWHERE = re.compile("`009`|`004`|`003`|`400`|`402`|`440`|TransportError|status 404|status 413")
"""The rows of the page that a test below or the test of the messages in troubleshooting.md carries out."""


@pytest.mark.parametrize(("_", "request_", "expected"), ROWS)
def test_errors_of_a_call(_: str, request_: str, expected: str, mock: MockServer) -> None:
    action, _, text = request_.partition(" ")
    elements = dict(parse_qsl(re.sub(r"(\d+)\*", lambda match: "a" * int(match[1]), text), keep_blank_values=True))
    elements = {**(USER if action == "create_connection" else {}), **elements}
    assert codes(call(mock, action, **elements)) == expected
    assert not mock.callbacks


def test_rows_of_the_page() -> None:
    """Each row is here, and its requests contain the names and values that the page gives."""
    page = (ROOT / "docs" / "guides" / "test-your-integration.md").read_text(encoding="utf-8")
    for line in page.partition("| To get |")[2].partition("\n\n")[0].splitlines()[2:]:
        row, advice = line.strip("| ").split(" | ")
        if not ELSEWHERE.search(row):
            requests = " ".join(request for found, request, _ in ROWS if found == row)
            assert requests, f"no test carries out this row: {row}"
            for name in re.findall("`([^`]+)`", advice.replace('"', "")):
                assert re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", requests), f"{row}: {name} isn't sent"


@pytest.mark.parametrize(("users", "code"), [(["sampleuser"] * 2, "004"), ([f"user{n}" for n in range(10)], "003")])
def test_failed_sign_ins(users: list[str], code: str, mock: MockServer) -> None:
    limit = "failed sign-ins of one user" if code == "004" else "failed sign-ins from one address"
    assert len(users) == int(FACTS["facts"][limit][0])
    for failing in (users[1:], users):  # one attempt fewer doesn't block, and a success starts from zero
        assert codes(call(mock, "authenticate_user", **USER)) == ""
        for user in failing:
            assert codes(call(mock, "authenticate_user", user=user, password="wrong")) == "404"
    assert codes(call(mock, "authenticate_user", **USER)) == codes(call(mock, "create_connection", **USER)) == code
    assert codes(call(mock, "authenticate_user", **USER, **read_captcha(call(mock, "get_captcha")))) == ""
    assert codes(call(mock, "authenticate_user", **USER)) == ""


DIGITS = """
    ### .#. ### ### #.# ### ### ### ### ###
    #.# ##. ..# ..# #.# #.. #.. ..# #.# #.#
    #.# .#. ### ### ### ### ### ..# ### ###
    #.# .#. #.. ..# ..# ..# #.# .#. #.# ..#
    ### ### ### ### ..# ### ### .#. ### ###
"""


def read_captcha(root: etree._Element) -> dict[str, str]:
    """Read the digits in the picture, as a person does: 72 rows of 288 pixels, of which eight are a byte."""
    captcha_id, sent = (str(element.text) for element in root.iterfind("Values/Value/*"))
    image = unquote_to_bytes(sent.replace("+", " "))
    assert "+" in sent, "a decoder that doesn't know + passes"
    assert int.from_bytes(image[-16:-12], "big") == zlib.crc32(image[37:-16])
    pixels = zlib.decompress(image[41:-16])
    lines = ["".join(".#"[byte == 0] for byte in pixels[37 * y + 1 : 37 * y + 37]) for y in range(20, 60, 8)]
    known = list(zip(*map(str.split, DIGITS.strip().splitlines()), strict=True))
    code = "".join(str(known.index(tuple(line[x : x + 3] for line in lines))) for x in range(4, 34, 5))
    return {"captcha_id": captcha_id, "captcha_code": code}


def test_life_of_a_captcha(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def sign_in(**captcha: str) -> str:
        return codes(call(mock, "authenticate_user", **USER, **captcha))

    assert read_captcha(etree.parse(XML / "get-captcha" / "response.xml").getroot())["captcha_code"] == "502718"
    drawn = iter([12345, 678905, 333333])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(drawn))
    used, wrong, old = (read_captcha(call(mock, "get_captcha")) for _ in range(3))
    assert [captcha["captcha_code"] for captcha in (used, wrong, old)] == ["012345", "678905", "333333"]
    assert (sign_in(**used), sign_in(**used)) == ("", "403")
    assert sign_in(**{**wrong, "captcha_code": "x"}) == "401"
    assert sign_in(**wrong) == "402", "one failed attempt uses the captcha up, as the User Guide says"
    assert (sign_in(captcha_id="x"), sign_in(captcha_code="123456")) == ("400", "400")
    captcha, seconds = mock.captchas[old["captcha_id"]], 60 * int(FACTS["facts"]["minutes until a captcha expires"][0])
    assert captcha.expires <= time.monotonic() + seconds < captcha.expires + 60
    captcha.expires -= seconds
    assert sign_in(**old) == "402"
    mock.reset()
    assert sign_in(**old) == "400"


# Callbacks.


@pytest.fixture(scope="module")
def receiver() -> Iterator[MockServer]:
    """Another mock as the receiver: it records what it receives, and responds with 404."""
    with MockServer() as receiver:
        yield receiver


@pytest.mark.parametrize(("number", "transport"), list(CALLBACK_TYPES.items())[:3])
def test_delivery(number: str, transport: str, mock: MockServer, receiver: MockServer) -> None:
    url, credentials = f"{receiver.http_url}/c\u0416/d?a=%20b", ("\u043f\u0142", "\u00f1:\u0416")
    login = dict(zip(("callback_username", "callback_password"), credentials, strict=True))
    call(mock, "create_connection", **USER, **login, callback_url=url, callback_type_id=number)
    assert mock.callbacks == [Callback(url, transport, *credentials)]
    fields = {**STATUS, "status": "003", "cliMsgId": "a&<\u0416"}
    assert mock.deliver(**fields)[:2] == (transport, 404)
    exchange = receiver.exchanges[-1]
    assert (exchange.method, exchange.target[:17]) == (transport[-4:].strip(), "/c%D0%96/d?a=%20b")
    assert base64.b64decode(exchange.headers["Authorization"].split()[1]).decode() == ":".join(credentials)
    if transport == "XML POST":
        assert exchange.headers["Content-Type"] == "text/xml"
        sent = [(element.tag, str(element.text)) for element in etree.fromstring(exchange.body)]
    else:
        sent = parse_qsl(exchange.target.partition("&")[2] or exchange.body.decode())
    assert sent == list(fields.items())


HERE = "http://HERE HTTP://HERE?x=1#y http://localhost:PORT/ http://LOCALHOST:PORT/a;b/../c?d=/e@f:g"
AWAY = r"""
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


@pytest.mark.parametrize("url", [*HERE.split(), *AWAY.split(), *MALFORMED])
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
    assert deliver("")[1].startswith("No source describes SOAP POST: ")
    assert deliver("transport=http+get&self=x") == ("502", "HTTP GET: no response\nConnectionRefusedError\n")


# The ports and the command line.


@pytest.mark.parametrize("address", ["url", "http_url"])
def test_idle_connections(address: str, mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They don't block others, and the mock closes them after a time."""
    where = ("127.0.0.1", urlsplit(getattr(mock, address)).port)
    with contextlib.ExitStack() as stack:
        half = stack.enter_context(connected(mock.tls_port, mock.ca_file))
        half.sendall(b"POST /t HTTP/1.1\r\nContent-Length: 100\r\n\r\nX")
        for _ in range(40):
            stack.enter_context(socket.create_connection(where, 10))
        assert post(mock, LARGE) == RESPONSE
        monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
        assert stack.enter_context(socket.create_connection(where, 10)).recv(1) == b""


def test_two_mocks_of_one_folder(tmp_path: Path) -> None:
    """Each can replace documents or add some, and removes no file of the other."""
    (tmp_path / "error-440.xml").write_bytes((XML / "error-007.xml").read_bytes().replace(b"007", b"440"))
    ca_file = tmp_path / "mock-ca.pem"
    with MockServer(ca_file=ca_file) as first, MockServer(ca_file=ca_file, xml_dir=tmp_path) as second:
        first.close()
        assert codes(call(second, "get_list_callback", "error-440")) == "440"
    assert not ca_file.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command(number: signal.Signals, tmp_path: Path) -> None:
    """A program with the service's own URL reaches the mock by the line of the page, until a signal stops it.

    The file is alone in a folder, as after a download, and its Python sees no other file of this project.
    """
    path = tmp_path / "the reader's folder" / "mock-ca.pem"
    path.parent.mkdir()
    shutil.copy(MOCK, path.parent)
    page = (ROOT / "docs" / "guides" / "test-your-integration.md").read_text(encoding="utf-8")
    (options,) = re.findall(r"python mock_server\.py (--hostname .*) 443", page)
    line, pipe = f"{sys.executable} -I mock_server.py --port 0 {options} 0".split(), subprocess.PIPE
    with subprocess.Popen(line, cwd=path.parent, stdout=pipe, stderr=pipe, encoding="utf-8") as process:
        assert process.stdout
        printed = "".join(iter(process.stdout.readline, "Ready. Press Ctrl+C to stop.\n"))
        assert f"export CURL_CA_BUNDLE={shlex.quote(str(path))}\n" in printed
        assert "$Env:CURL_CA_BUNDLE = '{}'\n".format(str(path).replace("'", "''")) in printed
        port = int(re.findall(r"https://127\.0\.0\.1:(\d+)", printed)[0])
        with socket.create_connection(("127.0.0.1", port), 10) as plain, contextlib.suppress(ConnectionResetError):
            plain.sendall(b"x" * 100)  # it isn't TLS, and the log says nothing about it
            plain.recv(1)
        with connected(port, path, "connect.clickatell.com") as connection:
            document = LIST.replace("get_list_callback", "get_captcha")
            connection.sendall(f"GET /very-secret?XML={document} HTTP/1.0\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[2]
        with socket.create_connection(("127.0.0.1", port), 10):  # an idle connection doesn't keep the mock running
            process.send_signal(number)
            _, log = process.communicate(timeout=10)
    code = read_captcha(etree.fromstring(received))["captcha_code"]
    assert log == f"HTTPS GET 'get_captcha': HTTP 200, {len(received)} bytes, captcha code {code}\n"
    assert (process.returncode, path.exists()) == (0, False)


@pytest.mark.parametrize("option", ["--tls-port 70000", "--ca-file no-such-folder/ca.pem", "--xml-dir no-such-folder"])
def test_command_that_fails(
    option: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["mock_server.py", "--port", "0", "--tls-port", "0", *option.split()])
    assert module.main() == 1
    assert re.match(r"mock_server\.py: .*(0-65535|'no-such-folder)", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())
