"""Slow proofs about the receiver: nginx in front of it, and what the simulation finds.

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
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import trustme

import receive_callbacks
from facts import SNIPPETS
from test_receiver import FORM, GET, HALF, HEAD, PASSWORD, PROGRAM, QUERY, SIMULATOR, USER, XML, run, serving, stored

MAIN = "user root; daemon off; pid {folder}/pid; error_log {folder}/start.log; events {{ worker_connections 1024; }}"

Nginx = tuple[ssl.SSLContext, int, Any, "subprocess.Popen[bytes]"]


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nginx]:
    """The receiver behind nginx: what trusts its certificate, its port, the receiver's server, and nginx's process."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if program is None:
        assert not os.environ.get("CI"), "nginx is missing, and with CI every test has to run"
        pytest.skip("nginx is missing")
    monkeypatch.setattr(receive_callbacks, "IDLE_SECONDS", 600)  # so that nginx alone closes idle connections
    authority, trust = trustme.CA(), ssl.create_default_context()
    authority.configure_trust(trust)
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        tls_port = reserved.getsockname()[1]
    app = receive_callbacks.create_app(tmp_path / "callbacks.db", USER, PASSWORD)
    with contextlib.closing(app.extensions["receive_callbacks"]), serving(app) as (port, server):
        names = {"HTTPS_PORT": f"127.0.0.1:{tls_port}", "RECEIVER_PORT": str(port), "SERVER_NAME": "127.0.0.1"}
        names |= dict.fromkeys(("TLS_CERTIFICATE", "TLS_KEY"), f"{tmp_path}/tls.pem") | {"LOG_FOLDER": str(tmp_path)}
        text = (SNIPPETS / "nginx_receiver.conf").read_text(encoding="utf-8")
        text = re.sub(r"\b[A-Z]+_[A-Z]+\b", lambda found: names[found[0]], text)
        (tmp_path / "nginx.conf").write_text(f"{MAIN.format(folder=tmp_path)} http {{ {text} }}", encoding="utf-8")
        with subprocess.Popen([program, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]) as process:
            for _ in range(1000):  # until it listens
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", tls_port)):
                    break
                assert process.poll() is None, (tmp_path / "start.log").read_text(encoding="utf-8")
                time.sleep(0.01)
            yield trust, tls_port, server, process
            process.terminate()


def begin(trust: ssl.SSLContext, port: int, request: bytes, source: str = "127.0.0.1") -> ssl.SSLSocket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(source, 0))
    secure = trust.wrap_socket(connection, server_hostname="127.0.0.1")
    secure.sendall(request)
    return secure


def status(connection: ssl.SSLSocket) -> int:
    with connection, connection.makefile("rb") as response:
        return int(response.readline().split()[1])


def post(body: bytes, content_type: str) -> bytes:
    head = b"POST /callback/ HTTP/1.1\r\n" + HEAD + f"Content-Type: {content_type}\r\n".encode()
    return head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_half_open_connections_end_at_nginx(nginx: Nginx, tmp_path: Path) -> None:
    trust, port, server, _ = nginx
    with contextlib.ExitStack() as stack:
        for number in range(201):  # not even the handshake, or a part of the header
            plain = stack.enter_context(socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)))
            if number % 2:
                plain.close()
                stack.enter_context(begin(trust, port, HALF[:60], "127.0.0.2"))
        bodies = [stack.enter_context(begin(trust, port, HALF, "127.0.0.3")) for _ in range(110)]
        assert status(bodies[-1]) == 429  # more than 100 connections from one address
        with ThreadPoolExecutor(40) as pool:  # from another address, 40 callbacks at once
            assert list(pool.map(lambda _: status(begin(trust, port, GET)), range(40))) == [200] * 40
        assert len(server.active_channels) <= 40  # those of the callbacks
    assert stored(tmp_path / "callbacks.db")


def test_callbacks_pass_and_leave_no_content_in_the_logs(nginx: Nginx, tmp_path: Path) -> None:
    trust, port, _, process = nginx
    largest = f"{QUERY}&x=".ljust(receive_callbacks.MAX_CALLBACK, "y").encode()
    for request in (GET, post(QUERY.encode(), FORM), post(XML.encode(), "text/xml")):
        assert status(begin(trust, port, request)) == 200
    assert len(stored(tmp_path / "callbacks.db")) == 1
    assert status(begin(trust, port, GET.replace(QUERY.encode(), largest))) == 200
    assert status(begin(trust, port, post(largest, FORM))) == 200
    assert status(begin(trust, port, post(largest + b"y", FORM))) == 413
    assert status(begin(trust, port, GET.replace(b"Basic ", b"Basic x"))) == 401
    assert len(stored(tmp_path / "callbacks.db")) == 2
    process.send_signal(signal.SIGQUIT)  # the log is complete when nginx has ended
    process.wait(60)
    lines = (tmp_path / "callbacks.log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[2:5] for line in lines[-2:]] == [["POST", "/callback/", "413"], ["GET", "/callback", "401"]]
    for log in tmp_path.glob("*.log"):
        assert not re.search(f"apiMsgId|{PASSWORD}|c2Ft", log.read_text(encoding="utf-8"))


FAULTS = {
    "acknowledges what isn't committed": ("isolation_level=None", 'isolation_level="DEFERRED"', "lost"),
    "acknowledges what can't be read": ("400 if known", "200 if known", "HTTP status 200"),
    "refuses what is odd": ("or code is None:", "or code is None or problems:", "HTTP status 400"),
    "stores a repeated callback twice": (", UNIQUE (api_msg_id, fields)", "", "stored 2 times"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_simulation_finds_a_faulty_receiver(fault: str, tmp_path: Path) -> None:
    right, wrong, violation = FAULTS[fault]
    source = PROGRAM.read_text(encoding="utf-8")
    assert source.count(right) == 1
    (tmp_path / "receiver.py").write_text(source.replace(right, wrong), encoding="utf-8")
    options = ("--callbacks", "150", "--kills", "1", "--program", "receiver.py")
    with run(tmp_path, str(SIMULATOR), *options) as process:
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.search(rf"^(after kill 1: )?{violation}", errors, re.MULTILINE)
    assert "150 of 150 callbacks, 1 kills" in output
