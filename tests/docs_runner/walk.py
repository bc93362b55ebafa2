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
from fnmatch import fnmatch
from pathlib import Path
from typing import NoReturn

import pytest
from _pytest.outcomes import Failed, Skipped

from .page import Block, Fence, Page
from .settings import Settings

SECONDS = float(os.environ.get("DOCS_RUNNER_SECONDS", "60"))
"""How long one block may run, and how long a server may take to be ready."""

_DEAD_PROXY = "http://127.0.0.1:9"  # nobody listens there, so a call that leaves this machine fails at once
_LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".ps1": "powershell",
    ".xsd": "xml",
    ".conf": "nginx",
    ".md": "markdown",
    ".yml": "yaml",
}
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
        self.shown: set[str] = set()  # the outputs that the page has shown so far
        self.servers: list[subprocess.Popen[bytes]] = []
        self.results: list[BaseException | None] = []

    def run(self) -> None:
        """Run all blocks in their order, and keep what each came to: nothing, a failure or a skip."""
        self.target.before_page()
        try:
            for fence, block in zip(self.page.fences, self.blocks, strict=True):
                try:
                    self._run(fence, block)
                except (Exception, Failed, Skipped) as error:
                    self.results.append(error)
                    self.printed = (
                        error if isinstance(error, Skipped) else Skipped("the program above this output failed")
                    )
                else:
                    self.results.append(None)
        finally:
            for server in self.servers:
                os.killpg(server.pid, signal.SIGTERM)
                server.wait(SECONDS)

    def _run(self, fence: Fence, block: Block) -> None:
        text = fence.source(self.page.root)
        if not block.text.strip():
            _fail(fence, "this block is empty on the built page")
        wanted, shown = (fence.language, fence.title, text), (block.language, block.title, block.text)
        if wanted != shown:
            change = _difference("\n".join(wanted), "\n".join(shown))
            _fail(fence, "the built page shows this block in another way (language, title, text)", change)
        if (reason := unowned(fence, self.page, self.settings)) is not None:
            _fail(fence, reason)
        word, value = fence.instruction
        if fence.is_output:
            self._compare(fence, block)
        elif word == "not run" or (word == "run on" and self.target.name not in value):
            self.printed = None
        elif word == "server":
            self._start_server(fence, block)
        elif fence.language == "python":
            self._run_python(fence, block)
        elif fence.language == "sh":
            self._run_shell(fence, block)
        elif fence.language == "powershell":
            _compare_powershell(fence, block.text, self.page)
        elif fence.title and not is_checked_elsewhere(fence.include, self.settings):
            (self.folder / fence.title).write_text(block.text + "\n", encoding="utf-8")

    def _run_python(self, fence: Fence, block: Block) -> None:
        name = fence.title or f"line_{fence.line}.py"
        (self.folder / name).write_text(block.text + "\n", encoding="utf-8")
        if is_run_by(fence, _following(self.page, fence)):
            return
        as_test = ["-m", "pytest", "-q", "-p", "no:cacheprovider"] if name.startswith("test_") else []
        self._finish(fence, [sys.executable, *as_test, name], quiet=not as_test)

    def _run_shell(self, fence: Fence, block: Block) -> None:
        for entry in self.settings.tools:
            tool, _, needed = entry.partition(":")
            if re.search(rf"(?m)(?:^|&&|\|)\s*{tool}\b", block.text):
                if not shutil.which(tool):
                    raise missing(tool)
                if not (self.page.root / needed).exists():
                    raise missing(f"{tool} with {Path(needed).name}")
        saved = self.folder.parent / "variables.json"
        command = self._as_here(block.text)
        if re.search(r"\b(export|unset)\b", command):
            command += "\n" + shlex.join([sys.executable, "-c", _SAVE_VARIABLES, str(saved)])
        self._finish(fence, ["sh", "-euc", command])
        if saved.exists():
            self.variables = {**json.loads(saved.read_text(encoding="utf-8")), **self.target.forced}
            saved.unlink()

    def _finish(self, fence: Fence, command: list[str], *, quiet: bool = False) -> None:
        """Run a program to its end and keep what it printed for the Output block below it."""
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )
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
            server = subprocess.Popen(
                ["sh", "-euc", self._as_here(block.text)],
                cwd=self.folder,
                env=self.variables,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.servers.append(server)
        deadline = time.monotonic() + SECONDS
        while ready not in (said := log.read_text(encoding="utf-8")):
            if server.poll() is not None or time.monotonic() > deadline:
                _fail(fence, f"this server never printed {ready!r}", said)
            time.sleep(0.02)
        self._keep(fence, said)

    def _keep(self, fence: Fence, printed: str) -> None:
        self.printed = self._as_on_the_page(printed).rstrip("\n")
        following = _following(self.page, fence)
        if following and following.is_output:
            self.shown.add(self.printed)
        elif self.printed and self.printed not in self.shown:
            _fail(
                fence, "this prints, and neither an Output block follows nor did the page show it above", self.printed
            )

    def _compare(self, fence: Fence, block: Block) -> None:
        printed, self.printed = self.printed, None
        if isinstance(printed, Skipped):
            raise printed
        if printed is None:
            if fence.instruction[0] != "run on" and not _is_left_out(_above(self.page, fence), self.target):
                _fail(fence, "this output belongs to no program: the block above it isn't run")
            return
        if printed == block.text:
            return
        if self.update and fence.include.endswith(".out"):
            (self.page.root / fence.include).write_text(printed + "\n", encoding="utf-8")
            print(f"written: {fence.include}\n{_difference(block.text, printed)}")
            return
        where = f" (from {fence.include})" if fence.include else ""
        _fail(fence, f"this output{where} isn't what the program prints", _difference(block.text, printed))

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


def is_checked_elsewhere(file: str, settings: Settings) -> bool:
    return any(fnmatch(file, pattern) for pattern in settings.checked_elsewhere)


def is_run_by(fence: Fence, following: Fence | None) -> bool:
    """Whether the next block is the command that runs this program."""
    names_it = following is not None and following.language == "sh" and not following.docstring
    return bool(names_it and fence.title and any(fence.title in line for line in following.lines))  # type: ignore[union-attr]


def unowned(fence: Fence, page: Page, settings: Settings) -> str | None:
    """Say why nothing checks this block or its title, or return None."""
    word, include = fence.instruction[0], fence.include
    suffix = Path(include).suffix
    if include and not fence.is_output:
        language = _LANGUAGES.get(suffix, suffix.removeprefix("."))
        if fence.language != language:
            return f"the language of {include} is {language}, not {fence.language!r}"
        if (
            fence.title
            and not re.fullmatch(r"[A-Z][a-z ]+", fence.title)
            and not f"/{include}".endswith("/" + fence.title)
        ):
            return f"the title is {fence.title}, the file is {include}"
    runs = fence.language in {"python", "sh"} and not fence.is_output
    if word in {"not run", "server"} and not runs:
        return f"nothing runs this block, so the comment above it ({word}) is out of date"
    if runs or fence.is_output or is_checked_elsewhere(include, settings):
        return None
    if fence.language == "powershell" or is_run_by(fence, _following(page, fence)):
        return None
    return f"nothing checks this block of {fence.language!r}: it is neither run nor compared with anything"


def is_run(fence: Fence) -> bool:
    return fence.language in {"python", "sh"} or fence.is_output


def _is_left_out(fence: Fence | None, target: Target) -> bool:
    return fence is not None and fence.instruction[0] == "run on" and target.name not in fence.instruction[1]


def _following(page: Page, fence: Fence) -> Fence | None:
    rest = page.fences[page.fences.index(fence) + 1 :]
    return rest[0] if rest else None


def _above(page: Page, fence: Fence) -> Fence | None:
    place = page.fences.index(fence)
    return page.fences[place - 1] if place else None


def _compare_powershell(fence: Fence, text: str, page: Page) -> None:
    """No PowerShell runs here, so its lines have to say what the shell lines above them say."""
    shell = [other for other in page.fences[: page.fences.index(fence)] if other.language == "sh"]
    lines = shell[-1].source(page.root).splitlines() if shell else []
    for other in reversed(shell):  # where several blocks stand in one tab, the partner has the same file name
        if other.include and Path(other.include).stem == Path(fence.include).stem:
            lines = other.source(page.root).splitlines()
            break
    wanted = [_in_powershell(line) for line in lines]
    if sorted(wanted) != sorted(text.splitlines()):
        _fail(fence, "this doesn't say what the shell lines say", _difference("\n".join(wanted), text))


def _in_powershell(line: str) -> str:
    if match := re.fullmatch(r"export (\w+)=(\S+)", line):
        value = match[2].replace("$PWD/", "$PWD\\")
        return f'$Env:{match[1]} = "{value}"' if "$" in value else f"$Env:{match[1]} = '{value}'"
    if line.startswith("unset "):
        names = ", ".join(f"Env:{name}" for name in line.split()[1:])
        return f"Remove-Item {names} -ErrorAction SilentlyContinue"
    if match := re.fullmatch(r"curl -fsSO (\S+/(\S+))", line):
        return f"Invoke-WebRequest -OutFile {match[2]} '{match[1]}'"  # quoted, so that it is one piece in the page
    return line


def _environment(home: Path) -> dict[str, str]:
    """Return all variables of a program: none of this machine's settings, and no way to the network but loopback."""
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment[name] = environment[name.lower()] = _DEAD_PROXY
    return environment


def _difference(expected: str, actual: str) -> str:
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "expected", "actual", lineterm="")
    return "\n".join(lines)


def _fail(fence: Fence, message: str, detail: str = "") -> NoReturn:
    pytest.fail(f"{fence.file}:{fence.line}: {message}{':' if detail else ''}\n{detail}".rstrip(), pytrace=False)
