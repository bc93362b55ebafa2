"""A server that answers with scripted bytes: what a broken network, a proxy or an attacker may send."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

Script = Callable[[socket.socket], None]


def send(*parts: bytes) -> Script:
    """Read the request, send the parts and close the connection."""

    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)

    return script


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Script:
    """Send a complete HTTP response."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return send("\r\n".join(lines).encode() + body)


def stall(connection: socket.socket) -> None:
    """Read the request and say nothing, until the client hangs up."""
    while connection.recv(65536):
        pass


def dripping(head: bytes, drop: bytes = b" ", tail: bytes = b"", drops: int = 600) -> Script:
    """Send a few bytes at a time, each time well within a timeout, for as long as the client listens."""

    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        for _ in range(drops):
            connection.sendall(drop)
            time.sleep(0.05)
        connection.sendall(tail)

    return script


drip = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")


def in_turn(*scripts: Script) -> tuple[Script, list[Script]]:
    """Play one script for each connection, the last for all that follow.

    Returns:
        The script to serve, and the list of those that it has played.
    """
    played: list[Script] = []

    def script(connection: socket.socket) -> None:
        chosen = scripts[min(len(played), len(scripts) - 1)]
        played.append(chosen)
        chosen(connection)

    return script, played


@contextlib.contextmanager
def scripted(script: Script) -> Iterator[str]:
    """Serve the script to each connection; yield the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with contextlib.suppress(OSError), connection:
                        script(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
