"""The hooks and fixtures of the plugin. Load it with `-p docs_runner.plugin`."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from .build import Site, build_once
from .names import misspelt
from .owners import is_checked_elsewhere, is_run
from .page import Page
from .settings import read_settings
from .walk import Target, Walk

_SHARED = "DOCS_RUNNER_SHARED"  # the folder that all workers of a run share


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update", action="store_true", help="write outputs and generated files anew, and show the changes"
    )


def pytest_configure(config: pytest.Config) -> None:
    if _SHARED not in os.environ:
        os.environ[_SHARED] = tempfile.mkdtemp(prefix="docs-runner-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(_SHARED), ignore_errors=True))
    if config.getoption("--update"):
        if os.environ.get("CI"):
            raise pytest.UsageError("--update doesn't run in CI: there, files are compared")
        config.option.dist, config.option.tx, config.option.numprocesses = "no", [], 0  # one process writes
        for page in (config.rootpath / "docs").rglob("*.md"):  # a new example has no output yet, which stops the build
            for name in re.findall(r'--8<-- "(\S+\.out|docs/tables/\S+)"', page.read_text(encoding="utf-8")):
                (config.rootpath / name).parent.mkdir(exist_ok=True)
                (config.rootpath / name).touch()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    root = parent.config.rootpath
    if file_path.suffix != ".md" or not file_path.is_relative_to(root / "docs"):
        return None
    is_part = is_checked_elsewhere(file_path.relative_to(root).as_posix(), read_settings(root))
    return None if is_part else PageFile.from_parent(parent, path=file_path)


class PageFile(pytest.File):
    """A page whose tests are its blocks, and one more for the names in its sentences."""

    def collect(self) -> Iterator[pytest.Item]:
        settings = read_settings(self.config.rootpath)
        page = Page(self.config.rootpath, self.path)
        chosen = page.front_matter.get("run_on", settings.targets)
        targets = list(chosen) if isinstance(chosen, list | tuple) else [str(chosen)]

        def names(site: Site) -> None:  # noqa: ARG001 (the site has to build first)
            found = list(misspelt(page, settings))
            if found:
                pytest.fail("\n".join(found), pytrace=False)

        yield PageItem.from_parent(self, name="names", callobj=names, line=1)
        for index, fence in enumerate(page.fences):
            for target in targets if is_run(fence) and fence.instruction[0] != "not run" else targets[:1]:
                if not page.is_for(fence, target):
                    continue

                def block(docs_walk: Callable[..., Walk], index: int = index, target: str = target) -> None:
                    if (result := docs_walk(page, target).results[index]) is not None:
                        raise result

                name = f"{fence.line} {fence.title or fence.language}" + (f" ({target})" if len(targets) > 1 else "")
                yield PageItem.from_parent(self, name=name, callobj=block, line=fence.line)


class PageItem(pytest.Function):
    """A test that a page holds, which says where it stands."""

    def __init__(self, *, line: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.line = line

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, self.line - 1, f"{self.path.relative_to(self.config.rootpath).as_posix()}:{self.name}"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Build the site before the first test that needs it. If it doesn't build, one test fails and the rest skip."""
    if "site" in getattr(item, "fixturenames", ()) and _SITE not in item.config.stash:
        site, problem, is_first = build_once(item.config.rootpath, Path(os.environ[_SHARED]))
        if problem and is_first:
            pytest.fail(problem, pytrace=False)
        if problem:
            pytest.skip("the site doesn't build: see the one failure that says why")
        item.config.stash[_SITE] = site


_SITE = pytest.StashKey[Site]()


@pytest.fixture(scope="session")
def site(pytestconfig: pytest.Config) -> Site:
    """The site, built once in strict mode with its default address."""
    return pytestconfig.stash[_SITE]


@pytest.fixture(scope="session")
def docs_walk(
    site: Site,
    docs_targets: list[Target],
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[Page, str], Walk]:
    """Return the walk of a page for a target, which runs once for all tests of the page."""
    settings, update = read_settings(pytestconfig.rootpath), bool(pytestconfig.getoption("--update"))
    targets = {target.name: target for target in docs_targets}

    @cache
    def walk(page: Page, target: str) -> Walk:
        if target not in targets:
            pytest.fail(f"{page.path}:1: docs_targets has {', '.join(targets)}, but no {target}", pytrace=False)
        blocks, in_source = page.blocks(site.output), len(page.fences)
        if len(blocks) != in_source:
            counts = f"{in_source} code blocks in the source, {len(blocks)} on the built page"
            pytest.fail(f"{page.path}:1: {counts}", pytrace=False)
        folder = tmp_path_factory.mktemp(re.sub(r"\W", "-", page.path))
        walk = Walk(page, targets[target], blocks, settings, folder, update=update)
        walk.run()
        return walk

    return walk


@pytest.fixture
def update(pytestconfig: pytest.Config) -> Callable[[Path, str], None]:
    """Compare a generated file with what it should contain or, with `--update`, write it and show the change."""

    def compare(path: Path, wanted: str) -> None:
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found == wanted:
            return
        name = path.relative_to(pytestconfig.rootpath).as_posix()
        change = "\n".join(difflib.unified_diff(found.splitlines(), wanted.splitlines(), name, "new", lineterm=""))
        if not pytestconfig.getoption("--update"):
            pytest.fail(f"{name}:1: out of date: run `pytest --update` and read the change\n{change}", pytrace=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted, encoding="utf-8")
        print(f"written: {name}\n{change}")

    return compare


@pytest.fixture
def says(pytestconfig: pytest.Config) -> Callable[[str, str], None]:
    """Assert that a page says this, whatever the markup and the line breaks: for a value that a test has computed."""

    def check(page: str, text: str) -> None:
        source = (pytestconfig.rootpath / "docs" / page).read_text(encoding="utf-8")
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", source)
        plain = " ".join(re.sub(r"[`*]", "", plain).split())
        if " ".join(text.split()) not in plain:
            pytest.fail(f"docs/{page}:1: the page should say: {text}", pytrace=False)

    return check


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Show what `--update` wrote, and name in one line what could not run here."""
    for report in terminalreporter.stats.get("passed", []):
        for line in report.capstdout.splitlines() if "written: " in report.capstdout else ():
            terminalreporter.write_line(line)
    reasons = {str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])}
    tools = sorted({reason.partition("missing on this machine: ")[2] for reason in reasons} - {""})
    if tools:
        terminalreporter.write_line(f"Skipped, because this machine doesn't have it: {', '.join(tools)}")
