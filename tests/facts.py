"""What the sources say (`facts.toml`), and where the files of this project are."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
XML = ROOT / "docs" / "xml"
SNIPPETS = ROOT / "snippets"
DOWNLOADS = ROOT / "docs" / "downloads"
FACTS: dict[str, Any] = tomllib.loads((ROOT / "tests" / "facts.toml").read_text(encoding="utf-8"))


def meanings(code: str) -> list[tuple[str, str]]:
    """Return what each source says about an error code: pairs of message and sources. No message: only listed."""
    guide = FACTS["user_guide_errors"].get(code)
    specified = FACTS["errors_of_this_call"].get(code, [None])[0]
    if specified and specified == guide:
        return [(specified, "Specification, User Guide")]
    pairs = [(specified, "Specification"), (guide, "User Guide"), (FACTS["sample_errors"].get(code), "Sample data")]
    return [(message, source) for message, source in pairs if message] or [("", "User Guide, in a list of errors")]


def all_codes() -> list[str]:
    listed = FACTS["errors_of_this_call"], FACTS["user_guide_errors"], FACTS["sample_errors"]
    return sorted({*FACTS["user_guide_lists"]["undefined"], *(code for codes in listed for code in codes)})
