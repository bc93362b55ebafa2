"""What is installed: pyproject.toml pins what the project needs, .ci/requirements.txt locks all that comes with it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement

from project import ROOT

LOCK = ".ci/requirements.txt"
RENEW = "run .ci/lock"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
DIRECT = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
LINES = (ROOT / LOCK).read_text().replace("\\\n", " ").splitlines()
LOCKED = [(number, line) for number, line in enumerate(LINES, 1) if not line.lstrip().startswith(("#", "-"))]
"""Each requirement of the lock with its hashes, as one line."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(line: str) -> Requirement:
    return Requirement(line.partition("--hash")[0])


def locked_versions() -> dict[str, set[str]]:
    """Name to the versions that the lock gives it; more than one where they depend on Python or the system."""
    found: dict[str, set[str]] = {}
    for _, line in LOCKED:
        wanted = requirement(line)
        found.setdefault(canonical(wanted.name), set()).add(str(wanted.specifier))
    return found


@pytest.mark.parametrize("line", DIRECT)
def test_direct_dependency_is_pinned_and_locked(line: str) -> None:
    wanted = Requirement(line)
    assert re.fullmatch(r"==[\d.]+", str(wanted.specifier)), f"pyproject.toml: pin {wanted.name} as NAME==VERSION"
    locked = locked_versions().get(canonical(wanted.name))
    assert locked == {str(wanted.specifier)}, f"pyproject.toml wants {line}, {LOCK} has {locked}: {RENEW}"


def test_every_line_of_the_lock_is_one_version_with_its_hashes() -> None:
    for _, line in LOCKED:
        name, _, hashes = line.partition("--hash")
        assert re.fullmatch(r"[a-z0-9-]+==[\w.]+( ; .+)?", name.strip()), f"{LOCK}: not a pinned version: {name}"
        assert re.fullmatch(r"(=sha256:[0-9a-f]{64}( +--hash)?)+ *", hashes), f"{LOCK}: {name} has no hashes: {RENEW}"


def test_the_lock_names_no_host() -> None:
    hosts = [f"{LOCK}:{number}: {line}" for number, line in enumerate(LINES, 1) if "://" in line or line[:1] == "-"]
    assert not hosts, f"where packages come from is what each machine knows for itself: {hosts}"


def test_what_a_locked_package_needs_is_locked() -> None:
    """For what is installed here; pip refuses the same on the machines that install the lock."""
    versions = locked_versions()
    missing = []
    for name in versions:
        try:
            needed = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:  # belongs to another system, or this environment is not made from the lock
            continue
        if f"=={version(name)}" in versions[name]:
            wanted = [other for other in needed if other.marker is None or other.marker.evaluate({"extra": ""})]
            missing += [f"{name} needs {other}" for other in wanted if canonical(other.name) not in versions]
    assert not missing, f"{LOCK} lacks these, {RENEW}: {missing}"


def test_oldest_python_is_the_same_everywhere() -> None:
    """The lock is resolved for the oldest Python, and the workflow starts with it."""
    oldest = PROJECT["requires-python"].removeprefix(">=")
    assert f"--python-version {oldest} " in (ROOT / ".ci" / "lock").read_text()
    assert f"Python {oldest} or newer" in (ROOT / "README.md").read_text()
    matrix = re.findall(r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / "test.yml").read_text())
    assert [versions.split(",")[0].strip(' "') for versions in matrix] == [oldest]


@pytest.mark.parametrize("path", ["README.md", ".ci/build-site", ".github/workflows/publish.yml"])
def test_nothing_is_installed_besides_the_lock(path: str) -> None:
    for command in re.findall(r"pip install (.*?)(?: &&|$)", (ROOT / path).read_text(), re.MULTILINE):
        assert command == f"-r {LOCK}", f"{path}: installs {command}"
