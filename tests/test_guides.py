"""What the guides say about their programs, where running the page alone doesn't show it.

For integrators: the retry policy, the log formatter, the captcha, and each way to provoke an error in the mock.
"""

from __future__ import annotations

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
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import requests
import trustme
from lxml import etree
from requests.adapters import HTTPAdapter
from scripted_server import Script, answer, in_turn, scripted, send
from urllib3.util import Retry

from connect_api import (
    MAX_BODY,
    CallbackType,
    Captcha,
    ConnectAPI,
    MalformedResponse,
    ServiceError,
    TransportError,
    build_request,
)
from facts import FACTS, ROOT, SNIPPETS, XML
from mock_server import MAX_REQUEST, MockServer

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 (made up)
SIGN_IN = ("sampleuser", "samplepass1")
RESPONSE = (XML / "response.xml").read_bytes()
TYPES = [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]
WORDS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}
Says = Callable[[str, str], None]


@pytest.fixture
def api(mock: MockServer, session: requests.Session) -> ConnectAPI:
    return ConnectAPI(TOKEN, mock.url, session=session)


def program(name: str, mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Run a program against the mock, and return its names."""
    monkeypatch.setenv("CONNECT_API_TOKEN", TOKEN)
    monkeypatch.setenv("CONNECT_API_URL", mock.url)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mock.ca_file))
    return runpy.run_path(str(SNIPPETS / name))


# guides/production.md: the retry policy


@pytest.fixture
def policy(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> Retry:
    found = program("call_with_retries.py", mock, monkeypatch)["policy"]
    assert isinstance(found, Retry)
    return found


@pytest.fixture
def retrying(policy: Retry, session: requests.Session) -> requests.Session:
    """A session with the policy of the program, which waits less, and is mounted for plain HTTP too."""
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=policy.new(backoff_factor=0.001)))
    return session


def listing(session: requests.Session, *scripts: Script) -> tuple[object, int]:
    """Return what the call returned or raised, and how many requests it took."""
    script, served = in_turn(*scripts)
    with scripted(script) as url:
        try:
            return ConnectAPI(TOKEN, url, session=session, timeout=2).list_callback_types(), len(served)
        except (ServiceError, TransportError) as error:
            return error, len(served)


def test_the_policy_retries_what_the_page_says_and_nothing_else(policy: Retry, retrying: requests.Session) -> None:
    for status in range(300, 600):
        scripts = [answer(b"", f"{status} X", "Retry-After: 0"), answer(RESPONSE)]
        if status % 100 < 15 or status == 429:
            _, made = listing(retrying, *scripts)
            assert made == (2 if status in (502, 503, 504) else 1), status
    page = (ROOT / "docs" / "guides" / "production.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `TransportError`")]
    statuses = {int(text) for row in rows if row[2].strip() == "Yes" for text in re.findall(r"`(\d{3})`", row[1])}
    assert statuses == set(policy.status_forcelist or ())


def test_the_policy_ends_after_the_attempts_that_the_page_says(
    policy: Retry, retrying: requests.Session, says: Says
) -> None:
    error, made = listing(retrying, *[answer(b"", "503 Unavailable")] * 9)
    assert isinstance(error, TransportError)
    assert error.status == 503
    longest = policy.parse_retry_after("86400")
    says("guides/production.md", f"at most {WORDS[made]} attempts")
    says("guides/production.md", f"never more than {longest:.0f} seconds")
    says("guides/production.md", f"add up to {(made - 1) * longest:.0f} seconds")


def test_the_policy_reads_no_body(retrying: requests.Session) -> None:
    error, made = listing(retrying, *[answer((XML / "error-007.xml").read_bytes(), "503 Unavailable")] * 9)
    assert isinstance(error, ServiceError)
    assert made == 4
    endless = send(b"HTTP/1.1 503 X\r\nContent-Length: 1000000\r\n\r\n")  # and no byte of it
    assert listing(retrying, endless, answer(RESPONSE)) == (TYPES, 2)
    broken = send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<CLICK")
    error, made = listing(retrying, broken, answer(RESPONSE))
    assert isinstance(error, TransportError)
    assert made == 1


def test_the_policy_retries_a_broken_connection_but_no_redirect(retrying: requests.Session) -> None:
    assert listing(retrying, send(), answer(RESPONSE)) == (TYPES, 2)
    error, made = listing(retrying, answer(b"", "302 Found", "Location: /elsewhere"), answer(RESPONSE))
    assert isinstance(error, TransportError)
    assert (error.status, made) == (302, 1)


def test_the_policy_is_for_https_only(mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    found = program("call_with_retries.py", mock, monkeypatch)["session"]
    assert isinstance(found, requests.Session)
    for scheme, total in (("https://", 3), ("http://", 0)):
        adapter = found.get_adapter(scheme)
        assert isinstance(adapter, HTTPAdapter)
        assert adapter.max_retries.total == total


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

    for first, scheme in ((answer(b"", "503 Unavailable"), "http://"), (fail_halfway, "https://")):
        script, served = in_turn(*[first] * 9)
        with scripted(script) as url, pytest.raises(TransportError):
            api = ConnectAPI(TOKEN, url.replace("http://", scheme), session=retrying)
            getattr(api, call)(*[] if call == "list_callback_types" else SIGN_IN)
        assert len(served) == (4 if call == "list_callback_types" else 1)


def test_the_page_gives_the_limits_of_the_client(says: Says) -> None:
    seconds = ConnectAPI(TOKEN).timeout
    says("guides/production.md", f"{seconds} seconds for connecting")
    says("guides/production.md", f"larger than {MAX_BODY // 2**20} MiB (MAX_BODY)")
    lines, size = vars(http.client)["_MAXHEADERS"], vars(http.client)["_MAXLINE"]
    says("guides/production.md", f"{lines} header lines of {size // 1024} KiB")


# guides/production.md: the token in logs


def test_the_logs_of_urllib3_contain_the_token(retrying: requests.Session, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "urllib3"):
        listing(retrying, send(), answer(RESPONSE))
    assert all(TOKEN in line for line in caplog.messages if "Retrying (" in line or "GET /" in line)
    assert TOKEN in caplog.text


def test_the_formatter_removes_secrets_from_messages_and_tracebacks(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    formatter = program("log_without_token.py", mock, monkeypatch)["WithoutSecrets"]
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(formatter(TOKEN, SIGN_IN[1]))  # type: ignore[operator]
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
        assert running.stdin
        assert running.stdout
        question = running.stdout.readline()
        (captcha,) = mock.captchas.values()
        rest, _ = running.communicate(f"{captcha.code}\n", timeout=60)
    assert question + rest == "Open captcha.png, and type the characters that it shows:\nuser number 3401455\n"
    assert (tmp_path / "captcha.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_gives_the_limits_of_the_user_guide(says: Says) -> None:
    facts = {name: int(value) for name, (value, _) in FACTS["facts"].items() if value.isdecimal()}
    page = "guides/authenticate-user.md"
    says(page, f"after {WORDS[facts['failed sign-ins of one user']]} failures in a row for one user")
    says(page, f"{facts['failed sign-ins from one address']} in a row from one address")
    says(page, f"expires after {facts['minutes until a captcha expires']} minutes")


# guides/test-your-integration.md


def codes(call: Callable[[], object]) -> list[str]:
    with pytest.raises(ServiceError) as raised:
        call()
    return [code for code, _ in raised.value.errors]


def listed(token: str) -> Callable[[MockServer, requests.Session], list[str]]:
    return lambda mock, session: codes(ConnectAPI(token, mock.url, session=session).list_callback_types)


def attempts(*sign_ins: tuple[object, ...]) -> Callable[[MockServer, requests.Session], list[str]]:
    def run(mock: MockServer, session: requests.Session) -> list[str]:
        api = ConnectAPI(TOKEN, mock.url, session=session)
        return [code for sign_in in sign_ins for code in codes(partial(api.authenticate_user, *sign_in))][-1:]

    return run


def recorded(mock: MockServer, session: requests.Session) -> list[str]:
    types = ConnectAPI("recorded", mock.url, session=session).list_callback_types()
    return [found.name for found in types]


def captchas(mock: MockServer, session: requests.Session) -> list[str]:
    api = ConnectAPI(TOKEN, mock.url, session=session)
    found = codes(partial(api.authenticate_user, *SIGN_IN, Captcha("0" * 32, "000000")))
    challenge = api.get_captcha()
    wrong = "000001" if mock.captchas[challenge.id].code == "000000" else "000000"
    return found + codes(partial(api.authenticate_user, *SIGN_IN, Captcha(challenge.id, wrong)))


def used_captchas(mock: MockServer, session: requests.Session) -> list[str]:
    captchas(mock, session)
    failed = next(iter(mock.captchas))
    api = ConnectAPI(TOKEN, mock.url, session=session)
    found = codes(partial(api.authenticate_user, *SIGN_IN, Captcha(failed, mock.captchas[failed].code)))
    solved = Captcha(api.get_captcha().id, mock.captchas[list(mock.captchas)[-1]].code)
    api.authenticate_user(*SIGN_IN, solved)
    return found + codes(partial(api.authenticate_user, *SIGN_IN, solved))


def connections(*settings: dict[str, object]) -> Callable[[MockServer, requests.Session], list[str]]:
    def run(mock: MockServer, session: requests.Session) -> list[str]:
        create = partial(ConnectAPI(TOKEN, mock.url, session=session).create_connection, *SIGN_IN)
        return [code for setting in settings for code in codes(partial(create, **setting))]  # type: ignore[arg-type]

    return run


def posted(mock: MockServer, session: requests.Session, action: str, **elements: str) -> list[str]:
    document = build_request(action, **elements)
    response = session.post(f"{mock.url}/{TOKEN}", data={"XML": document}, timeout=10)
    return [str(element.text) for element in etree.fromstring(response.content).iter("Error")]


def any_other_error(mock: MockServer, session: requests.Session) -> list[str]:
    text = (XML / "error-007.xml").read_text(encoding="utf-8").replace("007", "440")
    folder = mock.ca_file.parent / "documents"
    folder.mkdir(exist_ok=True)
    (folder / "error-440.xml").write_text(text, encoding="utf-8")
    with MockServer(xml_dir=folder) as other:
        session.verify = str(other.ca_file)
        return listed("error-440")(other, session)


def malformed(mock: MockServer, session: requests.Session) -> list[str]:
    with pytest.raises(MalformedResponse) as raised:
        ConnectAPI("request.xml", mock.url, session=session).list_callback_types()
    return [type(raised.value).__name__]


def status(token: str, url: str = "") -> Callable[[MockServer, requests.Session], list[str]]:
    def run(mock: MockServer, session: requests.Session) -> list[str]:
        with pytest.raises(TransportError) as raised:
            ConnectAPI(token, url or mock.url, session=session).list_callback_types()
        return [str(raised.value.status)]

    return run


def too_large(mock: MockServer, session: requests.Session) -> list[str]:
    body = {"XML": "x" * (MAX_REQUEST + 1)}
    return [str(session.post(f"{mock.url}/{TOKEN}", data=body, timeout=10).status_code)]


WRONG = ("sampleuser", "wrongpass1")
PROVOKED: dict[str, tuple[Callable[[MockServer, requests.Session], list[str]], list[str]]] = {
    "A documented error of `get_list_callback`": (listed("error-007"), ["007"]),
    "The same list as a public client recorded": (
        recorded,
        [recorded_name for _, recorded_name in FACTS["callback_types"].values()],
    ),
    "Error `103` as a public client recorded it": (listed("recorded-error-103"), ["103"]),
    "Several errors in one response": (listed("several-errors"), ["431", "432"]),
    "Error `009`": (
        lambda mock, session: codes(ConnectAPI(TOKEN, mock.http_url, session=session).list_callback_types),
        ["009"],
    ),
    "Error `430`": (lambda mock, session: posted(mock, session, "no_such_call"), ["430"]),
    "Error `404`": (attempts(WRONG), ["404"]),
    "Error `004` of `authenticate_user`": (attempts(WRONG, WRONG, SIGN_IN), ["004"]),
    "Error `003`": (attempts(*[(f"user{number}", "wrongpass1") for number in range(10)], SIGN_IN), ["003"]),
    "Errors `400` and `401`": (captchas, ["400", "401"]),
    "Errors `402` and `403`": (used_captchas, ["402", "403"]),
    "Error `103`": (attempts(("newuser", "samplepass2")), ["103"]),
    "Errors `419` to `426`, except `420`": (
        connections(
            {"connection_id": 99},
            {"dial_prefix": "x"},
            {"ip_address": "example.com"},
            {"callback_url": "example.com"},
            {"callback_type_id": 99},
            {"callback_username": "x" * 65},
            {"callback_password": "x" * 65},
        ),
        ["419", "421", "422", "423", "424", "425", "426"],
    ),
    "Error `420`": (connections({"connection_id": 7}), ["420"]),
    "Any other error, such as `440`": (any_other_error, ["440"]),
    "`MalformedResponse`": (malformed, ["MalformedResponse"]),
    "`TransportError` without a `status`": (status(TOKEN, "https://127.0.0.1:9"), ["None"]),
    "HTTP status 404": (status("error-000"), ["404"]),
    "HTTP status 413": (too_large, ["413"]),
}


def page() -> str:
    return (ROOT / "docs" / "guides" / "test-your-integration.md").read_text(encoding="utf-8")


def test_every_row_of_the_page_is_run() -> None:
    table = page().partition("| To get |")[2].partition("\n\n")[0]
    assert [row.split(" | ")[0].removeprefix("| ") for row in table.splitlines()[2:]] == list(PROVOKED)


@pytest.mark.parametrize("row", PROVOKED)
def test_the_mock_can_be_made_to(row: str, mock: MockServer, session: requests.Session) -> None:
    run, expected = PROVOKED[row]
    assert run(mock, session) == expected


def test_a_program_with_a_fixed_url_reaches_the_mock(tmp_path: Path) -> None:
    """Run the command of the page on free ports, and call the service's own name at this machine."""
    (line,) = re.findall(r"^ *python (mock_server\.py --hostname .*)", page(), re.MULTILINE)
    assert line.endswith(" --tls-port 443")
    command = [sys.executable, *shlex.split(line.replace("443", "0")), "--port", "0"]
    command[1] = str(SNIPPETS / command[1])
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as running:
        assert running.stdout
        printed = "".join(iter(running.stdout.readline, "Ready. Press Ctrl+C to stop.\n"))
        port = int(re.findall(r"https://127\.0\.0\.1:(\d+)", printed)[0])
        context = ssl.create_default_context(cafile=str(tmp_path / "mock-ca.pem"))
        for name, trusted in (("connect.clickatell.com", True), ("other.clickatell.com", False)):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
                try:
                    context.wrap_socket(plain, server_hostname=name).close()
                except ssl.SSLCertVerificationError:
                    assert not trusted
                else:
                    assert trusted
        running.terminate()
