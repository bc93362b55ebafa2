"""The table `[tool.docs_runner]` of `pyproject.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What a project tells the plugin.

    Attributes:
        root: The folder with `pyproject.toml`, `mkdocs.yml` and `docs/`.
        targets: The names of the targets that each page is walked for, unless its front matter says `run_on`.
        checked_elsewhere: Patterns of files that a page may show because a test of their own checks them.
        reader_folder: What a page shows as the reader's folder where a program prints a path.
        tools: Programs that a shell block may need and a machine may lack, each with a path that it needs after a
            colon, if any. Where one is missing, its blocks are skipped by name.
        vocabulary: Patterns of files whose names and values may stand in code font in a page.
        names: Further names for code font, each with what it is.
    """

    root: Path
    targets: tuple[str, ...] = ()
    checked_elsewhere: tuple[str, ...] = ()
    reader_folder: str = "/home/you"
    tools: tuple[str, ...] = ()
    vocabulary: tuple[str, ...] = ()
    names: dict[str, str] = field(default_factory=dict)


@cache
def read_settings(root: Path) -> Settings:
    project: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    table: dict[str, Any] = project.get("tool", {}).get("docs_runner", {})
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    return Settings(root, **values)
