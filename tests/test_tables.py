"""The tables that the pages include are those that the sources, schemas and programs give today."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from facts import ROOT
from tables import TABLES, checker_facts

FILES = {f"docs/tables/{name}.md": text for name, text in TABLES.items()}
FILES["docs/assets/checker/facts.json"] = checker_facts


@pytest.mark.parametrize("name", FILES)
def test_the_file_is_up_to_date(name: str, update: Callable[[Path, str], None]) -> None:
    update(ROOT / name, FILES[name]())


def test_the_pages_include_the_tables() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    assert {*re.findall(r'--8<-- "docs/tables/(\S+)\.md"', pages)} == {*TABLES}, "TABLES in tests/tables.py has others"
