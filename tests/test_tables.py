"""The tables that the pages include are those that the sources, schemas and programs give today."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from facts import ROOT
from tables import TABLES, checker_facts


@pytest.mark.parametrize("name", TABLES)
def test_the_table_is_up_to_date(name: str, update: Callable[[Path, str], None]) -> None:
    update(ROOT / "docs" / "tables" / f"{name}.md", TABLES[name]())


def test_the_checker_knows_the_same_facts(update: Callable[[Path, str], None]) -> None:
    update(ROOT / "docs" / "assets" / "checker" / "facts.json", checker_facts())


def test_every_table_is_included_by_a_page() -> None:
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    for name in TABLES:
        assert f'--8<-- "docs/tables/{name}.md"' in pages, f"tests/tables.py: no page includes {name}"
