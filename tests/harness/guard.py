"""Refuse whatever would leave this machine, for the whole process of the tests."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

_ADDRESSED = {"socket.connect": 1, "socket.sendto": 1, "socket.bind": 1}


class OutsideCallError(BaseException):
    """A test tried to reach another machine. Not an `Exception`, so that no code under test takes it for a failure."""


def is_local(host: object) -> bool:
    """Tell whether a host is this machine: a loopback address, its name, or none at all."""
    if host in ("localhost", "", None, b"localhost", "0.0.0.0", "::"):  # noqa: S104
        return True
    try:
        return ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host)).is_loopback
    except ValueError:
        return False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _ADDRESSED:
        address = arguments[_ADDRESSED[event]]
        host = address[0] if isinstance(address, tuple) else None  # a path names a socket of this machine
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if not is_local(host):
        raise OutsideCallError(f"a test may not reach {host!r}: give it the mock or the sandbox")


def install() -> None:
    """Watch every socket of this process from now on; Python has no way to take an audit hook away."""
    sys.addaudithook(_audit)
