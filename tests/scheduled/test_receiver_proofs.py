"""Slow proofs about the receiver: nginx in front of it, and the faults that the simulation finds.

For those who put the receiver on the internet with `snippets/nginx_receiver.conf`, and for those who trust that
`simulate_callbacks.py` would find a lost callback.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

import receive_callbacks
from facts import SNIPPETS
from test_receiver import GET, HALF, PASSWORD, PROGRAM, QUERY, SIMULATOR, Receiver, run, serving, stored

MAIN = (
    "user root; daemon off; pid {0}/pid; error_log {0}/start.log; events {{ worker_connections 1024; }} http {{ {1} }}"
)


def test_nginx_in_front(tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half-open connection reaches the receiver, no callback is lost, and no content gets into the logs."""
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if nginx is None:
        assert not os.environ.get("CI"), "nginx is missing, and with CI every test has to run"
        pytest.skip("nginx is missing")
    monkeypatch.setattr(receive_callbacks, "IDLE_SECONDS", 600)  # so that nginx alone closes idle connections
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        tls_port = reserved.getsockname()[1]

    def begin(request: bytes, source: str = "127.0.0.1") -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", tls_port), timeout=60, source_address=(source, 0))
        secure = trust.wrap_socket(plain, server_hostname="127.0.0.1")
        secure.sendall(request)
        return secure

    def status(connection: ssl.SSLSocket) -> int:
        with connection, connection.makefile("rb") as response:
            return int(response.readline().split()[1])

    receiver = Receiver(tmp_path / "callbacks.db", caplog)
    with contextlib.closing(receiver.store), serving(receiver) as (port, server), contextlib.ExitStack() as stack:
        names = {"HTTPS_PORT": f"127.0.0.1:{tls_port}", "RECEIVER_PORT": str(port), "SERVER_NAME": "127.0.0.1"}
        names |= dict.fromkeys(("TLS_CERTIFICATE", "TLS_KEY"), f"{tmp_path}/tls.pem") | {"LOG_FOLDER": str(tmp_path)}
        text = (SNIPPETS / "nginx_receiver.conf").read_text(encoding="utf-8")
        text = re.sub(r"\b[A-Z]+_[A-Z]+\b", lambda found: names[found[0]], text)
        (tmp_path / "nginx.conf").write_text(MAIN.format(tmp_path, text), encoding="utf-8")
        process = stack.enter_context(
            subprocess.Popen([nginx, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")])
        )
        stack.callback(process.send_signal, signal.SIGQUIT)  # it ends when its log is complete
        while True:  # until it listens
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", tls_port)):
                break
            assert process.poll() is None, (tmp_path / "start.log").read_text(encoding="utf-8")
            time.sleep(0.01)
        for _ in range(100):  # not even the handshake, or a part of the header
            plain = socket.create_connection(("127.0.0.1", tls_port), source_address=("127.0.0.2", 0))
            stack.enter_context(plain)
            stack.enter_context(begin(HALF[:60], "127.0.0.2"))
        bodies = [stack.enter_context(begin(HALF, "127.0.0.3")) for _ in range(110)]
        assert status(bodies[-1]) == 429  # more than 100 connections from one address
        with ThreadPoolExecutor(40) as pool:  # from another address, 40 callbacks at once
            assert list(pool.map(lambda _: status(begin(GET)), range(40))) == [200] * 40
        assert len(server.active_channels) <= 40  # those of the callbacks
        largest = f"{QUERY}&x=".ljust(receive_callbacks.MAX_CALLBACK, "y").encode()
        post = HALF.replace(b"\r\n\r\napiMsgId=", b"\r\nConnection: close\r\n\r\n").replace(b"/callback", b"/callback/")
        assert status(begin(GET.replace(QUERY.encode(), largest))) == 200
        assert status(begin(post.replace(b"500", b"%d" % len(largest)) + largest)) == 200
        assert status(begin(post.replace(b"500", b"%d" % (len(largest) + 1)) + largest + b"y")) == 413
        assert status(begin(GET.replace(b"Basic ", b"Basic x"))) == 401
        assert len(stored(receiver.database)) == 2
    log = (tmp_path / "callbacks.log").read_text(encoding="utf-8")
    assert re.search(r" POST /callback/ 413 \d+\n", log)
    assert re.search(r" GET /callback 401 \d+\n", log)
    for path in tmp_path.glob("*.log"):
        assert not re.search(f"apiMsgId|{PASSWORD}|c2Ft", path.read_text(encoding="utf-8"))


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
