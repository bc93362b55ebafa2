"""A server that responds with scripted bytes: what a broken network, a proxy or an attacker can send."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]
ended: list[Script] = []
"""The dripping scripts that came to their end, because no client hung up."""


def read_request(connection: socket.socket) -> bytes:
    """Read one whole HTTP request."""
    request = b""
    while True:
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            return request
        part = connection.recv(65536)
        if not part:
            return request
        request += part


def send(*parts: bytes, log: list[bytes] | None = None) -> Script:
    """Read the request (and put it into the log), send the parts and close the connection."""

    def script(connection: socket.socket) -> None:
        request = read_request(connection)
        if log is not None:
            log.append(request)
        for part in parts:
            connection.sendall(part)

    return script


def answer(body: bytes, status: str = "200 OK", *headers: str, log: list[bytes] | None = None) -> Script:
    """Send a complete HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return send("\r\n".join(lines).encode() + body, log=log)


def stall(connection: socket.socket) -> None:
    """Read the request and say nothing until the client hangs up."""
    while connection.recv(65536):
        pass


def dripping(head: bytes, drop: bytes = b" ", tail: bytes = b"", drops: int = 600) -> Script:
    """Send a few bytes at a time, each well within a timeout, until the client hangs up (or for 12 seconds)."""

    def script(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        connection.settimeout(0.02)
        for _ in range(drops):
            connection.sendall(drop)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(65536):
                    return
        ended.append(script)
        connection.sendall(tail)

    return script


drip = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")


def in_turn(*scripts: Script) -> tuple[Script, list[Script]]:
    """Play one script for each connection, the last for all that follow. The list has those that were played."""
    played: list[Script] = []

    def script(connection: socket.socket) -> None:
        chosen = scripts[min(len(played), len(scripts) - 1)]
        played.append(chosen)
        chosen(connection)

    return script, played


@contextlib.contextmanager
def scripted(script: Script, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve the script to each connection, with TLS if there is a context. The result is the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with contextlib.suppress(OSError), connection:
                        if tls is None:
                            script(connection)
                        else:
                            with tls.wrap_socket(connection, server_side=True) as secure:
                                script(secure)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
