"""The habits of the repository: workflows, forms for issues, hooks and the form of its files."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from project import FACTS, ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
UNTOUCHED = {".http", ".out", ".png"}
"""Endings of files that stay as a program printed them, as .editorconfig says, or that hold no text."""


def load(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text())
    return loaded


def test_each_action_is_one_commit_with_its_version() -> None:
    commits = defaultdict(set)
    for path in WORKFLOWS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if found := re.search(r"uses: (\S+)(.*)", line):
                if found[1].startswith("./"):
                    continue
                place = f"{path.relative_to(ROOT)}:{number}"
                pinned = re.fullmatch(r"(\S+)@([0-9a-f]{40})", found[1])
                assert pinned, f"{place}: name the commit of {found[1]}"
                assert re.fullmatch(r" # v\d+\.\d+\.\d+", found[2]), f"{place}: name the version of {found[1]}"
                commits[pinned[1]].add(pinned[2] + found[2])
    assert set(commits) > {"actions/configure-pages", "actions/upload-pages-artifact", "actions/deploy-pages"}
    several = {action: pins for action, pins in commits.items() if len(pins) > 1}
    assert not several, f"the workflows name different commits: {several}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_has_the_permissions_of_its_jobs_alone(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}, f"{path.name}: permissions are given to a job, with a reason"
    for name, job in workflow["jobs"].items():
        writes = {right for right, level in job["permissions"].items() if level == "write"}
        assert writes == ({"pages", "id-token"} if name == "deploy" else set()), f"{path.name}, job {name}"


def test_only_main_is_published_and_only_once_it_passes() -> None:
    workflow = load(ROOT / ".github" / "workflows" / "publish.yml")
    assert workflow[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}  # YAML reads `on` as true
    jobs = workflow["jobs"]
    assert (jobs["build"]["needs"], jobs["deploy"]["needs"]) == ("test", "build")
    assert jobs["build"]["if"] == "github.ref == 'refs/heads/main'"


def test_commands_of_the_workflows_are_there() -> None:
    for path in WORKFLOWS:
        for command in re.findall(r"(?:\.ci|tests)/\w[\w.-]*", path.read_text()):
            assert (ROOT / command).is_file(), f"{path.name} runs {command}"


def test_form_for_wrong_facts_names_the_sources() -> None:
    form = load(ROOT / ".github" / "ISSUE_TEMPLATE" / "wrong_fact.yml")
    (options,) = [field["attributes"]["options"] for field in form["body"] if field.get("id") == "source"]
    names = [row[0] for row in FACTS["sources"].values()]
    assert options[: len(names)] == names, f"wrong_fact.yml: the sources of tests/facts.toml come first: {names}"


def test_hooks_run_what_ci_runs() -> None:
    """A hook knows no check of its own: what passes here passes there, with the same program."""
    run = (ROOT / ".ci" / "run").read_text()
    (local,) = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local", "the hooks fetch nothing"
    for hook in local["hooks"]:
        program = hook["entry"].split()[0]
        assert program in {*run.split(), ".venv/bin/pytest"}, f"{hook['id']}: .ci/run does not use {program}"


def test_files_follow_the_editorconfig() -> None:
    git = shutil.which("git") or "false"
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone: git does not know the files")
    problems = []
    for name in listed.stdout.decode().rstrip("\0").split("\0"):
        path = ROOT / name
        if path.suffix in UNTOUCHED or not path.is_file():
            continue
        text = path.read_bytes().decode("utf-8")
        if text and not text.endswith("\n"):
            problems.append(f"{name}: no newline at the end")
        problems += [
            f"{name}:{number}: spaces, a tab or a carriage return at the end"
            for number, line in enumerate(text.split("\n"), 1)
            if line != line.rstrip(" \t\r")
        ]
    assert not problems, "\n".join(problems)
