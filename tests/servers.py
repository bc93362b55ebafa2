"""What the pages and tests call, for writers and maintainers: the published site as sandbox, and the mock over TLS."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from lxml import etree

from docs_runner.build import Site
from docs_runner.page import Fence
from docs_runner.walk import Target
from facts import FACTS, ROOT
from mock_server import MockServer

POLICY = re.findall(r'Content-Security-Policy "([^"]*)"', (ROOT / "snippets" / "nginx.conf").read_text("utf-8"))[0]


class _Host(SimpleHTTPRequestHandler):
    """A static host: it compresses, sends the security policy, and shows the site's own page for unknown addresses."""

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        path, status = Path(self.translate_path(self.path)), HTTPStatus.OK
        if path.is_dir():
            path /= "index.html"
        if not path.is_file():
            path, status = Path(self.directory) / "404.html", HTTPStatus.NOT_FOUND
        body = path.read_bytes()
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(path))
        if "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        return io.BytesIO(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in http.server)
        pass


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that a browser closes early, which it does when it leaves a page."""


@pytest.fixture(scope="session")
def sandbox(site: Site) -> Iterator[str]:
    """The address of the built site on a static host, with a slash at its end."""
    with _Server(("127.0.0.1", 0), partial(_Host, directory=str(site.output))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def mock_server() -> Iterator[MockServer]:
    """The mock on free ports, with a certificate for the service's own name too."""
    with MockServer(hostnames=["connect.clickatell.com"]) as server:
        yield server


@pytest.fixture
def mock(mock_server: MockServer) -> MockServer:
    """The mock as if it had just started."""
    mock_server.reset()
    return mock_server


@pytest.fixture
def session(mock: MockServer) -> Iterator[requests.Session]:
    """A session that trusts the mock's certificate, and reads no setting of this machine."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(mock.ca_file)
        yield session


def _java(mock: MockServer) -> dict[str, str]:
    """Return the variable that makes Java trust the mock: Java reads no PEM file."""
    if not shutil.which("keytool"):
        return {}
    store = mock.ca_file.with_suffix(".p12")
    command = ["keytool", "-importcert", "-noprompt", "-alias", "mock", "-file", str(mock.ca_file)]
    options = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", "changeit"]
    subprocess.run([*command, *options], check=True, capture_output=True)
    trust = f"-Djavax.net.ssl.trustStore={store} -Djavax.net.ssl.trustStorePassword=changeit"
    return {"JAVA_TOOL_OPTIONS": f"-XX:TieredStopAtLevel=1 -XX:+UseSerialGC {trust}"}  # a short program starts faster


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def docs_targets(sandbox: str, mock_server: MockServer) -> list[Target]:
    """The sandbox and the mock, and the ports of servers that a page starts itself."""
    http, https, receiver = _free_port(), _free_port(), _free_port()
    replace = {
        "http://127.0.0.1:8000/": sandbox,
        "python mock_server.py": f"python mock_server.py --port {http} --tls-port {https}",
        "127.0.0.1:8081": f"127.0.0.1:{http}",
        "127.0.0.1:8443": f"127.0.0.1:{https}",
        "--port 8080": f"--port {receiver}",
        "127.0.0.1:8080": f"127.0.0.1:{receiver}",
    }
    node = {"NODE_PATH": str(ROOT / ".ci" / "npm" / "node_modules")}
    trusting = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"]
    return [
        Target(
            "sandbox",
            initial={"CONNECT_API_URL": f"{sandbox}xml", "CONNECT_API_TOKEN": "response.xml", **node},
            replace=replace,
        ),
        Target(
            "mock",
            initial={"CONNECT_API_TOKEN": "AUTHENTICATION_TOKEN", **node, **_java(mock_server)},
            forced={"CONNECT_API_URL": mock_server.url, **dict.fromkeys(trusting, str(mock_server.ca_file))},
            replace=replace,
            before_page=mock_server.reset,
            after_block=partial(_check_requests, mock_server),
        ),
    ]


def _check_requests(mock: MockServer, fence: Fence) -> None:
    """Check that whatever the programs of a page send is the documented request, with values of their own."""
    exchanges = mock.exchanges.copy()
    mock.exchanges.clear()  # a wrong request fails the block that sent it, and not those below it
    for exchange in exchanges:
        where = f"{fence.file}:{fence.line}: the mock received"
        url, body = urlsplit(exchange.target), exchange.body.decode()
        if url.path == "/_mock/deliver":
            continue
        sent = parse_qsl(url.query) + parse_qsl(body)
        assert sent == [("XML", exchange.document)], f"{where} the parameters {sent}, not XML once"
        assert (exchange.method == "POST") == bool(body), f"{where} a body with {exchange.method}"
        assert url.path.count("/") == 1, f"{where} the path {url.path}, not the token only"
        root = etree.fromstring(str(exchange.document).encode())
        names = [element.tag for element in root]
        known = ["action", *FACTS["parameters"].get(exchange.action, {})]
        assert root.tag == "clickatellsdk", f"{where} the root element {root.tag}"
        assert names[0] == "action", f"{where} {names[0]} as first element"
        assert set(names) <= set(known), f"{where} undocumented elements: {set(names) - set(known)}"
        assert root[0].text == exchange.action, f"{where} the action {root[0].text!r}"
