"""A server that responds with scripted bytes: what a broken network, a proxy or an attacker can send."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme

Script = bytes | Callable[[socket.socket], None]
received: list[bytes] = []
"""The requests that came, the last one at the end."""
ended: list[Script] = []
"""The dripping scripts that came to their end, because no client hung up."""


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Build a complete HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def stall(connection: socket.socket) -> None:
    """Say nothing until the client hangs up."""
    connection.recv(1)


def dripping(head: bytes, drop: bytes = b" ") -> Script:
    """Send a few bytes at a time, each well within a timeout, until the client hangs up or 12 seconds are over."""

    def script(connection: socket.socket) -> None:
        connection.sendall(head)
        connection.settimeout(0.02)
        for _ in range(600):
            connection.sendall(drop)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(1):
                    return
        ended.append(script)

    return script


def _play(script: Script, connection: socket.socket) -> None:
    request = b""
    while part := connection.recv(65536):
        request += part
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            break
    received.append(request)
    connection.sendall(script) if isinstance(script, bytes) else script(connection)


@contextlib.contextmanager
def scripted(*scripts: Script, ca_file: Path | None = None) -> Iterator[str]:
    """Play a script on each connection, the last one again and again; with TLS if there is a `ca_file` to write."""
    left, context = [*scripts], ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if ca_file:
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").configure_cert(context)
        authority.cert_pem.write_to_path(str(ca_file))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while listener.fileno() >= 0:
                with contextlib.suppress(OSError), listener.accept()[0] as plain, contextlib.ExitStack() as stack:
                    connection = stack.enter_context(context.wrap_socket(plain, server_side=True)) if ca_file else plain
                    _play(left.pop(0) if left[1:] else left[0], connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http{'s' if ca_file else ''}://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
