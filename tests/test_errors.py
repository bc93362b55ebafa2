"""The page of errors: each error has a section with all its parts, and each part is about that error."""

from __future__ import annotations

import re

import pytest

from project import ERROR_CODES, FACTS, ROOT, SNIPPETS, XML, structure

PAGE = ROOT / "docs" / "callback-types" / "errors.md"
PARTS = ["What you see", "Why:", "What to do:", "Retry:", "Provoke it:", "Handle it"]


def sections() -> dict[str, str]:
    """Anchor to text of each section of the page that is about one error."""
    parts = re.split(r"^## (.*)$", PAGE.read_text(), flags=re.MULTILINE)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        if anchor := re.search(r"\{ #error-(\d{3}) \}", heading):
            found[anchor[1]] = f"{heading}\n{text}"
    return found


def test_every_error_document_has_its_section_and_no_other() -> None:
    assert sorted(sections()) == ERROR_CODES


def message_of(code: str) -> str:
    """The text of the specification, or of the User Guide where the specification has none."""
    message: str = FACTS["specification"].get(code, [FACTS["user_guide"]["codes"].get(code)])[0]
    return message


def answer(action: str, *codes: str) -> object:
    pairs: tuple[list[object], list[object]] = (
        [("Error", code, []) for code in codes],
        [("Description", message_of(code), []) for code in codes],
    )
    failures = [part for pair in zip(*pairs, strict=True) for part in pair]
    return ("CLICKATELLSDK", "", [("Action", action, []), ("Result", "Error", []), *failures])


@pytest.mark.parametrize("code", ERROR_CODES)
def test_document(code: str) -> None:
    assert structure((XML / f"error-{code}.xml").read_bytes()) == answer("get_list_callback", code)


def test_document_of_several_errors() -> None:
    assert structure((XML / "several-errors.xml").read_bytes()) == answer("authenticate_user", "431", "432")


@pytest.mark.parametrize("code", ERROR_CODES)
def test_section(code: str) -> None:
    text = sections()[code]
    assert text.startswith(f"`{code}` {message_of(code)} {{ #error-{code} }}\n"), f"heading of error {code}"
    assert re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE) == PARTS, f"parts of error {code}"
    for include in (f"docs/xml/error-{code}.xml", f"snippets/error_{code}.py", f"snippets/error_{code}.out"):
        assert f'--8<-- "{include}"' in text, f"the section of error {code} does not show {include}"
    assert f"export CONNECT_API_TOKEN=error-{code}.xml" in text, f"error {code} is not provoked"
    retry = re.search(r"^\*\*Retry:\*\* (yes|no|\*not specified\*)", text, re.MULTILINE)
    assert retry, f"whether to retry error {code} is not said"


@pytest.mark.parametrize("code", ERROR_CODES)
def test_each_program_handles_its_own_code(code: str) -> None:
    assert f'"{code}"' in (SNIPPETS / f"error_{code}.py").read_text()
    others = [other for other in ERROR_CODES if other != code]
    assert not [other for other in others if f'"{other}"' in (SNIPPETS / f"error_{code}.py").read_text()]
