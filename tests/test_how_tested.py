"""The page for those who do the same: its picture, and a harness that knows nothing of this API."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest
from lxml import etree
from playwright.sync_api import Browser

import connect_api
import mock_server
import receive_callbacks
from harness.browser import WIDTHS, visit
from harness.site import Site
from project import FACTS, ROOT, SNIPPETS, XML

HARNESS = sorted((ROOT / "tests" / "harness").glob("*.py"))
LIBRARIES = {"harness", "lxml", "playwright", "pytest", "mkdocs"}
SIZE = 1200
"""Lines of the harness, all files together: who takes it has to be able to read it."""


def words_of_the_api() -> set[str]:
    """The names that only this API has: those of its elements, of its programs, and of their public parts."""
    found = {"clickatell", "callback", "connect api", "sms", "handset"}
    found |= {path.stem for path in SNIPPETS.iterdir() if "_" in path.stem}
    for module in (connect_api, mock_server, receive_callbacks):
        found |= set(module.__all__)
    for path in XML.rglob("*.xml"):
        found |= {element.tag for element in etree.parse(path).iter() if isinstance(element.tag, str)}
    general = {"Values", "Value", "Error", "Action", "Result", "Description", "action", "user", "password"}
    return {word.lower() for word in found - general}


@pytest.mark.parametrize("path", HARNESS, ids=lambda path: path.name)
def test_the_harness_has_no_word_of_this_api(path: Path) -> None:
    words = words_of_the_api()
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = [word for word in words if re.search(rf"\b{re.escape(word)}\b", line.lower())]
        assert not found, f"tests/harness/{path.name}:{number}: {found} belongs to this API, not to the harness"


@pytest.mark.parametrize("path", HARNESS, ids=lambda path: path.name)
def test_the_harness_imports_nothing_of_this_project(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        own = {name.split(".")[0] for name in names} - LIBRARIES - sys.stdlib_module_names
        assert not own, f"tests/harness/{path.name}:{getattr(node, 'lineno', 1)}: imports {own} of this project"


def test_the_harness_is_small() -> None:
    lines = sum(len(path.read_text().splitlines()) for path in HARNESS)
    assert lines <= SIZE, f"tests/harness/ has {lines} lines: what of it belongs to this API or is not needed?"


def test_the_picture_has_a_text_and_shows_what_is_there(site: Site) -> None:
    (picture,) = site.page("docs/how-tested.md").article.xpath(".//figure[contains(@class, 'machinery')]/svg")
    assert picture.get("role") == "img"
    labels = picture.get("aria-labelledby").split()
    assert [element.tag for label in labels for element in picture.xpath(f".//*[@id='{label}']")] == ["title", "desc"]
    (text,) = picture.xpath("./desc/text()")
    names = picture.xpath(".//text[contains(@class, 'journey-name')]/text()")
    missing = [name for name in names if name.lower() not in text.lower() and name != "What is verified"]
    assert not missing, f"docs/assets/machinery.svg: the text for those who do not see the picture lacks {missing}"
    assert "What is verified" in (ROOT / "mkdocs.yml").read_text()
    told = [text.strip() for text in picture.xpath("./title/text() | ./desc/text() | .//text/text()")]
    told += picture.xpath("../figcaption/text()")
    assert told == FACTS["how_tested"]["picture"]["words"], "docs/assets/machinery.svg: other words than its facts"
    for colour in re.findall(r"(?:fill|stroke)=|#[0-9a-f]{3,6}", (ROOT / "docs/assets/machinery.svg").read_text()):
        pytest.fail(f"docs/assets/machinery.svg: {colour} is one colour for both schemes: use a class of extra.css")


PARTS = {"Parts of each page": "site.py", "Mutants": "mutants.py", "Report": "report.py"}
"""What a box with a thick line shows, and the file of the harness that does it."""


def test_the_picture_marks_what_is_the_harness(site: Site) -> None:
    (picture,) = site.page("docs/how-tested.md").article.xpath(".//figure[contains(@class, 'machinery')]/svg")
    marked = picture.xpath(".//rect[contains(@class, 'machinery-harness')]/following-sibling::text[1]/text()")
    assert set(marked) == set(PARTS), "docs/assets/machinery.svg: the thick lines are those of the harness"
    assert set(PARTS.values()) <= {path.name for path in HARNESS}


@pytest.mark.parametrize("width", WIDTHS)
def test_the_picture_stays_legible(width: int, browser: Browser, hosted: str) -> None:
    """Its smallest words stay near the size that they are drawn at: on a phone, the picture scrolls instead."""
    with visit(browser, f"{hosted}how-tested/", width=width) as opened:
        scale = opened.page.locator(".machinery svg").evaluate("svg => svg.getBoundingClientRect().width / 790")
        assert scale > 0.8, f"at {width} pixels, the words of docs/assets/machinery.svg are shrunk to {scale:.2f}"
        wide = opened.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"the page is {wide} pixels wide: the picture scrolls within its frame"


def test_the_client_keeps_no_white_space_between_elements() -> None:
    """Why it needs less memory than a plain parse of the same answer: the page says so below its figures."""
    body = (XML / "response.xml").read_bytes()

    def between(parser: etree.XMLParser | None) -> list[str]:
        tails = [element.tail for element in etree.fromstring(body, parser).iter()]
        return [tail for tail in tails if tail is not None]

    assert between(None)
    assert not between(connect_api._PARSER)
