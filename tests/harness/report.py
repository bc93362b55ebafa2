"""Write down what a run of the tests has verified: each thing on each page, what was checked about it, the verdict.

A claim says of a test which things it checks. All claims are collected before any test is left out, so that a check
that was skipped, deselected or never reached stands in the report as *not run*: only what ran and passed is *passed*.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

PASSED, FAILED, NOT_RUN = "passed", "failed", "not run"


@dataclass(frozen=True, order=True)
class Thing:
    """Something on a page that can be right or wrong: where its source is, of which kind, and what it says."""

    page: str
    file: str
    line: int
    kind: str
    text: str


@dataclass(frozen=True)
class Claim:
    """What a test checks, in words, and a function from the parameters of the test to the things that it checks."""

    what: str
    things: Callable[..., Iterable[Thing]]


@dataclass
class Check:
    what: str
    test: str
    """The node id of the test; empty for a check that no test makes."""
    reason: str = ""
    """Why it did not run."""


@dataclass
class Outcome:
    """What became of a test, over its setup, its call and its teardown."""

    called: bool = False
    failed: bool = False
    reason: str = ""

    @property
    def verdict(self) -> str:
        return FAILED if self.failed else PASSED if self.called and not self.reason else NOT_RUN


def revision(root: Path) -> str:
    """The commit of the sources; with a word more where they differ from it, and empty without git."""
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain"])
    try:
        commit, changes = (
            subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()
            for command in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit} with changes" if changes else commit


@dataclass
class Report:
    """The plugin: give it the claims, by file and function of the test, and the things that a reader sees."""

    path: Path
    root: Path
    version: str
    pages: Mapping[str, tuple[str, str]]
    """Each page's path to its address below that of the site, and its title."""
    things: Sequence[Thing]
    claims: Mapping[str, Sequence[Claim]]
    not_run: Callable[[], Mapping[Thing, str]]
    """Gives, once the tests are collected, what none of them runs, with the reason."""

    checks: dict[Thing, list[Check]] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    partial: set[str] = field(default_factory=set)
    """Why this run is not one of all tests."""

    def pytest_sessionstart(self) -> None:
        self.revision = revision(self.root)  # before the tests can change anything

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Note the checks of all tests, before those that the command line does not want are taken away."""
        self.checks = {thing: [] for thing in self.things}
        for thing, reason in self.not_run().items():
            self.checks[thing].append(Check("run", "", reason))
        for item in items:
            function = getattr(item, "originalname", item.name)
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            for claim in self.claims.get(f"{item.path.name}::{function}", ()):
                for thing in claim.things(**parameters):
                    check = Check(claim.what.format(**parameters), item.nodeid)
                    self.checks.setdefault(thing, []).append(check)
        there = {path for folder in config.getini("testpaths") for path in (self.root / folder).rglob("test_*.py")}
        if config.args_source is not pytest.Config.ArgsSource.TESTPATHS or there - {item.path for item in items}:
            self.partial.add("only some of the tests were asked for")
        if any(config.getoption(name, None) for name in ("lf", "stepwise", "collectonly", "update_outputs")):
            self.partial.add("an option of the command line leaves tests or comparisons out")

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        if items:
            self.partial.add("tests were deselected")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        outcome = self.outcomes.setdefault(report.nodeid, Outcome())
        outcome.failed |= report.failed
        outcome.called |= report.when == "call" and report.passed
        if report.skipped or hasattr(report, "wasxfail"):
            told = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            outcome.reason = str(getattr(report, "wasxfail", "")) or str(told) or "skipped"

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self.partial.add("the run was interrupted")
        self.path.write_text(json.dumps(self.document(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    def document(self) -> dict[str, Any]:
        pages = []
        for path, (url, title) in self.pages.items():
            things = [self._thing(thing) for thing in sorted(self.checks) if thing.page == path]
            counts = Counter(str(thing["verdict"]) for thing in things)
            counted = {verdict: counts[verdict] for verdict in (PASSED, FAILED, NOT_RUN)}
            pages.append({"page": path, "url": url, "title": title, "counts": counted, "things": things})
        return {
            "version": self.version,
            "revision": self.revision,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "complete": not self.partial,
            "partial": "; ".join(sorted(self.partial)),
            "pages": pages,
        }

    def _thing(self, thing: Thing) -> dict[str, object]:
        checks = []
        for check in self.checks[thing]:
            outcome = self.outcomes.get(check.test, Outcome(reason=check.reason))
            entry = {"what": check.what, "test": check.test.partition("[")[0], "verdict": outcome.verdict}
            if outcome.verdict == NOT_RUN:
                entry["reason"] = outcome.reason or check.reason or "its test was left out of this run"
            if entry not in checks:
                checks.append(entry)
        verdicts = {entry["verdict"] for entry in checks}
        verdict = FAILED if FAILED in verdicts else PASSED if verdicts == {PASSED} and not self.partial else NOT_RUN
        return {
            "file": thing.file,
            "line": thing.line,
            "kind": thing.kind,
            "text": thing.text,
            "verdict": verdict,
            "checks": checks,
        }
