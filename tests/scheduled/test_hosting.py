"""The site as a host serves it that follows `contributing.md`: at a path, by nginx, with the shown configuration."""

from __future__ import annotations

import mimetypes
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import create_server

import pytest
import requests
import trustme

from docs_runner.walk import missing

ROOT = Path(__file__).parents[2]
TEMPORARY = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
TYPES = {".gz": "application/gzip", ".inv": "application/octet-stream", ".js": "text/javascript"}
TYPES |= {".map": "application/json", ".md": "text/markdown", ".xml": "application/xml", ".xsd": "application/xml"}
TYPES = mimetypes.MimeTypes().types_map[True] | TYPES
HEADERS = {"Cross-Origin-Opener-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options"}

Get = Callable[[str], requests.Response]


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Get]]:
    """The folder of the built site, and a function that gets a path of it from nginx."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        raise missing("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{port}/docs/connect/"
    subprocess.run([ROOT / ".ci" / "build-site", url, folder / "site"], check=True, timeout=300)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "tls.pem")
    names = {"HTTPS_PORT": f"127.0.0.1:{port}", "SERVER_NAME": "127.0.0.1", "SITE_PATH": "/docs/connect"}
    names |= {"SITE_FOLDER": f"{folder}/site", "TLS_CERTIFICATE": f"{folder}/tls.pem", "TLS_KEY": f"{folder}/tls.pem"}
    site = (ROOT / "snippets" / "nginx.conf").read_text(encoding="utf-8")
    site = re.sub(r"\b[A-Z]+_[A-Z]+\b", lambda found: names[found[0]], site)
    temporary = "".join(f"{name}_temp_path {folder}/{name}; " for name in TEMPORARY)
    user = "user root; " if os.geteuid() == 0 else ""  # its workers have to read the folder of the tests
    main = f"{user}daemon off; pid {folder}/pid; error_log stderr notice; events {{}}"
    (folder / "nginx.conf").write_text(f"{main} http {{ access_log off; {temporary} {site} }}", encoding="utf-8")
    command = [nginx, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, requests.Session() as session:
        assert server.stderr
        assert any("start worker process" in line for line in server.stderr), "nginx ended: run `nginx -t`"
        session.trust_env, session.verify = False, str(folder / "ca.pem")
        yield folder / "site", lambda path: session.get(url + path, timeout=10, allow_redirects=False)
        server.terminate()


def test_the_sandbox_responds(host: tuple[Path, Get]) -> None:
    _, get = host
    response = get("xml/response.xml?XML=%3Cclickatellsdk%2F%3E")
    assert response.content == (ROOT / "docs" / "xml" / "response.xml").read_bytes()
    url = response.url.partition("xml/")[0]
    assert f'"{url}"' in get("downloads/connect_api.py").text, "errors of the client link to this site"
    assert f"export CONNECT_API_URL={url}xml" in get("quickstart.md").text


def test_every_file_has_its_type_and_the_headers(host: tuple[Path, Get]) -> None:
    site, get = host
    for path in filter(Path.is_file, site.rglob("*")):
        headers = get(path.relative_to(site).as_posix()).headers
        kind = TYPES[path.suffix]  # XML has no charset here, because the document says it
        charset = "; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else ""
        assert headers["Content-Type"] == kind + charset, path
        assert headers.keys() >= HEADERS, path
        never_changes = re.search(r"\.[0-9a-f]{8}\.min\.", path.name) is not None
        assert ("immutable" in headers["Cache-Control"]) == never_changes, path


def test_an_unknown_path_gets_the_page_of_the_site(host: tuple[Path, Get]) -> None:
    site, get = host
    response = get("no/such/page")
    assert (response.status_code, response.content) == (404, (site / "404.html").read_bytes())
    assert response.headers.keys() >= HEADERS | {"Content-Security-Policy"}
    assert "Cache-Control" not in response.headers
    assert get("quickstart").headers["Location"] == "/docs/connect/quickstart/"
