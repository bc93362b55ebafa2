"""The configuration for nginx that `contributing.md` shows: the site at a path below a host, as readers then get it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from socket import create_server

import pytest
import requests
import trustme
from playwright.sync_api import sync_playwright

from docs_runner.walk import missing

ROOT = Path(__file__).parents[2]
CONFIGURATION = (ROOT / "snippets" / "nginx.conf").read_text(encoding="utf-8")
SERVER = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/site.conf;
}}
"""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".inv": "application/octet-stream",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".map": "application/json; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".py": "text/x-python; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".xml": "application/xml",  # without a charset: the document says it
    ".xsd": "application/xml",
}
"""What browsers and XML parsers have to be told of each kind of file."""
HEADERS = {
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
    "Referrer-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
}


@dataclass(frozen=True)
class Host:
    """The built site, and the address where nginx serves it."""

    url: str
    site: Path
    ca_file: str

    def get(self, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url + path, timeout=10, verify=self.ca_file, allow_redirects=False)


def program(*names: str) -> str:
    path = os.environ["PATH"] + os.pathsep + "/usr/sbin"
    found = next(filter(None, (shutil.which(name, path=path) for name in names)), None)
    if found is None:
        raise missing(names[-1])
    return found


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    nginx = program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{port}/docs/connect/"
    subprocess.run([ROOT / ".ci" / "build-site", url, folder / "site"], check=True, timeout=300)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    capitals = {
        "HTTPS_PORT": f"127.0.0.1:{port}",
        "SERVER_NAME": "127.0.0.1",
        "TLS_CERTIFICATE": f"{folder}/server.pem",
        "TLS_KEY": f"{folder}/server.pem",
        "SITE_PATH": "/docs/connect",
        "SITE_FOLDER": f"{folder}/site",
    }
    text = re.sub(r"\b[A-Z]+_[A-Z]+\b", lambda found: capitals[found[0]], CONFIGURATION)
    (folder / "site.conf").write_text(text, encoding="utf-8")
    user = "user root;" if os.geteuid() == 0 else ""  # its workers have to read the folder of the tests
    (folder / "nginx.conf").write_text(SERVER.format(folder=folder, user=user), encoding="utf-8")
    command = [nginx, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, timeout=60)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr
        assert any("start worker process" in line for line in server.stderr), "nginx ended"
        yield Host(url, folder / "site", str(folder / "ca.pem"))
        server.terminate()


def test_the_sandbox_responds(host: Host) -> None:
    response = host.get("xml/response.xml?XML=%3Cclickatellsdk%2F%3E")
    assert response.content == (ROOT / "docs/xml/response.xml").read_bytes()
    assert f'"{host.url}"' in host.get("downloads/connect_api.py").text
    assert f"export CONNECT_API_URL={host.url}xml" in host.get("quickstart.md").text


def test_every_file_has_its_type_and_the_headers(host: Host) -> None:
    files = [path for path in host.site.rglob("*") if path.is_file()]
    assert files
    for path in files:
        headers = host.get(path.relative_to(host.site).as_posix()).headers
        assert headers["Content-Type"] == TYPES[path.suffix], path
        assert headers.keys() >= HEADERS, path
        never_changes = re.search(r"\.[0-9a-f]{8}\.min\.", path.name) is not None
        assert ("immutable" in headers["Cache-Control"]) == never_changes, path


def test_an_unknown_path_gets_the_page_of_the_site(host: Host) -> None:
    response = host.get("no/such/page")
    assert (response.status_code, response.content) == (404, (host.site / "404.html").read_bytes())
    assert response.headers.keys() >= HEADERS
    assert "Cache-Control" not in response.headers
    assert host.get("quickstart").headers["Location"] == "/docs/connect/quickstart/"


def test_a_browser_finds_nothing_that_the_policy_refuses(host: Host) -> None:
    """If an update of the theme changes a script, the message has the hash that nginx.conf needs."""
    chromium = program("chromium-headless-shell", "google-chrome", "chromium")
    said, requested = list[str](), list[str]()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, chromium_sandbox=os.geteuid() != 0)
        page = browser.new_page(ignore_https_errors=True)
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: requested.append(request.url))
        for path in sorted(host.site.rglob("index.html")):
            page.goto(host.url + path.relative_to(host.site).as_posix(), wait_until="networkidle")
            assert not said, path.relative_to(host.site)
        browser.close()
    assert [url for url in requested if not url.startswith((host.url, "data:"))] == []
