"""The guide to production: what its policy retries, what it leaves alone, and what its filter keeps out of a log."""

from __future__ import annotations

import inspect
import io
import logging
import re
import runpy
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import connect_api
from connect_api import CallbackType, ConnectAPI, ServiceError, TransportError
from harness.run import clean_environment, inside
from mock_server import MockServer
from project import FACTS, SNIPPETS, XML
from scripted_server import Script, answer, drip, dripping, in_turn, scripted, send

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 (made up)
RESPONSE = (XML / "response.xml").read_bytes()
TYPES = [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]


@pytest.fixture
def published(mock: MockServer, home: Path) -> Iterator[requests.Session]:
    """The very session of the page's program."""
    environment = clean_environment(
        home, CONNECT_API_TOKEN=TOKEN, CONNECT_API_URL=mock.url, REQUESTS_CA_BUNDLE=str(mock.ca_file)
    )
    with inside(home, environment):
        session: requests.Session = runpy.run_path(str(SNIPPETS / "call_with_retries.py"))["session"]
    session.trust_env = False
    with session:
        yield session


def policy_of(session: requests.Session, scheme: str) -> Retry:
    adapter = session.get_adapter(scheme)
    assert isinstance(adapter, HTTPAdapter)
    return adapter.max_retries


@pytest.fixture
def retrying(published: requests.Session) -> requests.Session:
    """The same session, whose policy waits less and is mounted for plain HTTP too."""
    policy = policy_of(published, "https://")
    published.mount("http://", HTTPAdapter(max_retries=policy.new(backoff_factor=0.01)))
    return published


def listing(session: requests.Session, *scripts: Script) -> tuple[object, int]:
    """What the call returns or raises, and how many requests it took."""
    script, served = in_turn(*scripts)
    with scripted(script) as url:
        api = ConnectAPI(TOKEN, url, session=session, timeout=2)
        try:
            return api.list_callback_types(), len(served)
        except (ServiceError, TransportError) as error:
            return error, len(served)


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Unavailable", "504 Gateway Timeout"])
def test_fault_of_a_gateway_is_retried(status: str, retrying: requests.Session) -> None:
    assert listing(retrying, answer(b"", status), answer(b"", status), answer(RESPONSE)) == (TYPES, 3)


def test_broken_connection_is_retried(retrying: requests.Session) -> None:
    assert listing(retrying, send(), answer(RESPONSE)) == (TYPES, 2)


def test_retries_end(retrying: requests.Session) -> None:
    result, requests_made = listing(retrying, *[answer(b"", "503 Unavailable")] * 9)
    assert isinstance(result, TransportError)
    assert (result.status, requests_made) == (503, 4)


def test_table_and_policy_name_the_same_statuses(published: requests.Session) -> None:
    """The table marks them with a yes, and no other."""
    rows = [what for what, retry in FACTS["guides"]["retries"] if retry.startswith("yes")]
    statuses = {int(status) for row in rows for status in re.findall(r"\d+", row)}
    policy = set(policy_of(published, "https://").status_forcelist or ())
    assert statuses == policy, "let the table of docs/guides/production.md and status_forcelist of its program agree"


def test_plain_http_is_not_retried(published: requests.Session) -> None:
    result, requests_made = listing(published, answer(b"", "503 Unavailable"), answer(RESPONSE))
    assert isinstance(result, TransportError)
    assert requests_made == 1


def test_refused_certificate_is_retried_in_vain(
    mock: MockServer, retrying: requests.Session, caplog: pytest.LogCaptureFixture
) -> None:
    """What the page admits of the policy, and why the table says no."""
    retrying.mount("https://", retrying.get_adapter("http://"))
    with pytest.raises(TransportError, match="TLS") as raised:
        ConnectAPI(TOKEN, mock.url, session=retrying).list_callback_types()
    assert raised.value.status is None
    assert caplog.text.count("Retrying (") == 3


@pytest.mark.parametrize(
    "script",
    [send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n<CLICK"), answer(b"x" * 5000)],
    ids=["broken", "large"],
)
def test_fault_of_a_body_is_not_retried(
    script: Script, retrying: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy is done by then; a body that is too large keeps its status, and so is a row of its own."""
    monkeypatch.setattr(connect_api, "MAX_BODY", 4999)
    result, requests_made = listing(retrying, script, answer(RESPONSE))
    assert isinstance(result, TransportError)
    assert ("larger than" in str(result)) == (result.status == 200)
    assert requests_made == 1


def test_timeout_is_an_argument_of_the_class_alone() -> None:
    assert "timeout" in inspect.signature(ConnectAPI).parameters
    assert "timeout" not in inspect.signature(ConnectAPI.from_environment).parameters, "the page says so"


NOT_RETRIED = ["400 Bad Request", "403 Forbidden", "404 Not Found", "429 Too Many Requests"]
NOT_RETRIED += ["500 Internal Server Error", "501 Not Implemented", "505 Version Not Supported"]


@pytest.mark.parametrize("status", NOT_RETRIED)
def test_other_status_is_not_retried(status: str, retrying: requests.Session) -> None:
    result, requests_made = listing(retrying, answer(b"", status, "Retry-After: 0"), answer(RESPONSE))
    assert isinstance(result, TransportError)
    assert requests_made == 1


def test_error_of_the_service_is_not_retried(retrying: requests.Session) -> None:
    result, requests_made = listing(retrying, answer((XML / "error-007.xml").read_bytes()), answer(RESPONSE))
    assert isinstance(result, ServiceError)
    assert requests_made == 1


def test_redirect_is_not_followed(retrying: requests.Session) -> None:
    result, requests_made = listing(retrying, answer(b"", "302 Found", "Location: /elsewhere"), answer(RESPONSE))
    assert isinstance(result, TransportError)
    assert (result.status, requests_made) == (302, 1)


def test_retry_after_is_heeded(retrying: requests.Session) -> None:
    started = time.monotonic()
    result, _ = listing(retrying, answer(b"", "503 Unavailable", "Retry-After: 1"), answer(RESPONSE))
    assert result == TYPES
    assert time.monotonic() - started >= 1


def test_retry_after_is_heeded_up_to_a_limit(retrying: requests.Session) -> None:
    for header in ("86400", "Fri, 31 Dec 2100 23:59:59 GMT"):
        assert policy_of(retrying, "https://").parse_retry_after(header) == 60


@pytest.mark.parametrize("call", ["authenticate_user", "create_connection"])
def test_post_is_never_retried(call: str, retrying: requests.Session) -> None:
    script, served = in_turn(answer(b"", "503 Unavailable"), answer(RESPONSE))
    with scripted(script) as url, pytest.raises(TransportError):
        getattr(ConnectAPI(TOKEN, url, session=retrying), call)("sampleuser", "samplepass1")
    assert len(served) == 1


@pytest.mark.parametrize("call", ["authenticate_user", "create_connection", "list_callback_types"])
def test_post_is_not_retried_when_tls_breaks_off(call: str, retrying: requests.Session, tmp_path: Path) -> None:
    """The request has arrived by then: what follows is no TLS, for which urllib3 has no rule about methods."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").configure_cert(context)

    def break_off(connection: socket.socket) -> None:
        tls = context.wrap_socket(connection, server_side=True)
        tls.recv(65536)
        with socket.socket(fileno=tls.detach()) as plain:
            plain.sendall(b"no TLS" * 100)
            while plain.recv(65536):  # closing on unread data would reset the connection, another fault
                pass

    script, served = in_turn(break_off)
    adapter = retrying.get_adapter("http://")  # the same policy, which waits less
    retrying.mount("https://", adapter)
    retrying.verify = str(tmp_path / "ca.pem")
    arguments = [] if call == "list_callback_types" else ["sampleuser", "samplepass1"]
    with scripted(script) as url, pytest.raises(TransportError):
        getattr(ConnectAPI(TOKEN, url.replace("http://", "https://"), session=retrying), call)(*arguments)
    assert len(served) == (4 if call == "list_callback_types" else 1)


def test_error_of_the_service_with_a_status_that_is_retried(retrying: requests.Session) -> None:
    """What the page says of it: the policy does not read bodies."""
    scripts = [answer((XML / "error-007.xml").read_bytes(), "503 Unavailable")] * 9
    result, requests_made = listing(retrying, *scripts)
    assert isinstance(result, ServiceError)
    assert requests_made == 4


@pytest.mark.parametrize(
    "script", [drip, dripping(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 100000\r\n\r\n")], ids=["200", "503"]
)
def test_dripping_body_is_bounded_with_retries_too(script: Script, retrying: requests.Session) -> None:
    started = time.monotonic()
    with scripted(script) as url, pytest.raises(TransportError, match="not complete after"):
        ConnectAPI(TOKEN, url, session=retrying, timeout=0.5).list_callback_types()
    assert time.monotonic() - started < 10  # far below what the server takes


LENGTH = f"Content-Length: {len(RESPONSE)}\r\n\r\n".encode()
CHUNK = f"{len(RESPONSE):x};".encode()
UNBOUNDED = {
    "header": dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", LENGTH + RESPONSE, drops=15),
    "line before a chunk": dripping(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNK,
        b"x",
        b"\r\n" + RESPONSE + b"\r\n0\r\n\r\n",
        drops=6,
    ),
}


@pytest.mark.parametrize("name", UNBOUNDED)
def test_what_drips_between_the_parts_is_not_bounded(name: str) -> None:
    """What the page admits: it takes longer than the timeout, and each wait is shorter."""
    with scripted(UNBOUNDED[name]) as url:
        assert ConnectAPI(TOKEN, url, timeout=0.25 if name == "header" else 5).list_callback_types() == TYPES


def test_formatter_keeps_secrets_out(home: Path, mock: MockServer) -> None:
    """Out of messages, arguments and tracebacks, whatever logger they come from."""
    environment = clean_environment(
        home, CONNECT_API_TOKEN=TOKEN, CONNECT_API_URL=mock.url, REQUESTS_CA_BUNDLE=str(mock.ca_file)
    )
    with inside(home, environment):
        without_secrets = runpy.run_path(str(SNIPPETS / "log_without_token.py"))["WithoutSecrets"]
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    handler.setFormatter(without_secrets(TOKEN, "samplepass1"))
    logger = logging.getLogger("any")
    logger.addHandler(handler)
    logger.warning("path %s with %d", f"/{TOKEN}", 7)
    try:
        raise ValueError(f"https://example.com/{TOKEN}?password=samplepass1")
    except ValueError:
        logger.exception("it failed")
    logger.removeHandler(handler)
    assert TOKEN not in log.getvalue()
    assert "samplepass1" not in log.getvalue()
    assert "path /*** with 7" in log.getvalue()
    assert "Traceback" in log.getvalue()
    assert "ValueError: https://example.com/***?password=***" in log.getvalue()


def test_warning_of_a_retry_holds_the_token(retrying: requests.Session, caplog: pytest.LogCaptureFixture) -> None:
    """Why the page warns: without the filter, urllib3 writes the token when it retries."""
    with caplog.at_level(logging.DEBUG, "urllib3"):
        listing(retrying, send(), answer(RESPONSE))
    assert TOKEN in caplog.text
