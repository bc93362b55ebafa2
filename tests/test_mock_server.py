"""The mock, for readers who test their programs with it: it responds as its pages say, and can't be misused."""

from __future__ import annotations

import base64
import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlsplit

import pytest
from lxml import etree

import mock_server as module
from connect_api import build_request
from facts import DOWNLOADS, FACTS, ROOT, SNIPPETS, XML
from mock_server import CALLBACK_TYPES, CONNECTION_IDS, MAX_REQUEST, STATUS, Callback, MockServer
from receive_callbacks import _read

MOCK = SNIPPETS / "mock_server.py"
USER = {"user": "sampleuser", "password": "samplepass1"}
LIST = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
RESPONSE = (XML / "response.xml").read_bytes()
SAMPLES = {"XML": "callback.xml", "SOAP": "callback_soap.xml"}
CALLBACKS = {kind: (DOWNLOADS / name).read_text(encoding="utf-8") for kind, name in SAMPLES.items()}
FORM = "Content-Type: application/x-www-form-urlencoded"


def test_the_file_is_up_to_date(update: Callable[[Path, str], None]) -> None:
    """It contains the messages of the facts, and the documents from docs/xml."""
    text = MOCK.read_text(encoding="utf-8")
    begin, end = "_MESSAGES: dict[str, str] = {", "# The end of the documents."
    calls = FACTS["errors_of_other_calls"]
    codes = sorted({*calls["authenticate_user"], *calls["create_connection"]})
    entries = "".join(f'    "{code}": "{FACTS["user_guide_errors"][code]}",\n' for code in codes)
    entries += "}\n_CALLBACKS: dict[str, str] = {\n"
    entries += "".join(f'    "{kind}": """\\\n{document}""",\n' for kind, document in CALLBACKS.items())
    entries += "}\nDOCUMENTS: dict[str, str] = {\n"
    for path in sorted([*XML.glob("*.xml"), *XML.glob("*/response.xml")]):
        lines = path.read_text(encoding="utf-8").split("\n")
        short = "\n".join("\\\n".join(re.findall(r".{1,110}(?=<|$)|.{1,110}", line)) for line in lines)
        entries += f'    "{path.relative_to(XML).as_posix()}": """\\\n{short}""",\n'
    update(MOCK, f"{text.partition(begin)[0]}{begin}\n{entries}}}\n{end}{text.partition(end)[2]}")
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


@pytest.mark.parametrize(("old", "new"), [("action", "ACTION"), ("<action>", "<!-- c -->\n <n>\u0416</n><action>")])
def test_request_in_any_spelling(old: str, new: str, mock: MockServer) -> None:
    document = f'<?xml version="1.0"?>\n{LIST.replace(old, new)}\n'  # the beginning is that of a public PHP client
    chunks = f"{len(document.encode()) + 4:x};x\r\nXML={document}\r\n0\r\nTrailer: x\r\n\r\n"
    received = {
        post(mock, f"XML={document}"),
        send(mock, "POST /token", chunks, FORM, "Transfer-Encoding: chunked")[1],
        send(mock, f"GET /token?XML={document.replace(' ', '+').replace(chr(10), '%0A')}")[1],
    }
    assert received == {RESPONSE}
    assert {(exchange.document, exchange.action) for exchange in mock.exchanges} == {(document, "get_list_callback")}


LARGE = f"XML={quote(LIST)}"
UNUSABLE = ["", "text", LIST[:-1], LIST.replace("sdk", ""), LIST.replace("get_list", ""), f"<!DOCTYPE a>{LIST}"]
UNUSABLE += [LIST.replace("</action>", "</action><Action>get_list_callback</Action>")]
STATUSES = [
    *[(f"GET /token?XML={quote(document)}", "", FORM, 200, "<Error>430") for document in UNUSABLE],
    ("POST /_mock/deliver", "", FORM, 409, "No callback is configured: "),
    ("POST /token", LARGE, "Content-Type: text/xml", 200, "<Error>430"),
    ("POST /error-007", LARGE.replace("get_list", quote(r"a &lt;\1")), FORM, 200, r"<Action>a &lt;\1_callback<"),
    ("POST /recorded", LARGE.replace("callback", "connection"), FORM, 200, "<connection_type>"),
    ("POST /error-000", LARGE, FORM, 404, "only for error-004, error-005, error-006, error-007"),
    ("GET /status-503", "", FORM, 503, "The token asked for this HTTP status."),
    ("GET /get-captcha/response.xml", "", FORM, 404, "must be the authentication token"),
    ("DELETE /token", "", FORM, 405, "Allow: GET, POST\r\n"),
    ("POST /token", LARGE.ljust(MAX_REQUEST, "+"), FORM, 200, "<Result>Success"),
    ("POST /token", LARGE.ljust(MAX_REQUEST + 1, "+"), FORM, 413, "larger than 1048576 bytes"),
    ("POST /token", "xyz\r\n", "Transfer-Encoding: chunked", 400, ""),
]


@pytest.mark.parametrize(("line", "body", "header", "status", "text"), STATUSES, ids=range(len(STATUSES)))
def test_response_to_a_request(line: str, body: str, header: str, status: int, text: str, mock: MockServer) -> None:
    head, received = send(mock, line, body, header, f"Content-Length: {len(body)}")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert text in f"{head}\r\n{received.decode()}"


# Errors of the calls, and the table of the page about testing.

CALLS = """
A documented error of `get_list_callback`  | get_list_callback token=error-007            | 007
The list that a public client recorded  | get_list_callback token=recorded             |
Error `103` as a public client recorded it | get_list_connection token=recorded-error-103 | 103
Several errors in one response             | get_list_callback token=several-errors       | 431 432
`MalformedResponse`                        | get_list_callback token=request.xml          |
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
longer values                              | authenticate_user user=129*&password=33*     | 431 432
longest values                             | create_connection callback_username=64*&ip_address=192.0.2.1, 2001:db8::1 |
a backslash                                | create_connection callback_url=http://a\\@b  | 423
"""
"""A row of the page or a reason, a request, and the errors in its response. 65* is a text of 65 characters."""
ROWS = [[cell.strip() for cell in line.split("|")] for line in CALLS.strip().splitlines()]
ELSEWHERE = re.compile("`009`|`004`|`003`|`400`|`402`|`440`|TransportError|HTTP status")
"""The rows of the page that a test below or the test of the messages in troubleshooting.md carries out."""


@pytest.mark.parametrize(("_", "request_", "expected"), ROWS)
def test_errors_of_a_call(_: str, request_: str, expected: str, mock: MockServer) -> None:
    action, _, text = request_.partition(" ")
    elements = dict(parse_qsl(re.sub(r"(\d+)\*", lambda match: "a" * int(match[1]), text), keep_blank_values=True))
    elements = {**(USER if action == "create_connection" else {}), **elements}
    assert codes(call(mock, action, **elements)) == expected
    assert not mock.callbacks


def test_parameters() -> None:
    documented = {name.lower() for parameters in FACTS["parameters"].values() for name in parameters}
    assert documented == module._PARAMETERS


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
    limit = {"004": "of one user", "003": "from one address"}[code]
    assert len(users) == int(FACTS["facts"][f"failed sign-ins {limit}"][0])
    for failing in (users[1:], users):  # one attempt fewer doesn't block, and a success starts from zero
        assert codes(call(mock, "authenticate_user", **USER)) == ""
        for user in failing:
            assert codes(call(mock, "authenticate_user", user=user, password="wrong")) == "404"
    assert codes(call(mock, "authenticate_user", **USER)) == codes(call(mock, "create_connection", **USER)) == code
    assert codes(call(mock, "authenticate_user", **USER, **read_captcha(call(mock, "get_captcha"), mock))) == ""
    assert codes(call(mock, "authenticate_user", **USER)) == ""


def read_captcha(root: etree._Element, mock: MockServer) -> dict[str, str]:
    captcha_id = str(root.findtext("Values/Value/captcha_id"))
    return {"captcha_id": captcha_id, "captcha_code": mock.captchas[captcha_id].code}


def test_picture_of_a_captcha(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It shows the digits of the code, as the one in the documented response does."""
    monkeypatch.setattr("secrets.randbelow", lambda _: 502718)
    pixels = []
    for root in (call(mock, "get_captcha"), etree.parse(XML / "get-captcha" / "response.xml").getroot()):
        image = unquote_to_bytes(str(root.findtext("Values/Value/captcha_image")).replace("+", " "))
        assert int.from_bytes(image[-16:-12], "big") == zlib.crc32(image[37:-16])
        pixels.append(zlib.decompress(image[41:-16]))
    assert pixels[0] == pixels[1]


def test_life_of_a_captcha(mock: MockServer) -> None:
    def sign_in(**captcha: str) -> str:
        return codes(call(mock, "authenticate_user", **USER, **captcha))

    used, wrong, late, old = (read_captcha(call(mock, "get_captcha"), mock) for _ in range(4))
    assert (sign_in(**used), sign_in(**used)) == ("", "403")
    assert sign_in(**{**wrong, "captcha_code": "x"}) == "401"
    assert sign_in(**wrong) == "402", "one failed attempt uses the captcha up, as the User Guide says"
    assert (sign_in(captcha_id="x"), sign_in(captcha_code="123456")) == ("400", "400")
    minutes = int(FACTS["facts"]["minutes until a captcha expires"][0])
    mock.captchas[late["captcha_id"]].expires -= 60 * (minutes - 1)
    mock.captchas[old["captcha_id"]].expires -= 60 * minutes
    assert (sign_in(**late), sign_in(**old)) == ("", "402")


@pytest.mark.parametrize(("number", "transport"), CALLBACK_TYPES.items())
def test_delivery(number: str, transport: str, mock: MockServer) -> None:
    """The receiver is the mock: it records what it receives, and responds with 404."""
    url, credentials = f"{mock.http_url}/c\u0416/d?a=%20b", ("\u043f\u0142", "\u00f1:\u0416")
    login = dict(zip(("callback_username", "callback_password"), credentials, strict=True))
    call(mock, "create_connection", **USER, **login, callback_url=url, callback_type_id=number)
    assert mock.callbacks == [Callback(url, transport, *credentials)]
    kind, method = transport.split()
    changed = {"status": "007", "cliMsgId": "a&<\u00e9\u0416", "to": r"\1", "more": "<x>"}
    assert mock.deliver()[:2] == mock.deliver(transport.lower(), **changed)[:2] == (transport, 404)
    sample, odd = (_read(sent.target.partition("?")[2].encode(), sent.body, "") for sent in mock.exchanges[-2:])
    last = mock.exchanges[-1]
    assert (last.method, last.target[:17], "%E9" in str(last)) == (method, "/c%D0%96/d?a=%20b", kind == "SOAP")
    assert last.headers["Content-Type"] == (FORM.split()[1] if method == "POST" else None)
    assert base64.b64decode(last.headers["Authorization"].split()[1]).decode() == ":".join(credentials)
    documented = STATUS if kind == "HTTP" else {"data": CALLBACKS[kind]}
    assert documented.items() <= dict(sample.fields).items()
    assert [odd.status, odd.cli_msg_id, odd.recipient, dict(odd.fields)["more"], *odd.problems] == [*changed.values()]
    with pytest.raises(ValueError, match=r"can't send JSON RAW HTTP POST\. Use one of these"):
        mock.deliver("JSON RAW HTTP POST")


HERE = "HTTP://HERE?x=1#y http://localhost:PORT/ http://LOCALHOST:PORT/a;b/../c?d=/e@f:g"
AWAY = r"""
    http://example.com/ http://HERE\@127.0.0.1/../path http://127.0.0.1\@HERE/ http:\\HERE/ http://127.0.0.1@HERE/
    http://HERE@127.0.0.1/ http://127.0.0.1#@HERE\ http://localhost.example.com/ http://127.0.0.1./ http://2130706433/
    http://0.0.0.0/ http://[::ffff:127.0.0.1]/ http://[::1]@HERE/ http://①②⑦.0.0.1/ http://127.0.0.1%2f@HERE/
    http://127.0.0.1:99999/ http://127.0.0.1:x/ //HERE file:///etc/passwd
"""
MALFORMED = ["", "\nhttp://HERE", "http://HERE\n.example.com/", "http://HERE/ x"]


@pytest.mark.parametrize("url", [*HERE.split(), *AWAY.split(), *MALFORMED])
def test_delivery_only_to_this_machine(url: str, mock: MockServer) -> None:
    port = str(urlsplit(mock.http_url).port)
    mock.callbacks.append(Callback(url.replace("HERE", f"127.0.0.1:{port}").replace("PORT", port), "HTTP GET"))
    if url in HERE.split():
        assert mock.deliver().status == 404
    else:
        with pytest.raises(ValueError, match="The mock only calls this machine"):
            mock.deliver()
    assert len(mock.exchanges) == (url in HERE.split())


def test_idle_connections(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They don't block others, and the mock closes them after a time."""
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(("127.0.0.1", mock.tls_port), 10))
        assert post(mock, LARGE) == RESPONSE
        monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
        assert stack.enter_context(socket.create_connection(("127.0.0.1", mock.tls_port), 10)).recv(1) == b""


def test_own_documents(tmp_path: Path) -> None:
    (tmp_path / "error-440.xml").write_bytes((XML / "error-007.xml").read_bytes().replace(b"007", b"440"))
    with MockServer(xml_dir=tmp_path) as mock:
        assert codes(call(mock, "get_list_callback", "error-440")) == "440"


def test_command(tmp_path: Path) -> None:
    """The file runs alone in a folder, as after a download. A program with the service's own URL reaches the mock."""
    ca_file = Path(shutil.copy(MOCK, tmp_path)).with_name("mock-ca.pem")
    page = (ROOT / "docs" / "guides" / "test-your-integration.md").read_text(encoding="utf-8")
    (options,) = re.findall(r"python mock_server\.py (--hostname .*) 443", page)
    line, pipe = [sys.executable, *f"-I mock_server.py --port 0 {options} 0".split()], subprocess.PIPE
    with subprocess.Popen(line, cwd=tmp_path, stdout=pipe, stderr=pipe, encoding="utf-8") as process:
        assert process.stdout
        printed = "".join(iter(process.stdout.readline, "Ready. Press Ctrl+C to stop.\n"))
        port = int(re.findall(r"https://.*:(\d+)", printed)[0])
        with connected(port, ca_file, "connect.clickatell.com") as connection:
            request = quote(LIST.replace("list_callback", "captcha").replace("</click", "<usr/></click"))
            connection.sendall(f"GET /secret?XML={request} HTTP/1.0\r\n\r\n".encode())
            received = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[2]
        process.terminate()
        _, log = process.communicate(timeout=10)
    size, unknown = f"HTTP 200, {len(received)} bytes", "unknown parameters: 'usr'"
    assert re.fullmatch(rf"HTTPS GET 'get_captcha': {size}, {unknown}, captcha code \d{{6}}\n", log)
    assert (process.returncode, ca_file.exists()) == (0, False)
