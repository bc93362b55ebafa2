"""Run what stands on a page as its reader would, with nothing of this machine around it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

import pytest

DEAD_PROXY = "http://127.0.0.1:9"  # nobody listens: a call that leaves this machine is refused at once
_SETTING = re.compile(r"export (?P<name>\w+)=(?P<value>\S+)|unset (?P<names>[\w ]+)")


def cannot_run(reason: str) -> NoReturn:
    """Skip a test for what this machine lacks, and fail it where `CI` says that every test has to run."""
    if os.environ.get("CI"):
        pytest.fail(f"{reason} (CI is set, and every test has to run)")
    pytest.skip(reason)


def clean_environment(home: Path, **variables: str) -> dict[str, str]:
    """The whole environment of a program: no setting of this machine, and no way to the network but loopback."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment[name] = environment[name.lower()] = DEAD_PROXY
    return {**environment, **variables}


def settings(shell: str) -> dict[str, str | None]:
    """Read the lines of a shell block that export and unset variables, as a terminal would keep them."""
    found: dict[str, str | None] = {}
    for line in shell.splitlines():
        if match := _SETTING.fullmatch(line.strip()):
            found |= {match["name"]: match["value"]} if match["name"] else dict.fromkeys(match["names"].split())
    return found


@contextlib.contextmanager
def inside(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Be in a folder, with this environment and no other."""
    with patch.dict(os.environ, environment, clear=True), contextlib.chdir(folder):
        yield


def run_python(code: str, name: str, folder: Path, environment: Mapping[str, str]) -> str:
    """Run Python in a fresh namespace of this process; return what it prints.

    Raises:
        AssertionError: The program ended with an exit status other than 0.
    """
    printed = io.StringIO()
    with inside(folder, environment), contextlib.redirect_stdout(printed):
        status: object = None
        try:
            exec(compile(code, name, "exec"), {"__name__": "__main__"})
        except SystemExit as stop:
            status = stop.code
    assert not status, f"{name} ended with: {status}\n{printed.getvalue()}"
    return printed.getvalue()


def run_process(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    """Run a program in a process of its own; return what it prints.

    Raises:
        AssertionError: The exit status is not 0.
    """
    ended = subprocess.run(
        command, cwd=folder, env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, f"{command[-1]}\nexit status {ended.returncode}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def run_shell(code: str, folder: Path, environment: Mapping[str, str]) -> str:
    return run_process(["sh", "-euc", code], folder, environment)


@contextlib.contextmanager
def serving(command: list[str], ready: str, folder: Path, environment: Mapping[str, str]) -> Iterator[list[str]]:
    """Start a server, wait for its ready line, yield what it printed, and stop it by its process id.

    Raises:
        AssertionError: It ended before it was ready, or it did not stop when asked to.
    """
    with (
        (folder / "server.log").open("w+") as log,
        subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=log, stderr=log) as process,
    ):
        try:
            lines: list[str] = []
            deadline = time.monotonic() + 60
            while not any(ready in line for line in lines):
                assert process.poll() is None, "the server ended:\n" + "\n".join(lines)
                assert time.monotonic() < deadline, "the server is not ready:\n" + "\n".join(lines)
                time.sleep(0.05)
                lines = (folder / "server.log").read_text().splitlines()
            yield lines
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError("the server did not stop when asked to") from None
