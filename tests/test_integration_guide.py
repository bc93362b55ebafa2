"""The guide to testing: each way to provoke an error provokes it, and a client with a fixed URL is led to the mock."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import requests
from lxml import etree

from connect_api import (
    Captcha,
    ConnectAPI,
    InvalidRequest,
    MalformedResponse,
    ServiceError,
    TransportError,
    build_request,
)
from harness.run import clean_environment, run_process, serving
from harness.site import Site
from mock_server import CAPTCHA, MAX_REQUEST, MockServer
from project import ERROR_CODES, FACTS, SNIPPETS, XML


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


def wrong_captcha(mock: MockServer, session: requests.Session) -> None:
    user_blocked(mock, session)
    api = ConnectAPI("t", mock.url, session=session)
    for code, captcha in (("400", Captcha("99999", CAPTCHA[1])), ("401", Captcha(CAPTCHA[0], "zzzzzz"))):
        with pytest.raises(ServiceError, match=f"error {code}"):
            api.authenticate_user("sampleuser", "samplepass1", captcha)


def any_other(_: MockServer, session: requests.Session) -> None:
    with TemporaryDirectory() as folder:
        documents = shutil.copytree(XML, Path(folder) / "xml")
        text = (documents / "error-007.xml").read_text()
        message = FACTS["user_guide"]["codes"]["440"]
        text = text.replace("007", "440").replace(FACTS["user_guide"]["codes"]["007"], message)
        (documents / "error-440.xml").write_text(text)
        command = [sys.executable, str(SNIPPETS / "mock_server.py"), "--xml-dir", str(documents)]
        with serving(command, "Ready", Path(folder), clean_environment(Path(folder))) as lines:
            printed = "\n".join(lines)
            (url,) = re.findall(r"export CONNECT_API_URL=(.*)", printed)
            session.verify = re.findall(r"export REQUESTS_CA_BUNDLE=(.*)", printed)[0]
            api = ConnectAPI("error-440", url, session=session)
            with pytest.raises(ServiceError, match=message):
                api.authenticate_user("sampleuser", "samplepass1")


def malformed(mock: MockServer, session: requests.Session) -> None:
    with pytest.raises(MalformedResponse):
        ConnectAPI("request", mock.url, session=session).list_callback_types()


def nobody_listens(_: MockServer, session: requests.Session) -> None:
    with pytest.raises(TransportError) as raised:
        ConnectAPI("t", "https://127.0.0.1:9", session=session).list_callback_types()
    assert raised.value.status is None


def not_activated(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("t", mock.url, session=session)
    assert errors_of(lambda: api.authenticate_user("newuser", "samplepass2")) == ["103"]


def refused_by_the_mock(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session)
    sign_in = ("sampleuser", "samplepass1")
    calls = [
        functools.partial(api.create_connection, *sign_in, connection_id=99),
        functools.partial(api.create_connection, *sign_in, dial_prefix="x"),
        functools.partial(api.create_connection, *sign_in, callback_type_id=99),
    ]
    assert [errors_of(call) for call in calls] == [["419"], ["421"], ["424"]]


def refused_by_the_client(mock: MockServer, session: requests.Session) -> None:
    elements = {
        "ftp_password": "a" * 11,
        "ip_address": "example.com",
        "callback_url": "example.com",
        "callback_username": "a" * 65,
        "callback_password": "a" * 65,
    }
    api = ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session)
    for name, value in elements.items():
        with pytest.raises(InvalidRequest, match=name):
            api.create_connection("sampleuser", "samplepass1", **{name: value})  # type: ignore[arg-type]
    document = build_request("create_connection", user="sampleuser", password="samplepass1", **elements)
    answer = session.post(f"{mock.url}/t", data={"XML": document}, timeout=10)
    codes = [element.text for element in etree.fromstring(answer.content).iter("Error")]
    assert codes == ["420", "422", "423", "425", "426"]


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
    "errors 400 and 401": wrong_captcha,
    "error 103": not_activated,
    "errors 419, 421 and 424": refused_by_the_mock,
    "errors 420, 422, 423, 425 and 426": refused_by_the_client,
    "any other error, such as 440": any_other,
    "a MalformedResponse": malformed,
    "a TransportError without a status": nobody_listens,
    "HTTP status 404": not_found,
    "HTTP status 413": too_large,
}


def test_every_row_is_carried_out() -> None:
    assert [row[0] for row in FACTS["guides"]["provoke"]] == list(CASES)


@pytest.mark.parametrize("row", CASES)
def test_row(row: str, mock: MockServer, session: requests.Session) -> None:
    mock.application.reset()
    CASES[row](mock, session)


def test_client_with_a_fixed_url(site: Site, home: Path, tmp_path: Path) -> None:
    """The page's command, on a free port; curl's own hosts entry stands for that of the machine."""
    blocks = site.page("docs/guides/test-your-integration.md").blocks()
    (line,) = [block.text for block in blocks if block.fence.include == "snippets/fixed_url.sh"]
    assert line.count(" --tls-port 443 ") == 1
    line = line.replace(" --tls-port 443 ", " --tls-port 0 ").replace("snippets/", f"{SNIPPETS}/")
    with serving(["sh", "-euc", f"exec {line}"], "Ready", tmp_path, clean_environment(home)) as lines:
        (port,) = re.findall(r"HTTPS on https://127.0.0.1:(\d+)", "\n".join(lines))
        command = ["curl", "--silent", "--show-error", "--max-time", "10", "--noproxy", "*"]
        command += ["--cacert", "mock-ca.pem", "--connect-to", f"::127.0.0.1:{port}"]
        command += ["--get", "--data-urlencode", f"XML={(XML / 'request.xml').read_text()}"]
        url = "https://connect.clickatell.com/AUTHENTICATION_TOKEN"
        assert run_process([*command, url], tmp_path, clean_environment(home)) == (XML / "response.xml").read_text()
        other = subprocess.run(
            [*command, url.replace("connect.", "other.")],
            cwd=tmp_path,
            env=clean_environment(home),
            capture_output=True,
            check=False,
        )
        assert other.returncode == 60, "the certificate has no other name"
