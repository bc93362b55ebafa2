"""What holds for every page: a description, unique headings, and codes with the messages of the sources."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from docs_runner.build import page_files
from docs_runner.names import spans
from docs_runner.page import Page
from docs_runner.settings import read_settings
from facts import FACTS, ROOT, all_codes, meanings
from tables import GUIDES

PAGES = [Page(ROOT, path) for path in page_files(ROOT) if "tables" not in path.parts]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_the_page_is_described(page: Page) -> None:
    description = str(page.front_matter.get("description", ""))
    assert 50 <= len(description) <= 175, f"{page.path}:1: a description of {len(description)} characters"


def test_headings_are_unique_on_the_site() -> None:
    found = defaultdict(list)
    for page in PAGES:
        for _, number, line in page.prose():
            if match := re.fullmatch(r"#+ (.+?)(?: \{.*\})?", line):
                found[match[1].replace("`", "").casefold()].append(f"{page.path}:{number}")
    assert not (twice := [places for places in found.values() if len(places) > 1]), twice


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_codes_have_their_messages(page: Page) -> None:
    """In a heading or a row of a table, a code of three digits comes with a message that a source gives for it."""
    for file, number, line in page.prose():
        where = f"{file}:{number}"
        heading = re.match(r"#+ Error `(\d{3})`: (.+?) \{ #error-\1 \}$", line)
        if titled := heading or re.match(r"\| \[?`(\d{3})`[^`]*`([^`]+)`", line):
            known = [message for message, _ in meanings(titled[1])]
            assert titled[2] in known, f"{where}: error {titled[1]} is {' or '.join(known)}, not {titled[2]}"
        for label, target in re.findall(r"\[([^\]]*)\]\([^)]*#error-(\d{3})\)", line):
            named = re.findall(r"\b\d{3}\b", label)
            assert named in ([], [target]), f"{where}: the link says {named}, and leads to {target}"
        for named in re.findall(r"[Ee]rror `(\d{3})`", line):
            assert named in all_codes(), f"{where}: no source lists error {named}"


def test_every_code_has_a_place_on_the_page_about_errors() -> None:
    page = (ROOT / "docs" / "callback-types" / "errors.md").read_text(encoding="utf-8")
    sections = re.findall(r"^#+ Error `(\d{3})`: .*\{ #error-\1 \}$", page, re.MULTILINE)
    documented = {path.stem.removeprefix("error-") for path in (ROOT / "docs" / "xml").glob("error-*.xml")}
    known = {*FACTS["errors_of_this_call"], *FACTS["sample_errors"], *FACTS["user_guide_lists"]["any_call"]}
    sourced = {*FACTS["user_guide_errors"], *FACTS["user_guide_lists"]["undefined"]}
    assert not sourced & FACTS["sample_errors"].keys(), "tests/facts.toml: a source lists this code"
    for code in known | documented | {*sections}:
        places = {
            "errors_of_this_call, any_call or sample_errors": code in known,
            "docs/xml": code in documented,
            "a section": code in sections,
        }
        assert all(places.values()), f"docs/callback-types/errors.md:1: error {code} isn't everywhere: {places}"


@pytest.mark.parametrize(("call", "guide"), GUIDES.items())
def test_each_error_of_a_call_has_advice(call: str, guide: str) -> None:
    """The table of all error codes links to these lists."""
    page = (ROOT / "docs" / "guides" / f"{guide}.md").read_text(encoding="utf-8")
    listed = re.findall(r"^- \*\*(`.*`):\*\*", page, re.MULTILINE)
    errors = set(FACTS["errors_of_other_calls"][call])
    assert set(re.findall(r"`(\d{3})`", " ".join(listed))) == errors, f"docs/guides/{guide}.md:1: advice for {call}"


def test_the_list_of_further_names_is_not_stale() -> None:
    used = {code for page in PAGES for _, _, line in page.prose() for code in spans(line)}
    words = {word for code in used for word in re.findall(r"\w+", code)}
    stale = [name for name in read_settings(ROOT).names if name not in used and name not in words]
    assert not stale, f"pyproject.toml: no page needs {stale}"
