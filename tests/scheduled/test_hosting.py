"""The site as a host serves it that follows `contributing.md`: at a path, by nginx, with the shown configuration."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import trustme

from docs_runner.walk import missing

ROOT = Path(__file__).parents[2]
TEMPORARY = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
TYPES = mimetypes.MimeTypes().types_map[True] | {".gz": "application/gzip", ".inv": "application/octet-stream"}
TYPES |= {".js": "text/javascript", ".map": "application/json", ".md": "text/markdown"}
TYPES |= {".xml": "application/xml", ".xsd": "application/xml"}  # without a charset, because the document says it
HEADERS = {"Cross-Origin-Opener-Policy", "Referrer-Policy", "Strict-Transport-Security", "X-Content-Type-Options"}
Get = Callable[[str], requests.Response]


@contextlib.contextmanager
def nginx(folder: Path, configuration: str, **names: str) -> Iterator[int]:
    """Run nginx with a configuration in snippets/, and with its words in capitals replaced; yield the port."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise missing("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "tls.pem")
    names |= dict.fromkeys(["TLS_CERTIFICATE", "TLS_KEY"], f"{folder}/tls.pem")
    names |= {"HTTPS_PORT": f"127.0.0.1:{port}", "SERVER_NAME": "127.0.0.1"}
    server = (ROOT / "snippets" / configuration).read_text(encoding="utf-8")
    server = re.sub(r"\b[A-Z]+_[A-Z]+\b", lambda found: names[found[0]], server)
    temporary = "".join(f"{name}_temp_path {folder}/{name}; " for name in TEMPORARY)
    main = f"user root; daemon off; pid {folder}/pid; error_log stderr notice; events {{}}"
    (folder / "nginx.conf").write_text(f"{main} http {{ access_log off; {temporary} {server} }}", encoding="utf-8")
    command = [program, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, encoding="utf-8") as process:
        assert process.stderr
        assert any("start worker process" in line for line in process.stderr), "nginx ended: run `nginx -t`"
        try:
            yield port
        finally:
            process.send_signal(signal.SIGQUIT)  # it ends when its logs are complete


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Get]]:
    """The folder of the built site, and a function that gets a path of it from nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    site = folder / "site"
    with nginx(folder, "nginx.conf", SITE_PATH="/docs/connect", SITE_FOLDER=str(site)) as port:
        url = f"https://127.0.0.1:{port}/docs/connect/"
        subprocess.run([ROOT / ".ci" / "build-site", url, site], check=True, timeout=300)
        with requests.Session() as session:
            session.trust_env, session.verify = False, str(folder / "ca.pem")
            yield site, lambda path: session.get(url + path, timeout=10, allow_redirects=False)


def test_every_file_has_its_type_and_the_headers(host: tuple[Path, Get]) -> None:
    site, get = host
    for path in filter(Path.is_file, site.rglob("*")):
        headers, kind = get(path.relative_to(site).as_posix()).headers, TYPES[path.suffix]
        charset = "; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else ""
        assert headers["Content-Type"] == kind + charset, path
        assert headers.keys() >= HEADERS, path
        never_changes = re.search(r"\.[0-9a-f]{8}\.min\.", path.name) is not None
        assert ("immutable" in headers["Cache-Control"]) == never_changes, path


def test_the_sandbox_and_an_unknown_path(host: tuple[Path, Get]) -> None:
    site, get = host
    response, unknown = get("xml/response.xml?XML=%3Cclickatellsdk%2F%3E"), get("no/such/page")
    assert response.content == (ROOT / "docs" / "xml" / "response.xml").read_bytes()
    assert f"export CONNECT_API_URL={response.url.partition('/response')[0]}" in get("quickstart.md").text
    assert (unknown.status_code, unknown.content) == (404, (site / "404.html").read_bytes())
    assert unknown.headers.keys() >= HEADERS | {"Content-Security-Policy"}
    assert get("quickstart").headers["Location"] == "/docs/connect/quickstart/"
