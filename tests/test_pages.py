"""The pages as a whole: they build without a warning, lead to each other, and say what each page has to say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from harness.site import Page, Site
from project import FACTS, ROOT, SOURCE

PATHS = [page.path.as_posix() for page in SOURCE.pages]
INDEPENDENT = ("independent, not affiliated with Clickatell", "never against the live service")


def front_matter(page: Page) -> dict[str, str]:
    text = "\n".join(page.lines)
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert match, f"{page.path}:1: this page has no front matter"
    found: dict[str, str] = yaml.safe_load(match[1])
    return found


def configuration() -> dict[str, Any]:
    text = re.sub(r"!ENV (\[.*\])", r"\1", (ROOT / "mkdocs.yml").read_text())
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def test_strict_build_validates_all_links() -> None:
    """The build of the fixture is strict; what it validates is set here and in no default."""
    config = configuration()
    assert config["strict"] is True
    assert set(config["validation"]["links"].values()) == {"warn"}
    assert set(config["validation"]["links"]) == {"not_found", "anchors", "absolute_links", "unrecognized_links"}


def test_snippets_of_no_file_fail_the_build() -> None:
    assert "check_paths: true" in (ROOT / "mkdocs.yml").read_text()


@pytest.mark.parametrize("path", PATHS)
def test_page_describes_itself(path: str, site: Site) -> None:
    description = front_matter(SOURCE.page(path))["description"]
    assert 50 <= len(description) <= 250, f"{path}:2: a description of {len(description)} characters"
    html = site.page(path).html_path.read_text()
    assert '<meta name="description"' in html


def test_descriptions_differ() -> None:
    descriptions = [front_matter(page)["description"] for page in SOURCE.pages]
    assert len(set(descriptions)) == len(descriptions)


@pytest.mark.parametrize("path", ["docs/index.md", "docs/how-tested.md"])
def test_independence_is_said_plainly(path: str, site: Site) -> None:
    text = " ".join(site.page(path).article.text_content().split())
    for words in INDEPENDENT:
        assert words.lower() in text.lower(), f"{path} does not say: {words}"


@pytest.mark.parametrize("path", PATHS)
def test_every_page_says_in_its_footer_whose_it_is(path: str, site: Site) -> None:
    html = " ".join(site.page(path).html_path.read_text().split())
    for words in INDEPENDENT:
        assert words.lower() in html.lower()


@pytest.mark.parametrize("path", PATHS)
def test_links_and_downloads_are_there(path: str, site: Site) -> None:
    """MkDocs validates links between pages; this follows those to files and to anchors in the built page."""
    page = site.page(path)
    for link in page.article.xpath(".//a[@href] | .//img[@src]"):
        target = urlsplit(link.get("href") or link.get("src"))
        assert not target.scheme, f"{path}: a link to another host: {target.geturl()}"
        file = (page.html_path.parent / target.path).resolve() if target.path else page.html_path
        if file.is_dir():
            file /= "index.html"
        assert file.is_file(), f"{path}: {target.geturl()} leads nowhere"
        if target.fragment:
            assert f'id="{target.fragment}"' in file.read_text(), f"{path}: no anchor {target.geturl()}"


def test_the_site_loads_nothing_from_elsewhere(site: Site) -> None:
    for path in site.output.rglob("*.html"):
        for address in re.findall(
            r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?([^\" >]+)", path.read_text()
        ):
            if "canonical" not in address and re.match(r"(https?:)?//", address):
                assert address.startswith("http://127.0.0.1:8000/"), f"{path.name} loads {address}"


def test_the_navigation_has_every_page_once_and_nothing_else() -> None:
    sections: list[dict[str, list[dict[str, str]]]] = configuration()["nav"]
    pages = [page for section in sections for pages in section.values() for page in pages]
    entries = [f"docs/{path}" for page in pages for path in page.values()]
    twice = {path for path in entries if entries.count(path) > 1}
    assert not twice, f"mkdocs.yml: nav names twice {sorted(twice)}"
    assert not set(PATHS) - set(entries), f"mkdocs.yml: nav lacks {sorted(set(PATHS) - set(entries))}"
    assert not set(entries) - set(PATHS), f"mkdocs.yml: nav leads to no page: {sorted(set(entries) - set(PATHS))}"


def test_sources_are_named_as_in_their_table() -> None:
    names = {row[0] for row in FACTS["sources"].values()}
    assert len(names) == 5


def test_public_downloads_are_links_to_the_snippets() -> None:
    for path in (ROOT / "docs" / "downloads").iterdir():
        assert path.resolve().parent == ROOT / "snippets", f"{path.relative_to(ROOT)} is a copy"
    assert Path("docs/downloads/connect_api.py").name in {path.name for path in (ROOT / "docs" / "downloads").iterdir()}


@pytest.mark.parametrize("path", PATHS)
def test_a_link_names_what_it_leads_to(path: str, site: Site) -> None:
    """Where the text of a link is a file or the id of a discrepancy, the link leads to that one and to no other."""
    for link in site.page(path).article.xpath(".//a[@href][code]"):
        text, target = link.text_content(), urlsplit(link.get("href"))
        name = Path(target.path).name
        if Path(text).suffix in {".xml", ".xsd", ".py", ".json"}:
            assert text == name, f"{path}: the link {text!r} leads to {name}"
        if re.fullmatch(r"D\d+", text):
            assert text.lower() == target.fragment, f"{path}: the link {text!r} leads to #{target.fragment}"


HOSTS = {"example.com", "docs.example.com", "connect.clickatell.com"}
"""The hosts that pages and programs may name: those for examples, and the one of the service."""


def test_examples_name_no_host_of_others() -> None:
    for path in [*(ROOT / "snippets").iterdir(), *(ROOT / "docs").rglob("*.md")]:
        for number, line in enumerate(path.read_text().splitlines() if path.is_file() else [], 1):
            for host in re.findall(r"\b(?:[\w-]+\.)+(?:com|org|net|io)\b", line):
                assert host in HOSTS, f"{path.relative_to(ROOT)}:{number}: {host} is a host of somebody else"
