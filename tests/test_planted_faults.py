"""The guard is guarded: a fault of each kind, planted in a small site or in a copy of this one, is found by line."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mutate
from harness.run import clean_environment, run_python
from harness.site import Page, Problem, Site, scan_spans
from project import ROOT, SOURCE, XML
from reader import difference
from test_blocks import not_as_written, unowned
from test_inline_code import bare_facts, unresolved, wrong_numbers
from test_tables import Rows, problems_of_tables

CONFIG = """
site_name: Small
strict: true
validation: {links: {anchors: warn}}
theme: {name: null, custom_dir: theme}
plugins: []
markdown_extensions:
  - tables
  - pymdownx.highlight: {pygments_lang_class: true}
  - pymdownx.superfences
  - pymdownx.snippets: {base_path: ["."], check_paths: true}
"""
PAGE = """# Small

A [link](#table) to the table, and `known` code, `42` times.

## Table

| Name | Value |
| --- | --- |
| answer | 42 |

```python title="program.py"
--8<-- "snippets/program.py"
```

```text title="Output"
--8<-- "snippets/program.out"
```
"""


class Small:
    """A small site without a fault, in which a fault can be planted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "docs").mkdir()
        (root / "snippets").mkdir()
        (root / "theme").mkdir()
        (root / "theme" / "main.html").write_text("<html><body><article>{{ page.content }}</article></body></html>")
        (root / "mkdocs.yml").write_text(CONFIG)
        (root / "docs" / "index.md").write_text(PAGE)
        (root / "snippets" / "program.py").write_text("print(40 + 2)\n")
        (root / "snippets" / "program.out").write_text("42\n")

    def plant(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        path.write_text(text.replace(old, new))

    def build(self) -> Page:
        site = Site(self.root, self.root / "site")
        ended = site.build()
        assert ended.returncode == 0, ended.stderr
        return site.page("docs/index.md")


@pytest.fixture
def small(tmp_path: Path) -> Small:
    return Small(tmp_path)


def blocks_without_owner(page: Page) -> list[Problem]:
    return unowned(page)


def blocks_not_as_written(page: Page) -> list[Problem]:
    return not_as_written(page.blocks(), page.site.root)


def outputs_that_differ(page: Page) -> list[str]:
    program, output = page.blocks()
    root = page.site.root
    printed = run_python(program.text, "program.py", root, clean_environment(root)).rstrip("\n")
    message = difference(output.text, printed, output.fence)
    return [message] if message else []


def tables_that_differ(page: Page) -> list[Problem]:
    owners: dict[tuple[str, str], Callable[[], Rows]] = {
        ("docs/index.md", "table"): lambda: [("Name", "Value"), ("answer", "42")]
    }
    return problems_of_tables(page, owners)


def prose(page: Page) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in page.prose() if not line.startswith("|"))


def names_that_do_not_resolve(page: Page) -> list[Problem]:
    return unresolved(scan_spans(page.path, prose(page)), {"known"}, {})


def numbers_that_are_wrong(page: Page) -> list[Problem]:
    ledger = {"42": {"is": "answer", "times": 1}}
    return wrong_numbers("docs/index.md", scan_spans(page.path, prose(page)), ledger, {"answer": {"42"}})


def facts_without_code(page: Page) -> list[Problem]:
    return bare_facts(prose(page), page.path, set(), {})


Check = Callable[[Page], "list[Problem] | list[str]"]
CHECKS: list[Check] = [
    blocks_without_owner,
    blocks_not_as_written,
    outputs_that_differ,
    tables_that_differ,
    names_that_do_not_resolve,
    numbers_that_are_wrong,
    facts_without_code,
]


def test_small_site_has_no_fault(small: Small) -> None:
    page = small.build()
    for check in CHECKS:
        assert check(page) == []


PAGE_FAULTS: dict[str, tuple[str, str, str, Check, str]] = {
    "block of no owner": (
        "docs/index.md",
        "## Table",
        "```yaml\na: 1\n```\n\n## Table",
        blocks_without_owner,
        ":5: no test",
    ),
    "other language": (
        "docs/index.md",
        "```python title",
        "```text title",
        blocks_without_owner,
        ":11: the language of",
    ),
    "output of nothing": (
        "docs/index.md",
        "## Table",
        '## Table\n\n```text title="Output"\n1\n```\n',
        blocks_without_owner,
        ":7: this output",
    ),
    "other title": (
        "docs/index.md",
        'title="program.py"',
        'title="other.py"',
        blocks_without_owner,
        ":11: the title is other.py",
    ),
    "empty include": ("snippets/program.out", "42\n", "", blocks_not_as_written, ":15: this block is empty"),
    "wrong output": (
        "snippets/program.out",
        "42",
        "43",
        outputs_that_differ,
        ":15: this block (from snippets/program.out)",
    ),
    "wrong program": ("snippets/program.py", "2", "3", outputs_that_differ, "+43"),
    "wrong cell": (
        "docs/index.md",
        "| answer | 42 |",
        "| answer | 43 |",
        tables_that_differ,
        ":9: '43' should be '42'",
    ),
    "wrong header": ("docs/index.md", "| Name |", "| Names |", tables_that_differ, ":7: 'Names' should be 'Name'"),
    "row too many": ("docs/index.md", "| 42 |", "| 42 |\n| more | 1 |", tables_that_differ, ":10: nothing is known"),
    "row missing": ("docs/index.md", "\n| answer | 42 |", "", tables_that_differ, ":9: '' should be 'answer'"),
    "table of no owner": ("docs/index.md", "## Table", "## Table\n\n## Others", tables_that_differ, "no test owns"),
    "unknown name": ("docs/index.md", "`known`", "`unknown`", names_that_do_not_resolve, ":3: `unknown` names nothing"),
    "wrong number": ("docs/index.md", "`42`", "`43`", numbers_that_are_wrong, ":3: `43` is not in"),
    "number too often": (
        "docs/index.md",
        "`42` times",
        "`42` times `42`",
        numbers_that_are_wrong,
        ":3: `42` stands here 2",
    ),
    "bare number": ("docs/index.md", "A [link]", "7 [link]", facts_without_code, ":3: '7' is a fact"),
    "number in words": ("docs/index.md", "A [link]", "Seven [link]", facts_without_code, ":3: 'Seven' is a fact"),
    "bare identifier": ("docs/index.md", "A [link]", "a_name [link]", facts_without_code, ":3: 'a_name' is a fact"),
}


@pytest.mark.parametrize("name", PAGE_FAULTS)
def test_fault_is_found_with_page_and_line(name: str, small: Small) -> None:
    file, old, new, check, message = PAGE_FAULTS[name]
    if name in (
        "wrong number",
        "number too often",
        "bare number",
        "number in words",
        "bare identifier",
        "unknown name",
    ):
        small.plant(file, old, new)
        page = Site(small.root, small.root / "site").page("docs/index.md")  # these are read from the source alone
    else:
        small.plant(file, old, new)
        page = small.build()
    found = "\n".join(map(str, check(page)))
    assert message in found
    assert "docs/index.md:" in found


BUILD_FAULTS = {
    "dead anchor": ("docs/index.md", "(#table)", "(#tables)", "#tables"),
    "dead link": ("docs/index.md", "(#table)", "(other.md)", "other.md"),
    "missing include": ("docs/index.md", "snippets/program.out", "snippets/programs.out", "programs.out"),
}


@pytest.mark.parametrize("name", BUILD_FAULTS)
def test_fault_fails_the_build(name: str, small: Small) -> None:
    file, old, new, message = BUILD_FAULTS[name]
    small.plant(file, old, new)
    ended = Site(small.root, small.root / "site").build()
    assert ended.returncode != 0
    assert message in ended.stderr


REAL_FAULTS = [
    # file, text, replacement, and what the failure has to name
    (
        "docs/callback-types/errors.md",
        "| [`007`](#error-007)",
        "| [`006`](#error-007)",
        r"errors\.md:{}: '006' should be '007'",
    ),
    (
        "snippets/list_callback_types.out",
        "0 HTTP GET",
        "0 HTTP GETS",
        r"index\.md:\d+: this block \(from snippets/list_callback_types\.out\)",
    ),
    (
        "docs/callback-types/resource.md",
        "`HTTP POST`.",
        "`HTTP POSTS`.",
        r"resource\.md:{}: `HTTP POSTS` names nothing",
    ),
    ("docs/callback-types/endpoint.md", "`32` hexadecimal", "`33` hexadecimal", r"endpoint\.md:{}: `33` is not in"),
]


def test_faults_in_this_site_are_found(tmp_path: Path) -> None:
    """The whole way: a copy of this project with faults, its own tests, and a failure for each, by page and line."""
    copy = tmp_path / "copy"
    shutil.copytree(
        ROOT,
        copy,
        symlinks=True,
        ignore=shutil.ignore_patterns(".*_cache", ".git", ".venv", "build", "site", "node_modules"),
    )
    expected = []
    for file, old, new, message in REAL_FAULTS:
        text = (copy / file).read_text()
        assert old in text, f"{old!r} is not in {file}: plant another fault"
        (copy / file).write_text(text.replace(old, new, 1))
        line = text[: text.index(old)].count("\n") + 1
        expected.append(message.format(line))
    tests = ["tests/test_tables.py", "tests/test_inline_code.py", "tests/test_blocks.py"]
    chosen = "errors.md or resource.md or endpoint.md or index.md"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *tests],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stdout
    missed = [message for message in expected if not re.search(message, ended.stdout)]
    assert not missed, f"not found: {missed}\n{ended.stdout}"


def test_outputs_are_not_written_in_ci(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--update-outputs", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        command, cwd=ROOT, env=clean_environment(tmp_path, CI="true"), capture_output=True, text=True, check=False
    )
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert "does not run in CI" in ended.stderr


def test_mutations_reach_every_fact() -> None:
    """The script that changes one fact at a time finds some in each page and document, those in folders too."""
    found = {mutant.path for mutant in mutate.mutants(random.Random(1)) if mutant}  # noqa: S311 (a sample, no secret)
    wanted = {page.path for page in SOURCE.pages} | {path.relative_to(ROOT) for path in XML.rglob("*.x*")}
    wanted |= {Path("docs/assets/journey.svg"), Path("snippets/callback.xml")}
    assert not wanted - found, f"tests/mutate.py changes nothing in {wanted - found}"
