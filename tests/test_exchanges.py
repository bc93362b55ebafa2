"""The raw HTTP exchanges: what the mock recorded when a program of the site called it under the service's name."""

from __future__ import annotations

import socket
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
import urllib3.util.connection

from connect_api import SERVICE_URL
from harness.run import clean_environment, run_python, run_shell
from harness.site import Site
from mock_server import Exchange, MockServer
from project import ROOT, SNIPPETS, XML
from reader import difference

PAGE = "docs/callback-types/endpoint.md"
PROGRAMS = {"exchange_get": "bare_call.py", "exchange_post": "post_form.py"}
SHOWN = ("Host", "Content-Type", "Content-Length")
"""The headers that belong to the call; the others are those that each HTTP library adds on its own."""


def request_text(exchange: Exchange) -> str:
    headers = [f"{name}: {exchange.headers[name]}" for name in SHOWN if name in exchange.headers]
    return "\n".join([f"{exchange.method} {exchange.target} HTTP/1.1", *headers, "", exchange.body.decode()]).rstrip()


def answer_text(exchange: Exchange) -> str:
    headers = [f"{name}: {exchange.answer_headers[name]}" for name in SHOWN if name in exchange.answer_headers]
    return "\n".join([f"HTTP/1.1 {exchange.status} OK", *headers, "", exchange.answer.decode()]).rstrip()


@pytest.mark.parametrize("name", PROGRAMS)
def test_exchange(name: str, site: Site, mock: MockServer, home: Path, tmp_path: Path, update_outputs: bool) -> None:
    def to_the_mock(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        assert address == ("connect.clickatell.com", 443)
        return socket.create_connection(("127.0.0.1", mock.tls_port))

    environment = clean_environment(
        home, CONNECT_API_TOKEN="AUTHENTICATION_TOKEN", REQUESTS_CA_BUNDLE=str(mock.ca_file)
    )
    environment["no_proxy"] = environment["NO_PROXY"] = "*"
    program = SNIPPETS / PROGRAMS[name]
    with patch.object(urllib3.util.connection, "create_connection", to_the_mock):
        run_python(program.read_text(), program.name, tmp_path, environment)
    exchange = mock.exchanges[-1]
    for part, text in [("request", request_text(exchange)), ("answer", answer_text(exchange))]:
        path = SNIPPETS / f"{name}.{part}.http"
        if update_outputs:
            path.write_text(text + "\n")
            continue
        included = path.relative_to(ROOT).as_posix()
        (block,) = [block for block in site.page(PAGE).blocks() if block.fence.include == included]
        assert not (message := difference(block.text, text, block.fence)), message


@pytest.mark.parametrize("name", ["request_get.sh", "request_post.sh"])
def test_commands_call_the_service_once_the_url_is_unset(name: str, mock: MockServer, tmp_path: Path) -> None:
    """After the quickstart's lines, `curl` goes where the client would go; a certificate bundle is left alone."""
    bundle = str(mock.ca_file)
    environment = clean_environment(tmp_path, CONNECT_API_URL="http://127.0.0.1:9", CURL_CA_BUNDLE=bundle)
    environment["no_proxy"] = environment["NO_PROXY"] = "*"
    service = urlsplit(SERVICE_URL)
    (tmp_path / ".curlrc").write_text(f'connect-to = "{service.hostname}:443:127.0.0.1:{mock.tls_port}"\n')
    lines = (SNIPPETS / "real_service.sh").read_text()
    answer = run_shell(f"{lines}\n{(SNIPPETS / name).read_text()}", tmp_path, environment)
    assert answer == (XML / "response.xml").read_text()
    assert mock.exchanges[-1].headers["Host"] == service.hostname
    assert mock.exchanges[-1].target.partition("?")[0] == f"{service.path}AUTHENTICATION_TOKEN"


def test_every_exchange_is_recorded() -> None:
    assert {path.name.split(".")[0] for path in SNIPPETS.glob("*.http")} == set(PROGRAMS)
