"""Slow proofs about the receiver: nginx in front of it, and the faults that the simulation finds.

For those who put the receiver on the internet with `snippets/nginx_receiver.conf`, and for those who trust that
`simulate_callbacks.py` would find a lost callback.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_hosting import nginx

import receive_callbacks
from test_receiver import AUTHORIZATION, GET, HALF, PASSWORD, PROGRAM, QUERY, SIMULATOR, Receiver, run, serving, stored


def test_nginx_in_front(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half-open connection reaches the receiver, no callback is lost, and no content gets into the logs."""
    monkeypatch.setattr(receive_callbacks, "IDLE_SECONDS", 600)  # so that nginx alone closes idle connections

    def begin(request: bytes, source: str = "127.0.0.1") -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", tls_port), timeout=60, source_address=(source, 0))
        secure = ssl.create_default_context(cafile=tmp_path / "ca.pem").wrap_socket(plain, server_hostname="127.0.0.1")
        secure.sendall(request)
        return secure

    def status(connection: ssl.SSLSocket) -> int:
        with connection, connection.makefile("rb") as response:
            return int(response.readline().split()[1])

    receiver, files = Receiver(tmp_path / "callbacks.db", caplog), contextlib.ExitStack()
    with contextlib.closing(receiver.store), serving(receiver) as (port, server), files:
        proxy = nginx(tmp_path, "nginx_receiver.conf", RECEIVER_PORT=str(port), LOG_FOLDER=str(tmp_path))
        tls_port = files.enter_context(proxy)
        for _ in range(100):  # not even the handshake, or a part of the header
            files.enter_context(socket.create_connection(("127.0.0.1", tls_port), source_address=("127.0.0.2", 0)))
            files.enter_context(begin(HALF[:60], "127.0.0.2"))
        bodies = [files.enter_context(begin(HALF, "127.0.0.3")) for _ in range(110)]
        assert status(bodies[-1]) == 429  # more than 100 connections from one address
        with ThreadPoolExecutor(40) as pool:  # from another address, 40 callbacks at once
            assert list(pool.map(lambda _: status(begin(GET)), range(40))) == [200] * 40
        assert len(server.active_channels) <= 40  # those of the callbacks
        largest = f"{QUERY}&x=".ljust(receive_callbacks.MAX_CALLBACK, "y").encode()
        post = HALF.replace(b"\r\n\r\napiMsgId=", b"\r\nConnection: close\r\n\r\n")
        assert status(begin(GET.replace(QUERY.encode(), largest))) == 200
        assert status(begin(post.replace(b"500", b"%d" % len(largest)) + largest)) == 200
        assert status(begin(post.replace(b"500", b"%d" % (len(largest) + 1)) + largest + b"y")) == 413
        assert len(stored(receiver.database)) == 2
    log = "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.log"))
    assert re.search(r" POST /callback 413 \d+\n", log)
    assert not re.search(f"apiMsgId|{PASSWORD}|{AUTHORIZATION[6:10]}", log)


FAULTS = {
    "acknowledges what isn't committed": ("isolation_level=None", 'isolation_level="DEFERRED"', "after kill 1: lost"),
    "acknowledges what can't be read": ("400 if known", "200 if known", "HTTP status 200"),
    "refuses what is odd": ("or code is None:", "or code is None or problems:", "HTTP status 400"),
    "stores a repeated callback twice": (", UNIQUE (api_msg_id, fields)", "", "after kill 1: stored 2 times"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_simulation_finds_a_faulty_receiver(fault: str, tmp_path: Path) -> None:
    right, wrong, violation = FAULTS[fault]
    source = PROGRAM.read_text(encoding="utf-8")
    assert source.count(right) == 1
    (tmp_path / "receiver.py").write_text(source.replace(right, wrong), encoding="utf-8")
    with run(tmp_path, str(SIMULATOR), "--callbacks", "150", "--kills", "1", "--program", "receiver.py") as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.search(f"^{violation}", errors, re.MULTILINE)
