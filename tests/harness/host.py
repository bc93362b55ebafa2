"""A host for the built site on this machine: it compresses, and sends a security policy with everything."""

from __future__ import annotations

import contextlib
import functools
import gzip
import http
import io
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

COMPRESSED = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt", ".md"}


class _Handler(SimpleHTTPRequestHandler):
    """As http.server does, with gzip at level 6, the site's own page for what is not there, and the policy."""

    def __init__(self, *args: object, policy: str, directory: str) -> None:
        self._policy = policy
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def end_headers(self) -> None:
        if self._policy:
            self.send_header("Content-Security-Policy", self._policy)
        super().end_headers()

    def send_head(self) -> io.BytesIO | BinaryIO | None:
        path = Path(self.translate_path(self.path))
        status = http.HTTPStatus.OK
        if path.is_dir() and self.path.partition("?")[0].endswith("/"):
            path /= "index.html"
        if not path.is_file():
            path, status = Path(self.directory) / "404.html", http.HTTPStatus.NOT_FOUND
            if not path.is_file():
                self.send_error(status)
                return None
        content = path.read_bytes()
        self.send_response(status)
        self.send_header("Content-Type", self.guess_type(path))
        if path.suffix in COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
            content = gzip.compress(content, 6)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name in http.server)
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves a page breaks its connections off: nothing to report."""


@contextlib.contextmanager
def host(folder: Path, policy: str = "") -> Iterator[str]:
    """Serve a folder; yield its address, with a slash at its end."""
    handler = functools.partial(_Handler, policy=policy, directory=str(folder))
    with _Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
