"""The guard: whatever in the tests would leave this machine is refused, in this process and in those it starts."""

from __future__ import annotations

import socket
import sys
import urllib.request
from pathlib import Path

import pytest
import requests

from harness.guard import OutsideCallError, is_local
from harness.run import clean_environment, run_process, run_python, run_shell

OUTSIDE = "192.0.2.1"  # an address for documentation, which belongs to nobody


@pytest.mark.parametrize("host", [OUTSIDE, "example.com", "10.0.0.1", "2001:db8::1", b"example.com"])
def test_outside_is_outside(host: object) -> None:
    assert not is_local(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3", "", None])
def test_this_machine_is_local(host: object) -> None:
    assert is_local(host)


def connect(address: str) -> None:
    with socket.socket() as plain:
        plain.settimeout(1)
        plain.connect((address, 443))


def send(address: str) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as plain:
        plain.sendto(b"x", (address, 53))


@pytest.mark.parametrize(
    "call",
    [
        lambda: connect(OUTSIDE),
        lambda: send(OUTSIDE),
        lambda: socket.getaddrinfo("example.com", 443),
        lambda: socket.gethostbyname("example.com"),
        lambda: socket.create_connection((OUTSIDE, 443), 1),
        lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open("http://example.com/"),
    ],
)
def test_call_in_this_process(call: object) -> None:
    assert callable(call)
    with pytest.raises(OutsideCallError, match="may not reach"):
        call()


def test_call_with_requests() -> None:
    with requests.Session() as session:
        session.trust_env = False
        with pytest.raises(OutsideCallError):
            session.get(f"https://{OUTSIDE}/", timeout=1)


def test_call_of_an_example(home: Path) -> None:
    """An example that forgets the sandbox meets a dead proxy, and the guard if it goes around that."""
    code = 'import requests\nrequests.get("https://connect.clickatell.com/", timeout=1)'
    with pytest.raises(requests.exceptions.ProxyError):
        run_python(code, "example", home, clean_environment(home))
    with pytest.raises(OutsideCallError):
        run_python(code, "example", home, clean_environment(home, NO_PROXY="*", no_proxy="*"))


def test_call_of_a_subprocess(home: Path) -> None:
    program = [sys.executable, "-c", 'import requests\nrequests.get("https://connect.clickatell.com/", timeout=1)']
    with pytest.raises(AssertionError, match="ProxyError"):
        run_process(program, home, clean_environment(home))


def test_call_of_curl(home: Path) -> None:
    with pytest.raises(AssertionError, match=r"127\.0\.0\.1 port 9"):
        run_shell(
            "curl --silent --show-error --max-time 5 https://connect.clickatell.com/", home, clean_environment(home)
        )


def test_preset_of_this_machine_does_not_reach_an_example(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECT_API_TOKEN", "preset")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "preset")
    assert "preset" not in run_shell("env", home, clean_environment(home))
