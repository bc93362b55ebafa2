"""The programs of the guides, for integrators: retries, logs and captchas work as the pages say."""

from __future__ import annotations

import http.client
import logging
import re
import runpy
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from connect_api import ConnectAPI, ConnectAPIError, ServiceError
from facts import FACTS, ROOT, SNIPPETS, XML
from mock_server import MockServer
from scripted_server import Script, answer, received, scripted

TOKEN = "0123456789abcdef0123456789abcdef"
SIGN_IN = ("sampleuser", "samplepass1")
WORDS = {2: "two", 4: "four"}
GOOD = answer((XML / "response.xml").read_bytes())
Says = Callable[[str, str], None]
Program = Callable[[str], dict[str, Any]]


@pytest.fixture
def program(mock: MockServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Program:
    """Run a program against the mock, and return its names."""
    for name, value in ("TOKEN", TOKEN), ("URL", mock.url), ("USER", SIGN_IN[0]), ("PASSWORD", SIGN_IN[1]):
        monkeypatch.setenv(f"CONNECT_API_{name}", value)
    for name in ("URL", "USER", "PASSWORD"):
        monkeypatch.setenv(f"CALLBACK_{name}", "http://127.0.0.1/")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mock.ca_file))
    monkeypatch.chdir(tmp_path)
    return lambda name: runpy.run_path(str(SNIPPETS / name))


def reply(status: int, body: bytes = b"") -> bytes:
    """A response with a header that makes urllib3 retry more than the policy should."""
    return answer(body, f"{status} X", "Retry-After: 0")


def calling(
    session: requests.Session, *scripts: Script, call: str = "list_callback_types", ca_file: Path | None = None
) -> tuple[object, int]:
    """Play one script for each request. Return the result or error of a call, and how many requests it took."""
    received.clear()
    with scripted(*scripts, ca_file=ca_file) as url:
        api = ConnectAPI(TOKEN, url, session=session, timeout=2)
        try:
            return getattr(api, call)(*[] if call == "list_callback_types" else SIGN_IN), len(received)
        except ConnectAPIError as error:
            return error, len(received)


@pytest.fixture
def retrying(program: Program, session: requests.Session) -> requests.Session:
    """A session with the policy of the program, which waits less and is used for plain HTTP too."""
    policy = program("call_with_retries.py")["policy"]
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=policy.new(backoff_factor=0.001)))
    return session


def test_the_policy_retries_the_statuses_of_the_table(retrying: requests.Session) -> None:
    page = (ROOT / "docs" / "guides" / "production.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `TransportError` with a `status` of (.*) \| Yes \|", page, re.MULTILINE)
    retried = {int(status) for status in re.findall(r"\d{3}", " ".join(rows))}
    assert retried
    for status in (302, 400, 401, 403, 404, 408, 413, 429, 500, 501, 502, 503, 504, 505):
        assert calling(retrying, reply(status), GOOD)[1] == (2 if status in retried else 1), status


def test_the_policy_ends_after_the_attempts_that_the_page_says(retrying: Any, says: Says) -> None:
    error, made = calling(retrying, reply(503, (XML / "error-007.xml").read_bytes()))
    assert isinstance(error, ServiceError), "the body of the last response is read"
    longest = retrying.get_adapter("https://").max_retries.parse_retry_after("86400")
    says("guides/production.md", f"at most {WORDS[made]} attempts")
    says("guides/production.md", f"never more than {longest:.0f} seconds")
    says("guides/production.md", f"add up to {(made - 1) * longest:.0f} seconds")
    says("guides/production.md", "100 header lines of 64 KiB")
    assert (vars(http.client)["_MAXHEADERS"], vars(http.client)["_MAXLINE"]) == (100, 64 * 1024)


def test_the_policy_retries_connections_and_not_bodies(retrying: requests.Session) -> None:
    assert calling(retrying, b"", GOOD)[1] == 2
    assert calling(retrying, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<CLICK", GOOD)[1] == 1
    sent = []

    def large(connection: socket.socket) -> None:
        connection.sendall(f"HTTP/1.1 503 X\r\nContent-Length: {2**25}\r\n\r\n".encode())
        for _ in range(32):
            connection.sendall(bytes(2**20))
            sent.append(1)

    assert calling(retrying, large, GOOD)[1] == 2
    assert len(sent) < 32, "the connection is closed, and the body isn't read"


def test_the_policy_is_for_https_only(program: Program) -> None:
    session = program("call_with_retries.py")["session"]
    totals = [session.get_adapter(url).max_retries.total for url in ("http://localhost", "https://example.com")]
    assert totals == [0, 3]


@pytest.mark.parametrize("call", ["authenticate_user", "create_connection", "list_callback_types"])
def test_the_policy_never_repeats_a_post(call: str, retrying: requests.Session, tmp_path: Path) -> None:
    """Neither after a status, nor if TLS fails halfway: urllib3 alone would then send the POST again."""
    expected = 4 if call == "list_callback_types" else 1
    error, made = calling(retrying, reply(503), call=call)
    assert (vars(error)["status"], made) == (503, expected)
    retrying.verify = str(tmp_path / "ca.pem")

    def fail_halfway(connection: socket.socket) -> None:
        with socket.socket(fileno=connection.detach()) as plain:
            plain.sendall(b"this isn't TLS" * 100)
            while plain.recv(65536):  # to close on unread data would be another failure
                pass

    assert calling(retrying, fail_halfway, call=call, ca_file=tmp_path / "ca.pem")[1] == expected


def test_the_formatter_removes_secrets_from_messages_and_tracebacks(program: Program) -> None:
    formatter = program("log_without_token.py")["WithoutSecrets"]
    record = logging.LogRecord("name", logging.ERROR, "path", 1, "path %s", (f"/{TOKEN}",), None)
    try:
        raise ValueError(f"https://example.com/{TOKEN}?password={SIGN_IN[1]}")
    except ValueError:
        record.exc_info = sys.exc_info()
    text = formatter(TOKEN, SIGN_IN[1]).format(record)
    assert "ERROR path /***\nTraceback" in text
    assert text.endswith("ValueError: https://example.com/***?password=***")
    assert TOKEN not in text


def test_the_captcha_program_saves_the_picture_and_signs_in(
    program: Program, mock: MockServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda: f"{next(iter(mock.captchas.values())).code}\n")
    program("solve_captcha.py")
    assert capsys.readouterr().out.endswith("\nuser number 3401455\n")
    assert Path("captcha.png").read_bytes().startswith(b"\x89PNG")


def test_the_sample_user_can_still_sign_in_after_the_failures(program: Program) -> None:
    """The guides use the same mock one after the other."""
    program("sign_in_failures.py")
    program("configure_callback.py")


def test_the_pages_give_the_limits(says: Says) -> None:
    """Those of the User Guide, and of the client, whose own test sends a token that is too short, and one too long."""
    facts = {name: int(value) for name, (value, _) in FACTS["facts"].items() if value.isdecimal()}
    page = "guides/authenticate-user.md"
    says(page, f"after {WORDS[facts['failed sign-ins of one user']]} failures in a row for one user")
    says(page, f"{facts['failed sign-ins from one address']} in a row from one address")
    says(page, f"expires after {facts['minutes until a captcha expires']} minutes")
    for length in (8, 200):
        ConnectAPI("a" * length)
    says("callback-types/endpoint.md", "8 to 200 characters")
