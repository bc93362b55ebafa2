"""The mock: it answers what its page says, records what it received, and nobody holds it up."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import requests
from lxml import etree
from werkzeug.test import Client

from harness.run import clean_environment, run_shell
from harness.site import Site
from mock_server import MAX_REQUEST, MockConnectAPI, MockServer
from project import ERROR_CODES, ROOT, SNIPPETS, XML
from test_blocks import compare

DOCUMENT = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
RESPONSE = (XML / "response.xml").read_bytes()


def error_of(answer: requests.Response) -> str | None:
    assert answer.status_code == 200
    return etree.fromstring(answer.content).findtext("Error")


def ask(session: requests.Session, mock: MockServer, document: str, token: str = "any-token") -> requests.Response:
    return session.get(f"{mock.url}/{token}", params={"XML": document}, timeout=10)


@pytest.mark.parametrize("token", ["any-token", "response", "response.xml", "0123456789abcdef0123456789abcdef"])
def test_success_is_the_file_byte_for_byte(token: str, mock: MockServer, session: requests.Session) -> None:
    answer = ask(session, mock, DOCUMENT, token)
    assert (answer.status_code, answer.headers["Content-Type"], answer.content) == (200, "text/xml", RESPONSE)


@pytest.mark.parametrize("code", ERROR_CODES)
@pytest.mark.parametrize("ending", ["", ".xml"])
def test_error_tokens(code: str, ending: str, mock: MockServer, session: requests.Session) -> None:
    file = (XML / f"error-{code}.xml").read_bytes()
    assert ask(session, mock, DOCUMENT, f"error-{code}{ending}").content == file
    other = DOCUMENT.replace("get_list_callback", "a &lt; b")
    answer = etree.fromstring(ask(session, mock, other, f"error-{code}{ending}").content)
    assert (answer.findtext("Action"), answer.findtext("Error")) == ("a < b", code)


@pytest.mark.parametrize("path", ["error-000", "error-", "", "a/b", "error-007/x"])
def test_not_found_says_what_to_do(path: str, mock: MockServer, session: requests.Session) -> None:
    answer = ask(session, mock, DOCUMENT, path)
    assert answer.status_code == 404
    assert "error-007" in answer.text or "authentication token alone" in answer.text


SPELLINGS = [
    DOCUMENT,
    DOCUMENT.upper().replace("GET_LIST_CALLBACK", "get_list_callback"),
    DOCUMENT.replace("action", "Action").replace("clickatellsdk", "ClickatellSDK"),
    f'<?xml version="1.0"?>\n{DOCUMENT}',
    f'<?xml version="1.0" encoding="UTF-8"?>{DOCUMENT}',
    DOCUMENT.replace("><", ">\n  <!-- comment --><"),
]


@pytest.mark.parametrize("document", SPELLINGS)
@pytest.mark.parametrize("way", ["query", "form", "raw form"])
def test_accepted_requests(document: str, way: str, mock: MockServer, session: requests.Session) -> None:
    url = f"{mock.url}/any-token"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    if way == "query":
        answer = session.get(url, params={"XML": document}, timeout=10)
    elif way == "form":
        answer = session.post(url, data={"XML": document}, timeout=10)
    else:  # as a public client sends it: not percent-encoded
        answer = session.post(url, data=f"XML={document}", headers=form, timeout=10)
    assert answer.content == RESPONSE
    assert mock.exchanges[-1].document == document


def test_raw_query_string(mock: MockServer) -> None:
    """A client that percent-encodes nothing but what the request line cannot carry."""
    context = ssl.create_default_context(cafile=mock.ca_file)
    with (
        socket.create_connection(("127.0.0.1", mock.tls_port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(f"GET /t?XML={DOCUMENT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.endswith(RESPONSE)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "text",
        "<clickatellsdk/>",
        "<clickatellsdk><action/></clickatellsdk>",
        "<other><action>get_list_callback</action></other>",
        DOCUMENT.replace("get_list_callback", "no_such_call"),
        DOCUMENT.replace("get_list_callback", "Get_List_Callback"),
        "<clickatellsdk><action>get_list_callback</action><Action>get_list_callback</Action></clickatellsdk>",
        "<clickatellsdk><a><action>get_list_callback</action></a></clickatellsdk>",
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><clickatellsdk><action>&e;</action></clickatellsdk>',
        DOCUMENT[:-1],
    ],
)
def test_unusable_requests_are_answered_430(document: str, mock: MockServer, session: requests.Session) -> None:
    answer = ask(session, mock, document)
    assert error_of(answer) == "430"
    assert b"root:" not in answer.content


def test_parameter_must_be_there_once(mock: MockServer, session: requests.Session) -> None:
    url = f"{mock.url}/any-token"
    assert error_of(session.get(url, timeout=10)) == "430"
    assert error_of(session.get(url, params={"xml": DOCUMENT}, timeout=10)) == "430"
    assert error_of(session.post(url, params={"XML": DOCUMENT}, data={"XML": DOCUMENT}, timeout=10)) == "430"
    raw = {"Content-Type": "text/xml"}
    assert error_of(session.post(url, data=DOCUMENT, headers=raw, timeout=10)) == "430"


@pytest.mark.parametrize("token", ["any-token", "response.xml", "error-007"])
def test_plain_http_is_answered_009(token: str, mock: MockServer, session: requests.Session) -> None:
    answer = session.get(f"{mock.http_url}/{token}", params={"XML": DOCUMENT}, timeout=10)
    assert answer.content == (XML / "error-009.xml").read_bytes()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_wrong_method(method: str, mock: MockServer, session: requests.Session) -> None:
    answer = session.request(method, f"{mock.url}/any-token", params={"XML": DOCUMENT}, timeout=10)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def padded(size: int) -> str:
    """A form-encoded body of this size, whose document is the documented one."""
    start = f"XML={quote(DOCUMENT)}"
    return start + "+" * (size - len(start))


@pytest.mark.parametrize("chunked", [False, True])
def test_limit_of_a_body(chunked: bool, mock: MockServer, session: requests.Session) -> None:
    def post(body: str) -> requests.Response:
        data = iter([body.encode()]) if chunked else body
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return session.post(f"{mock.url}/any-token", data=data, headers=headers, timeout=30)

    assert post(padded(MAX_REQUEST)).content == RESPONSE
    assert post(padded(MAX_REQUEST + 1)).status_code == 413
    assert post(padded(3 * MAX_REQUEST)).status_code == 413


def test_exchange_is_recorded(mock: MockServer, session: requests.Session) -> None:
    session.post(f"{mock.url}/a-token", data={"XML": DOCUMENT}, timeout=10)
    exchange = mock.exchanges[-1]
    assert (exchange.secure, exchange.method, exchange.target) == (True, "POST", "/a-token")
    assert (exchange.document, exchange.action, exchange.status) == (DOCUMENT, "get_list_callback", 200)
    assert (exchange.body, exchange.answer) == (f"XML={quote(DOCUMENT, safe='')}".encode(), RESPONSE)
    assert exchange.answer_headers["Content-Length"] == str(len(RESPONSE))


def test_any_wsgi_server_can_run_it() -> None:
    mock = MockConnectAPI()
    answer = Client(mock).get("/any-token", base_url="https://localhost", query_string={"XML": DOCUMENT})
    assert answer.data == RESPONSE
    assert urlsplit(mock.exchanges[0].target).path == "/any-token"


@pytest.mark.parametrize(
    "name",
    [
        "response.xml",
        "error-009.xml",
        "error-430.xml",
        "authenticate-user/response.xml",
        "create-connection/response.xml",
    ],
)
def test_folder_without_a_document(name: str, tmp_path: Path) -> None:
    assert MockConnectAPI.__doc__
    assert f"`{name}`" in MockConnectAPI.__doc__, "the reference does not say what the folder has to hold"
    folder = shutil.copytree(XML, tmp_path / "xml")
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"no {name} in"):
        MockConnectAPI(folder)


def test_options_are_those_of_the_page(site: Site, home: Path, update_outputs: bool) -> None:
    page = site.page("docs/reference/mock.md")
    index = [fence.include for fence in page.fences].index("snippets/mock_options.sh")
    printed = run_shell(page.blocks()[index].text, ROOT, clean_environment(home))
    compare(printed.rstrip("\n"), page, page.fences[index + 1], page.fences[index], update_outputs)


def test_certificate_names(tmp_path: Path) -> None:
    """A client with a hard-coded URL is pointed here by name: the certificate has it."""
    with MockServer(hostnames=["connect.clickatell.com"], ca_file=tmp_path / "ca.pem") as mock:
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        for name in ("connect.clickatell.com", "localhost", "127.0.0.1"):
            with (
                socket.create_connection(("127.0.0.1", mock.tls_port), 10) as plain,
                context.wrap_socket(plain, server_hostname=name) as connection,
            ):
                assert connection.version() in ("TLSv1.2", "TLSv1.3")
        with (
            pytest.raises(ssl.SSLCertVerificationError),
            socket.create_connection(("127.0.0.1", mock.tls_port), 10) as plain,
        ):
            context.wrap_socket(plain, server_hostname="other.example.com")
    assert (tmp_path / "ca.pem").exists(), "a file that the user named is the user's"


def test_port_that_is_taken(mock: MockServer) -> None:
    with pytest.raises(OSError, match=r"[Aa]ddress already in use"):  # codespell:ignore ddress
        MockServer(port=mock.tls_port)


@contextlib.contextmanager
def idle_connections(port: int, count: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        yield


@pytest.mark.parametrize("secure", [True, False])
def test_idle_connections_hold_up_nobody(secure: bool, mock: MockServer, session: requests.Session) -> None:
    url = mock.url if secure else mock.http_url
    with idle_connections(urlsplit(url).port or 0, 20):
        started = time.monotonic()
        assert session.get(f"{url}/any-token", params={"XML": DOCUMENT}, timeout=10).status_code == 200
        assert time.monotonic() - started < 5


def test_dripping_request_holds_up_nobody(mock: MockServer, session: requests.Session) -> None:
    context = ssl.create_default_context(cafile=mock.ca_file)
    with (
        socket.create_connection(("127.0.0.1", mock.tls_port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as slow,
    ):
        slow.sendall(b"POST /t HTTP/1.1\r\nContent-Length: 100\r\n\r\nX")
        assert ask(session, mock, DOCUMENT).content == RESPONSE
        slow.sendall(b"M")


# From the command line.


@contextlib.contextmanager
def command(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, SNIPPETS / "mock_server.py", *arguments],
        env=clean_environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_starts_and_stops(number: signal.Signals, home: Path, tmp_path: Path) -> None:
    ca_file = tmp_path / "the authority's.pem"
    with command(home, "--ca-file", str(ca_file), "--hostname", "connect.clickatell.com") as process:
        assert process.stdout
        printed = "".join(iter(process.stdout.readline, "Ready. Stop with Ctrl+C.\n"))
        assert f"$Env:REQUESTS_CA_BUNDLE = '{str(ca_file).replace(chr(39), chr(39) * 2)}'" in printed
        url = next(line for line in printed.splitlines() if "CONNECT_API_URL=" in line).partition("=")[2]
        secret = hashlib.md5(b"token", usedforsecurity=False).hexdigest()
        with requests.Session() as session:
            session.trust_env = False
            answer = session.get(f"{url}/{secret}", params={"XML": DOCUMENT}, verify=str(ca_file), timeout=10)
        assert answer.content == RESPONSE
        process.send_signal(number)
        _, log = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "get_list_callback" in log
    assert secret not in log, "the log holds the token"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "70000"], "--port"),
        (["--tls-port", "-1"], "--tls-port"),
        (["--port", "x"], "--port"),
        (["--ca-file", "no-such-folder/ca.pem"], "cannot start"),
        (["--xml-dir", "no-such-folder"], "no response.xml in no-such-folder"),
        (["--host", "192.0.2.1"], "cannot start"),
        (["--unknown"], "--unknown"),
    ],
)
def test_command_refuses(arguments: list[str], message: str, home: Path) -> None:
    with command(home, *arguments) as process:
        _, log = process.communicate(timeout=20)
    assert process.returncode == (2 if message.startswith("--") else 1)
    assert message in log
    assert "Traceback" not in log
