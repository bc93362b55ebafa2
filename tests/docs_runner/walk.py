"""Walk a page from top to bottom as its reader does, and keep what each block came to."""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest
from _pytest.outcomes import Failed, Skipped

from .owners import in_powershell, is_checked_elsewhere, is_run_by, unowned
from .page import Block, Fence, Page
from .settings import Settings

SECONDS = float(os.environ.get("DOCS_RUNNER_SECONDS", "60"))
"""How long one block may run, and how long a server may take to be ready."""

_DEAD_PROXY = "http://127.0.0.1:9"  # nobody listens there, so a call that leaves this machine fails at once
_SAVE_VARIABLES = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w', encoding='utf-8'))"


@dataclass(frozen=True)
class Target:
    """A server that the pages call, such as a mock. The fixture `docs_targets` returns one or more.

    Attributes:
        name: The word for it in `run_on` and in the names of tests.
        initial: Variables that a reader has set before the first block.
        forced: Variables that stay as they are, whatever the page sets.
        replace: What a page shows, and what it is in this run: for example its address of the site.
        before_page: Called before the first block, for example to reset a mock.
        after_block: Called after each program, to check what the server received. It fails by an `AssertionError`.
    """

    name: str
    initial: Mapping[str, str] = field(default_factory=dict)
    forced: Mapping[str, str] = field(default_factory=dict)
    replace: Mapping[str, str] = field(default_factory=dict)
    before_page: Callable[[], None] = lambda: None
    after_block: Callable[[Fence], None] = lambda _: None


class Walk:
    """One page, walked for one target. Each block runs once, after the blocks above it."""

    def __init__(
        self, page: Page, target: Target, blocks: list[Block], settings: Settings, folder: Path, *, update: bool
    ) -> None:
        self.page, self.target, self.blocks, self.settings, self.update = page, target, blocks, settings, update
        self.folder = folder / "work"
        self.folder.mkdir()
        (folder / "home").mkdir()
        for name, path in page.linked_files().items():
            shutil.copyfile(path, self.folder / name)
        self.variables = {**_environment(folder / "home"), **target.initial, **target.forced}
        self.printed: str | Skipped | None = None
        self.skipped: Skipped | None = None
        self.shown: set[str] = set()  # the outputs that the page has shown so far
        self.servers: list[subprocess.Popen[str]] = []
        self.results: list[BaseException | None] = []

    def run(self) -> None:
        """Run all blocks in their order, and keep what each came to: nothing, a failure or a skip."""
        self.target.before_page()
        try:
            for fence, block in zip(self.page.fences, self.blocks, strict=True):
                try:
                    self._run(fence, block)
                except Skipped as error:
                    self.results.append(error)
                    self.printed = error
                except (Exception, Failed) as error:  # where a tool is missing, the blocks below may depend on it
                    self.results.append(self.skipped or error)
                    self.printed = self.skipped or Skipped("the program above this output failed")
                else:
                    self.results.append(None)
        finally:
            for server in self.servers:
                os.killpg(server.pid, signal.SIGTERM)
                server.wait(SECONDS)

    def _run(self, fence: Fence, block: Block) -> None:
        text = fence.source(self.page.root)
        if self.update and fence.is_output and fence.include.endswith(".out"):
            block = Block(block.language, block.title, text)  # the site was built before the file was written
        elif not block.text.strip():
            _fail(fence, "this block is empty on the built page")
        source, built = (fence.language, fence.title, text), (block.language, block.title, block.text)
        if source != built:
            change = _difference("\n".join(source), "\n".join(built))
            _fail(fence, "the built page shows this block in another way (language, title, text)", change)
        if (reason := unowned(fence, self.page, self.settings)) is not None:
            _fail(fence, reason)
        word = fence.instruction[0]
        if not self.page.is_for(fence, self.target.name) or (word == "not run" and not fence.is_output):
            self.printed = None
        elif fence.is_output:
            self._compare(fence, block)
        elif word == "server":
            self._start_server(fence, block)
        elif fence.language == "python":
            self._run_python(fence, block)
        elif fence.language == "sh":
            self._run_shell(fence, block)
        elif fence.language == "powershell":
            if (wanted := in_powershell(fence, self.page)) != (shown := sorted(block.text.splitlines())):
                change = _difference("\n".join(wanted), "\n".join(shown))
                _fail(fence, "this doesn't say what the shell lines say", change)
        elif fence.title and not is_checked_elsewhere(fence.include, self.settings):
            (self.folder / fence.title).write_text(block.text + "\n", encoding="utf-8")

    def _run_python(self, fence: Fence, block: Block) -> None:
        name = fence.title or f"line_{fence.line}.py"
        (self.folder / name).write_text(block.text + "\n", encoding="utf-8")
        if is_run_by(fence, self.page.following(fence)):
            return
        as_test = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if name.startswith("test_") else []
        self._finish(fence, [sys.executable, *as_test, name], quiet=not as_test)

    def _run_shell(self, fence: Fence, block: Block) -> None:
        for entry in self.settings.tools:
            tool, _, needed = entry.partition(":")
            if not re.search(rf"(?m)(?:^|&&|\|)\s*{tool}\b", block.text):
                continue
            if not shutil.which(tool) or not (self.page.root / needed).exists():
                self.skipped = missing(f"{tool} with {Path(needed).name}" if needed else tool)
                raise self.skipped
        saved = self.folder.parent / "variables.json"
        command = self._as_here(block.text)
        if re.search(r"\b(export|unset)\b", command):
            command += "\n" + shlex.join([sys.executable, "-c", _SAVE_VARIABLES, str(saved)])
        self._finish(fence, ["sh", "-euc", command])
        if saved.exists():
            self.variables = {**json.loads(saved.read_text(encoding="utf-8")), **self.target.forced}
            saved.unlink()

    def _start(self, command: list[str], output: int | IO[bytes], errors: int) -> subprocess.Popen[str]:
        options: Any = {"cwd": self.folder, "env": self.variables, "encoding": "utf-8", "start_new_session": True}
        return subprocess.Popen(command, stdout=output, stderr=errors, **options)

    def _finish(self, fence: Fence, command: list[str], *, quiet: bool = False) -> None:
        """Run a program to its end and keep what it printed for the Output block below it."""
        process = self._start(command, subprocess.PIPE, subprocess.PIPE)
        try:
            printed, errors = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the programs that it has started
            process.communicate()
            _fail(fence, f"this didn't end within {SECONDS:.0f} s")
        if process.returncode:
            _fail(fence, f"this ended with exit status {process.returncode}", printed + errors)
        if quiet and errors:
            _fail(fence, "this wrote to standard error", errors)
        self._keep(fence, "" if fence.title.startswith("test_") else printed)
        self.target.after_block(fence)

    def _start_server(self, fence: Fence, block: Block) -> None:
        ready = re.findall(r'"([^"]+)"', fence.instruction[1])[0]
        log = self.folder.parent / f"server-{len(self.servers)}.log"
        with log.open("wb") as stream:
            server = self._start(["sh", "-euc", self._as_here(block.text)], stream, subprocess.STDOUT)
        self.servers.append(server)
        deadline = time.monotonic() + SECONDS
        while ready not in (said := log.read_text(encoding="utf-8")):
            if server.poll() is not None or time.monotonic() > deadline:
                _fail(fence, f"this server never printed {ready!r}", said)
            time.sleep(0.02)
        self._keep(fence, said)

    def _keep(self, fence: Fence, printed: str) -> None:
        self.printed = self._as_on_the_page(printed).rstrip("\n")
        following = self.page.following(fence)
        if following and following.is_output:
            self.shown.add(self.printed)
        elif self.printed and self.printed not in self.shown:
            _fail(fence, "this prints what no Output block of the page shows", self.printed)

    def _compare(self, fence: Fence, block: Block) -> None:
        printed, self.printed = self.printed, None
        if isinstance(printed, Skipped):
            raise printed
        if printed is None:
            _fail(fence, "this output belongs to no program: the block above it isn't run")
        if printed == block.text:
            return
        if self.update and fence.include.endswith(".out"):
            (self.page.root / fence.include).write_text(printed + "\n", encoding="utf-8")
            print(f"written: {fence.include}\n{_difference(block.text, printed)}")
            return
        where = f" (from {fence.include})" if fence.include else " (move it to a file, so that --update can write it)"
        advice = "if it has changed on purpose, run `pytest --update`"
        _fail(fence, f"this output{where} isn't what the program prints: {advice}", _difference(block.text, printed))

    def _as_here(self, text: str) -> str:
        for shown, actual in self.target.replace.items():
            text = text.replace(shown, actual)
        return text

    def _as_on_the_page(self, text: str) -> str:
        for shown, actual in self.target.replace.items():
            text = text.replace(actual, shown)
        return text.replace(str(self.folder), self.settings.reader_folder)


def missing(tool: str) -> Skipped:
    """Return why a block is skipped; on a machine that has to run everything, it fails instead."""
    if os.environ.get("CI"):
        pytest.fail(f"{tool} is missing, and with CI set nothing is skipped", pytrace=False)
    return Skipped(f"missing on this machine: {tool}")


def _environment(home: Path) -> dict[str, str]:
    """Return all variables of a program: none of this machine's settings, and no way to the network but loopback."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), _DEAD_PROXY)
    proxies["NO_PROXY"] = "127.0.0.1,localhost"
    return environment | proxies | {name.lower(): value for name, value in proxies.items()}


def _difference(expected: str, actual: str) -> str:
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "expected", "actual", lineterm="")
    return "\n".join(lines)


def _fail(fence: Fence, message: str, detail: str = "") -> NoReturn:
    pytest.fail(f"{fence.file}:{fence.line}: {message}{':' if detail else ''}\n{detail}".rstrip(), pytrace=False)
