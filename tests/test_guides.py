"""What the guides say about their programs, where running the page alone doesn't show it.

For integrators: the retry policy, the log formatter, the captcha, and each way to provoke an error in the mock.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import logging
import re
import runpy
import shlex
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from lxml import etree
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from connect_api import (
    MAX_BODY,
    Captcha,
    ConnectAPI,
    ConnectAPIError,
    MalformedResponse,
    ServiceError,
    TransportError,
    build_request,
)
from facts import FACTS, ROOT, SNIPPETS, XML
from mock_server import MAX_REQUEST, MockServer

TOKEN = "0123456789abcdef0123456789abcdef"
SIGN_IN = ("sampleuser", "samplepass1")
WORDS = {2: "two", 4: "four"}
Says = Callable[[str, str], None]
Script = bytes | Callable[[socket.socket], None]


def text_of(page: str) -> str:
    return (ROOT / "docs" / "guides" / page).read_text(encoding="utf-8")


def program(name: str, mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run a program against the mock, and return its names."""
    monkeypatch.setenv("CONNECT_API_TOKEN", TOKEN)
    monkeypatch.setenv("CONNECT_API_URL", mock.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mock.ca_file))
    return runpy.run_path(str(SNIPPETS / name))


# guides/production.md: the retry policy


def reply(status: int, body: bytes = b"", header: str = "Retry-After: 0") -> bytes:
    """Return a whole response; by default with a header that makes urllib3 retry more than the policy should."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{header}\r\n\r\n"
    return head.encode() + body


GOOD = reply(200, (XML / "response.xml").read_bytes())


@contextlib.contextmanager
def server(*scripts: Script) -> Iterator[tuple[str, list[Script]]]:
    """Play one script for each connection. Yield the URL, and the list of what was played."""
    played: list[Script] = []

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for script in scripts:
                connection, _ = listener.accept()
                played.append(script)
                with contextlib.suppress(OSError), connection:
                    if callable(script):
                        script(connection)
                    else:
                        connection.recv(65536)
                        connection.sendall(script)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", played
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def listing(session: requests.Session, *scripts: Script) -> tuple[object, int]:
    """Return the exception of the call or its number of callback types, and how many requests it took."""
    with server(*scripts) as (url, played):
        try:
            return len(ConnectAPI(TOKEN, url, session=session, timeout=2).list_callback_types()), len(played)
        except ConnectAPIError as error:
            return error, len(played)


@pytest.fixture
def policy(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> Retry:
    found = program("call_with_retries.py", mock, monkeypatch)["policy"]
    assert isinstance(found, Retry)
    return found


@pytest.fixture
def retrying(policy: Retry, session: requests.Session) -> requests.Session:
    """A session with the policy of the program, which waits less and is used for plain HTTP too."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=policy.new(backoff_factor=0.001)))
    return session


def test_the_policy_retries_the_statuses_of_the_table(retrying: requests.Session) -> None:
    rows = [line.split("|") for line in text_of("production.md").splitlines() if line.startswith("| `TransportError`")]
    retried = {int(status) for row in rows if row[2].strip() == "Yes" for status in re.findall(r"`(\d{3})`", row[1])}
    assert retried
    for status in (302, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504, 505):
        assert listing(retrying, reply(status), GOOD)[1] == (2 if status in retried else 1), status


def test_the_policy_ends_after_the_attempts_that_the_page_says(
    policy: Retry, retrying: requests.Session, says: Says
) -> None:
    error, made = listing(retrying, *[reply(503, (XML / "error-007.xml").read_bytes())] * 9)
    assert isinstance(error, ServiceError), "the body of the last response is read"
    longest = policy.parse_retry_after("86400")
    says("guides/production.md", f"at most {WORDS[made]} attempts")
    says("guides/production.md", f"never more than {longest:.0f} seconds")
    says("guides/production.md", f"add up to {(made - 1) * longest:.0f} seconds")


def test_the_policy_retries_connections_and_not_bodies(retrying: requests.Session) -> None:
    assert listing(retrying, b"", GOOD) == (2, 2)
    sent = []

    def large(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 503 X\r\nContent-Length: {2**25}\r\n\r\n".encode())
        for _ in range(32):
            connection.sendall(bytes(2**20))
            sent.append(1)

    assert listing(retrying, large, GOOD) == (2, 2)
    assert len(sent) < 32, "the connection is closed, and the body isn't read"
    assert listing(retrying, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<CLICK", GOOD)[1] == 1


def test_the_policy_is_for_https_only(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    session = program("call_with_retries.py", mock, monkeypatch)["session"]
    assert isinstance(session, requests.Session)
    assert listing(session, reply(503), GOOD)[1] == 1
    assert vars(session.get_adapter("https://example.com"))["max_retries"].total == 3


def test_the_policy_retries_wrong_settings(
    mock: MockServer, retrying: requests.Session, caplog: pytest.LogCaptureFixture
) -> None:
    retrying.verify = True
    with pytest.raises(TransportError, match="TLS") as raised:
        ConnectAPI(TOKEN, mock.url, session=retrying).list_callback_types()
    assert raised.value.status is None
    assert caplog.text.count("Retrying (") == 3


@pytest.mark.parametrize("call", ["authenticate_user", "create_connection", "list_callback_types"])
def test_the_policy_never_repeats_a_post(call: str, retrying: requests.Session, tmp_path: Path) -> None:
    """Neither after a status, nor if TLS fails halfway: urllib3 alone would then send the POST again."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").configure_cert(context)
    retrying.verify = str(tmp_path / "ca.pem")

    def fail_halfway(connection: socket.socket) -> None:
        tls = context.wrap_socket(connection, server_side=True)
        tls.recv(65536)
        with socket.socket(fileno=tls.detach()) as plain:
            plain.sendall(b"this isn't TLS" * 100)
            while plain.recv(65536):  # to close on unread data would be another failure
                pass

    for script, scheme in ((reply(503), "http://"), (fail_halfway, "https://")):
        arguments = [] if call == "list_callback_types" else SIGN_IN
        with server(*[script] * 9) as (url, played):
            api = ConnectAPI(TOKEN, url.replace("http://", scheme), session=retrying)
            assert outcome(partial(getattr(api, call), *arguments)) in (503, None)
        assert len(played) == (4 if call == "list_callback_types" else 1)


def test_the_page_gives_the_limits_of_the_client(says: Says) -> None:
    says("guides/production.md", f"{ConnectAPI(TOKEN).timeout} seconds for connecting")
    says("guides/production.md", f"larger than {MAX_BODY // 2**20} MiB (MAX_BODY)")
    lines, size = vars(http.client)["_MAXHEADERS"], vars(http.client)["_MAXLINE"]
    says("guides/production.md", f"{lines} header lines of {size // 1024} KiB")


# guides/production.md: the token in logs


def test_the_logs_of_urllib3_contain_the_token(retrying: requests.Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "urllib3"):
        listing(retrying, b"", GOOD)
    for beginning in ("Retrying (", "http://127.0.0.1"):
        assert any(line.startswith(beginning) and TOKEN in line for line in caplog.messages)


def test_the_formatter_removes_secrets_from_messages_and_tracebacks(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    formatter: Callable[..., logging.Formatter] = program("log_without_token.py", mock, monkeypatch)["WithoutSecrets"]  # type: ignore[assignment]
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(formatter(TOKEN, SIGN_IN[1]))
    logger = logging.getLogger("guides")
    logger.addHandler(handler)
    try:
        raise ValueError(f"https://example.com/{TOKEN}?password={SIGN_IN[1]}")
    except ValueError:
        logger.exception("path %s", f"/{TOKEN}")
    logger.removeHandler(handler)
    assert "path /***\nTraceback" in log.getvalue()
    assert "ValueError: https://example.com/***?password=***\n" in log.getvalue()
    assert TOKEN not in log.getvalue()
    assert SIGN_IN[1] not in log.getvalue()


# guides/authenticate-user.md


def test_the_captcha_program_saves_the_picture_and_signs_in(mock: MockServer, tmp_path: Path) -> None:
    variables = {
        "CONNECT_API_URL": mock.url,
        "CONNECT_API_TOKEN": TOKEN,
        "CONNECT_API_USER": SIGN_IN[0],
        "CONNECT_API_PASSWORD": SIGN_IN[1],
        "REQUESTS_CA_BUNDLE": str(mock.ca_file),
        "PYTHONPATH": str(SNIPPETS),
    }
    with subprocess.Popen(
        [sys.executable, str(SNIPPETS / "solve_captcha.py")],
        cwd=tmp_path,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as running:
        assert running.stdout
        question = running.stdout.readline()  # or nothing, if the program ends before
        code = next((captcha.code for captcha in mock.captchas.values()), "")
        rest, _ = running.communicate(f"{code}\n", timeout=60)
    assert question + rest == "Open captcha.png, and type the characters that it shows:\nuser number 3401455\n"
    assert (tmp_path / "captcha.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_gives_the_limits_of_the_user_guide(says: Says) -> None:
    facts = {name: int(value) for name, (value, _) in FACTS["facts"].items() if value.isdecimal()}
    page = "guides/authenticate-user.md"
    says(page, f"after {WORDS[facts['failed sign-ins of one user']]} failures in a row for one user")
    says(page, f"{facts['failed sign-ins from one address']} in a row from one address")
    says(page, f"expires after {facts['minutes until a captcha expires']} minutes")


# guides/test-your-integration.md: a function carries out each row of the table


class Mock:
    """What the rows need: the mock, and the client for any token."""

    def __init__(self, server: MockServer, session: requests.Session) -> None:
        self.server, self.session = server, session
        self.api = partial(ConnectAPI, base_url=server.url, session=session)
        self.sign_in, self.create = self.api(TOKEN).authenticate_user, self.api(TOKEN).create_connection

    def listing(self, token: str, url: str = "") -> object:
        return outcome(self.api(token, base_url=url or self.server.url).list_callback_types)

    def sign_ins(self, *attempts: tuple[str, str]) -> object:
        return [outcome(partial(self.sign_in, *attempt)) for attempt in attempts][-1]

    def connections(self, **settings: Any) -> object:
        return [outcome(partial(self.create, *SIGN_IN, **{name: value})) for name, value in settings.items()]

    def captcha(self, code: str = "") -> Captcha:
        captcha_id = self.api(TOKEN).get_captcha().id
        return Captcha(captcha_id, code or self.server.captchas[captcha_id].code)

    def captchas(self, *captchas: Captcha) -> object:
        return [outcome(partial(self.sign_in, *SIGN_IN, captcha)) for captcha in captchas]

    def post(self, document: str | bytes) -> object:
        response = self.session.post(f"{self.server.url}/{TOKEN}", data={"XML": document}, timeout=10)
        codes = [error.text for error in etree.fromstring(response.content).iter("Error")] if response.ok else []
        return codes or response.status_code

    def other_error(self) -> object:
        folder = self.server.ca_file.parent / "documents"
        folder.mkdir(exist_ok=True)
        text = (XML / "error-007.xml").read_text(encoding="utf-8")
        (folder / "error-440.xml").write_text(text.replace("007", "440"), encoding="utf-8")
        with MockServer(xml_dir=folder) as other:
            self.session.verify = str(other.ca_file)
            return self.listing("error-440", other.url)


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except ServiceError as error:
        return " ".join(code for code, _ in error.errors)
    except TransportError as error:
        return error.status
    except MalformedResponse:
        return "MalformedResponse"


WRONG = ("sampleuser", "wrongpass1")
ROWS: dict[str, tuple[Callable[[Mock], object], object]] = {
    "A documented error of `get_list_callback`": (lambda mock: mock.listing("error-007"), "007"),
    "The same list as a public client recorded": (
        lambda mock: [name for _, name in mock.api("recorded").list_callback_types()],
        [name for _, name in FACTS["callback_types"].values()],
    ),
    "Error `103` as a public client recorded it": (lambda mock: mock.listing("recorded-error-103"), "103"),
    "Several errors in one response": (lambda mock: mock.listing("several-errors"), "431 432"),
    "Error `009`": (lambda mock: mock.listing(TOKEN, mock.server.http_url), "009"),
    "Error `430`": (lambda mock: mock.post(build_request("no_such_call")), ["430"]),
    "Error `404`": (lambda mock: mock.sign_ins(WRONG), "404"),
    "Error `004` of `authenticate_user`": (lambda mock: mock.sign_ins(WRONG, WRONG, SIGN_IN), "004"),
    "Error `003`": (lambda mock: mock.sign_ins(*[(f"user{i}", "wrongpass1") for i in range(10)], SIGN_IN), "003"),
    "Errors `400` and `401`": (
        lambda mock: mock.captchas(Captcha("0" * 32, "000000"), mock.captcha("wrong1")),
        ["400", "401"],
    ),
    "Errors `402` and `403`": (
        lambda mock: mock.captchas(*[mock.captcha("wrong1")] * 2, *[mock.captcha()] * 2),
        ["401", "402", "3401455", "403"],
    ),
    "Errors `431` and `432`": (lambda mock: mock.post(build_request("authenticate_user")), ["431", "432"]),
    "Error `103`": (lambda mock: mock.sign_ins(("newuser", "samplepass2")), "103"),
    "Errors `419` to `426`, except `420`": (
        lambda mock: mock.connections(
            connection_id=99,
            dial_prefix="x",
            ip_address="example.com",
            callback_url="example.com",
            callback_type_id=99,
            callback_username="x" * 65,
            callback_password="x" * 65,
        ),
        ["419", "421", "422", "423", "424", "425", "426"],
    ),
    "Error `420`": (lambda mock: mock.connections(connection_id=7), ["420"]),
    "Any other error, such as `440`": (Mock.other_error, "440"),
    "`MalformedResponse`": (lambda mock: mock.listing("request.xml"), "MalformedResponse"),
    "`TransportError` without a `status`": (lambda mock: mock.listing(TOKEN, "https://127.0.0.1:9"), None),
    "HTTP status 404": (lambda mock: mock.listing("error-000"), 404),
    "HTTP status 413": (lambda mock: mock.post("x" * (MAX_REQUEST + 1)), 413),
}


def test_every_row_of_the_page_is_carried_out() -> None:
    table = text_of("test-your-integration.md").partition("| To get |")[2].partition("\n\n")[0]
    assert [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]] == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_row(row: str, mock: MockServer, session: requests.Session) -> None:
    carry_out, expected = ROWS[row]
    assert carry_out(Mock(mock, session)) == expected


def test_a_program_with_a_fixed_url_reaches_the_mock(tmp_path: Path) -> None:
    """Run the command of the page on free ports, and call the service's own name at this machine."""
    (line,) = re.findall(r"python (mock_server\.py --hostname .* --tls-port 443)", text_of("test-your-integration.md"))
    arguments = shlex.split(line.replace("443", "0"))[1:]
    command = [sys.executable, str(SNIPPETS / "mock_server.py"), *arguments, "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as running:
        try:
            assert running.stdout
            printed = "".join(iter(running.stdout.readline, "Ready. Press Ctrl+C to stop.\n"))
            port = int(re.findall(r"https://127\.0\.0\.1:(\d+)", printed)[0])
            context = ssl.create_default_context(cafile=str(tmp_path / "mock-ca.pem"))
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                context.wrap_socket(plain, server_hostname="connect.clickatell.com").close()
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, pytest.raises(ssl.SSLError):
                context.wrap_socket(plain, server_hostname="other.clickatell.com")
        finally:
            running.terminate()
