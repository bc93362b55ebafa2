"""The guide to testing: each way to provoke an error provokes it, and a client with a fixed URL is led to the mock."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from lxml import etree

from connect_api import ConnectAPI, ServiceError, TransportError, build_request
from harness.run import clean_environment, run_process
from mock_server import MAX_REQUEST, MockServer
from project import ERROR_CODES, FACTS, XML


def errors_of(call: Callable[[], object]) -> list[str]:
    with pytest.raises(ServiceError) as raised:
        call()
    return [code for code, _ in raised.value.errors]


Case = Callable[[MockServer, requests.Session], None]


def documented(mock: MockServer, session: requests.Session) -> None:
    for code in ERROR_CODES:
        api = ConnectAPI(f"error-{code}", mock.url, session=session)
        assert errors_of(api.list_callback_types) == [code]


def several(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("several-errors", mock.url, session=session)
    assert len(errors_of(api.list_callback_types)) > 1


def plain_http(mock: MockServer, session: requests.Session) -> None:
    assert errors_of(ConnectAPI("t", mock.http_url, session=session).list_callback_types) == ["009"]


def unknown_action(mock: MockServer, session: requests.Session) -> None:
    answer = session.get(f"{mock.url}/t", params={"XML": build_request("no_such_call")}, timeout=10)
    assert etree.fromstring(answer.content).findtext("Error") == "430"


def wrong_password(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("t", mock.url, session=session)
    assert errors_of(lambda: api.authenticate_user("sampleuser", "wrongpass")) == ["404"]


def user_blocked(mock: MockServer, session: requests.Session) -> None:
    for _ in range(2):
        wrong_password(mock, session)
    api = ConnectAPI("t", mock.url, session=session)
    assert errors_of(lambda: api.authenticate_user("sampleuser", "samplepass1")) == ["004"]


def address_blocked(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("t", mock.url, session=session)
    for number in range(10):
        with pytest.raises(ServiceError):
            api.authenticate_user(f"user{number}", "wrongpass")
    assert errors_of(lambda: api.authenticate_user("sampleuser", "samplepass1")) == ["003"]


def not_activated(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("t", mock.url, session=session)
    assert errors_of(lambda: api.authenticate_user("newuser", "samplepass2")) == ["103"]


def refused_values(mock: MockServer, session: requests.Session) -> None:
    elements = {
        "connection_id": "99",
        "ftp_password": "a" * 11,
        "Dial_prefix": "x",
        "ip_address": "example.com",
        "callback_url": "example.com",
        "callback_type_id": "5",
        "callback_username": "a" * 65,
        "callback_password": "a" * 65,
    }
    document = build_request("create_connection", user="sampleuser", password="samplepass1", **elements)
    answer = session.post(f"{mock.url}/t", data={"XML": document}, timeout=10)
    codes = [element.text for element in etree.fromstring(answer.content).iter("Error")]
    assert codes == [str(code) for code in range(419, 427)]


def not_found(mock: MockServer, session: requests.Session) -> None:
    with pytest.raises(TransportError) as raised:
        ConnectAPI("error-000", mock.url, session=session).list_callback_types()
    assert raised.value.status == 404


def too_large(mock: MockServer, session: requests.Session) -> None:
    body = {"XML": "x" * (MAX_REQUEST + 1)}
    assert session.post(f"{mock.url}/t", data=body, timeout=10).status_code == 413


CASES: dict[str, Case] = {
    "a documented error of get_list_callback": documented,
    "several errors in one answer": several,
    "error 009": plain_http,
    "error 430": unknown_action,
    "error 404": wrong_password,
    "error 004 of authenticate_user": user_blocked,
    "error 003": address_blocked,
    "error 103": not_activated,
    "errors 419 to 426": refused_values,
    "HTTP status 404": not_found,
    "HTTP status 413": too_large,
}


def test_every_row_is_carried_out() -> None:
    assert [row[0] for row in FACTS["guides"]["provoke"]] == list(CASES)


@pytest.mark.parametrize("row", CASES)
def test_row(row: str, mock: MockServer, session: requests.Session) -> None:
    mock.application.reset()
    CASES[row](mock, session)


def test_client_with_a_fixed_url(home: Path, tmp_path: Path) -> None:
    """The name leads to the mock (here by curl's own hosts entry), whose certificate has the name."""
    ca_file = tmp_path / "mock-ca.pem"
    with MockServer(hostnames=["connect.clickatell.com"], ca_file=ca_file) as mock:
        command = ["curl", "--silent", "--show-error", "--max-time", "10", "--cacert", str(ca_file), "--noproxy", "*"]
        command += ["--connect-to", f"connect.clickatell.com:443:127.0.0.1:{mock.tls_port}"]
        command += ["--get", "--data-urlencode", f"XML={(XML / 'request.xml').read_text()}"]
        url = "https://connect.clickatell.com/AUTHENTICATION_TOKEN"
        printed = run_process([*command, url], tmp_path, clean_environment(home))
        assert printed == (XML / "response.xml").read_text()
        other = subprocess.run(
            [*command, url.replace("connect.", "other.")], env=clean_environment(home), capture_output=True, check=False
        )
        assert other.returncode != 0
