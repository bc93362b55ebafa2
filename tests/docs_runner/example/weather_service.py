"""A stand-in for the weather service, and the fixture that tells the plugin about it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from docs_runner.walk import Target


class Weather(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"sunny\n" if self.path == "/today" else b"unknown\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="session")
def docs_targets() -> Iterator[list[Target]]:
    with HTTPServer(("127.0.0.1", 0), Weather) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{server.server_port}"
        yield [Target("service", replace={"https://weather.example.com": here})]
        server.shutdown()
