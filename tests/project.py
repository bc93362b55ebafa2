"""What the tests know of this project: where things are, and what the sources say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from lxml import etree

from harness.site import Fence, Site

ROOT = Path(__file__).resolve().parent.parent
XML = ROOT / "docs" / "xml"
SNIPPETS = ROOT / "snippets"
SOURCE = Site(ROOT, ROOT / "site")
"""The site as its source stands: for what has to be known before the build."""

CONTENT_SECURITY_POLICY = re.findall(
    r'add_header Content-Security-Policy "([^"]*)"', (SNIPPETS / "nginx.conf").read_text()
)[0]
"""What the host sends with each answer: of scripts within a page, the theme's four alone, by their hashes."""

DEFAULT_SITE_URL = "http://127.0.0.1:8000/"
FACTS: dict[str, Any] = tomllib.loads((ROOT / "tests" / "facts.toml").read_text())
ERROR_CODES = sorted(path.stem.removeprefix("error-") for path in XML.glob("error-*.xml"))


class Meaning(NamedTuple):
    """What a source says about an error code; the message is None where it lists the code and does not define it."""

    sources: str
    message: str | None
    description: str


def meanings(code: str) -> list[Meaning]:
    """What each source says about a code, in one entry where they agree."""
    guide = FACTS["user_guide"]["codes"].get(code)
    specified, description, _ = FACTS["specification"].get(code, (None, "", ""))
    if specified is None and guide is None:
        return [Meaning("User Guide, in a list of errors", None, "")]
    if specified == guide:
        return [Meaning("Specification, User Guide", guide, description)]
    found = [Meaning("Specification", specified, description), Meaning("User Guide", guide, "")]
    return [meaning for meaning in found if meaning.message]


FENCES: list[tuple[Fence, str, int]] = [
    (fence, page.path.as_posix(), index) for page in SOURCE.pages for index, fence in enumerate(page.fences)
]
"""Each code block of the source, with its page and its place on it."""


def structure(document: bytes | str) -> object:
    """A document as nested tuples of tag, text and children: equal where the documents mean the same."""

    def of(element: etree._Element) -> object:
        children = [of(child) for child in element if isinstance(child.tag, str)]
        return (element.tag, (element.text or "").strip(), children)

    return of(etree.fromstring(document.encode() if isinstance(document, str) else document))
