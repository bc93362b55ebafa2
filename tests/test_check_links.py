"""The checker of external links, against hosts on this machine: it finds what is broken, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from check_links import check, external_links
from harness.run import clean_environment
from harness.site import Site
from project import DEFAULT_SITE_URL, ROOT

ASKED: Counter[str] = Counter()


class _Host(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ASKED[self.path] += 1
        status = {"/there": 200, "/gone": 404, "/busy": 429, "/ill": 503, "/moved": 301}.get(self.path, 404)
        if self.path == "/recovers":
            status = 503 if ASKED[self.path] == 1 else 200
        self.send_response(status)
        if status == 301:
            self.send_header("Location", "/there")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in http.server)
        pass


@pytest.fixture
def host() -> Iterator[str]:
    ASKED.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Host) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def linked(host: str, tmp_path: Path) -> Path:
    """A site that links to all that the host has, to an anchor there, to itself and to nothing."""
    paths = ["there", "there#anchor", "gone", "busy", "ill", "moved", "recovers"]
    own = ["https://docs.example.com/connect/quickstart/", "../xml/response.xml", "#top", "mailto:nobody"]
    links = "".join(f'<a href="{target}">x</a>' for target in [*(f"{host}/{path}" for path in paths), *own])
    (tmp_path / "index.html").write_text(f"<html><body>{links}</body></html>")
    return tmp_path


def test_broken_links_are_found(linked: Path, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    broken = list(check(linked, "https://docs.example.com/connect/", pause=0))
    assert broken == [f"{host}/gone", f"{host}/ill"]
    assert ASKED == {"/there": 2, "/gone": 1, "/busy": 1, "/ill": 3, "/moved": 1, "/recovers": 2}
    printed = capsys.readouterr().out.splitlines()
    assert printed[1] == f"2/6 status 404: {host}/gone on index.html"


def test_a_host_that_is_not_there_is_a_broken_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "index.html").write_text('<a href="http://127.0.0.1:9/">nobody listens</a>')
    assert list(check(tmp_path, "https://docs.example.com/", pause=0)) == ["http://127.0.0.1:9/"]
    assert "ConnectionError" in capsys.readouterr().out


def test_own_address_is_no_external_link(site: Site) -> None:
    assert not [address for address in external_links(site.output, DEFAULT_SITE_URL) if "127.0.0.1" in address]


@pytest.mark.parametrize(("path", "status"), [("/there", 0), ("/gone", 1)])
def test_program_fails_if_a_link_is_broken(path: str, status: int, host: str, tmp_path: Path, home: Path) -> None:
    (tmp_path / "index.html").write_text(f'<a href="{host}{path}">x</a>')
    command = [sys.executable, str(ROOT / "tests" / "check_links.py"), str(tmp_path), DEFAULT_SITE_URL]
    ended = subprocess.run(command, env=clean_environment(home), capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    assert "1/1" in ended.stdout


def test_program_wants_a_site(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tests" / "check_links.py"), str(tmp_path), DEFAULT_SITE_URL]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert ".ci/build-site" in ended.stderr
