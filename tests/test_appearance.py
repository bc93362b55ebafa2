"""What the site shows of itself: its mark, its card in links, its page for addresses that it does not have."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from lxml import etree, html
from playwright.sync_api import Browser

from harness.browser import style_of, visit
from harness.site import Page, Site
from project import DEFAULT_SITE_URL, FACTS, ROOT, SNIPPETS, SOURCE


def head(page: Page, site: Site) -> dict[str, str]:
    built: html.HtmlElement = html.fromstring(site.page(page.path.as_posix()).html_path.read_text())
    return {
        meta.get("property") or meta.get("name"): meta.get("content") for meta in built.iterfind(".//meta[@content]")
    }


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_a_link_to_a_page_shows_what_it_is(page: Page, site: Site) -> None:
    shown = head(page, site)
    assert shown["og:description"] == shown["description"], f"{page.path}: two descriptions"
    assert shown["og:url"] == DEFAULT_SITE_URL + page.url, page.path
    assert shown["og:title"], f"{page.path} has no title for links"


def test_the_card_has_the_size_that_links_show(site: Site) -> None:
    shown = head(site.page("docs/index.md"), site)
    card = site.output / shown["og:image"].removeprefix(DEFAULT_SITE_URL)
    width, height = struct.unpack(">II", card.read_bytes()[16:24])
    assert (width, height) == (1200, 630)
    assert card.stat().st_size < 100_000


def test_the_card_says_what_the_site_says() -> None:
    card = etree.parse(ROOT / "docs" / "assets" / "social-card.svg").getroot()
    told = ["".join(str(part) for part in text.itertext()) for text in card.iter("{http://www.w3.org/2000/svg}text")]
    config = (ROOT / "mkdocs.yml").read_text()
    name, call, *lead, program, first, last, owner = told
    assert f"site_name: {name}\n" in config
    assert call == FACTS["endpoint"]["rows"][0][1]
    assert lead == FACTS["appearance"]["lead"], "docs/assets/social-card.svg: other words than its facts"
    assert program in (SNIPPETS / "list_callback_types.py").read_text()
    assert [first, last] == (SNIPPETS / "list_callback_types.out").read_text().splitlines()
    assert owner in config


def test_the_page_for_unknown_addresses_leads_on(site: Site) -> None:
    page: html.HtmlElement = html.fromstring((site.output / "404.html").read_text())
    assert not page.xpath("//meta[@property='og:url']"), "404.html: a link to an unknown address shows another one"
    links = set(page.xpath("//article//a/@href"))
    assert len(links) > 3
    for link in links:
        path, _, anchor = link.removeprefix("/").partition("#")
        target = site.output / path / "index.html"
        assert target.is_file(), f"404.html leads to {link}, which is not there"
        assert not anchor or f'id="{anchor}"' in target.read_text(), f"404.html: no anchor {link}"
    for name in page.xpath("//article//code/text()"):
        assert (site.output / "xml" / name.removeprefix("xml/")).exists(), f"404.html names {name}, which is not there"


def test_forced_colours_leave_icons_and_the_current_page_visible(browser: Browser, hosted: str) -> None:
    """What is drawn as a mask over a ground vanishes where the ground gets the colour of the page."""
    with visit(browser, hosted + "quickstart/") as opened:
        opened.page.emulate_media(forced_colors="active")
        canvas = style_of(opened.page, "body", "", "backgroundColor")
        text = style_of(opened.page, "article", "", "color")
        colours = opened.page.evaluate(
            """() => ["ButtonText", "Highlight"].map((name) => {
              const sample = document.body.appendChild(document.createElement("i"));
              sample.style.color = name;
              return getComputedStyle(sample).color;
            })"""
        )
        for part, pseudo, colour in (
            (".md-code__button", "::after", colours[0]),
            (".admonition-title", "::before", colours[0]),
            (".tabbed-labels", "::before", colours[1]),
        ):
            ground = style_of(opened.page, f"article {part}", pseudo, "backgroundColor")
            kept = style_of(opened.page, f"article {part}", pseudo, "forcedColorAdjust")
            assert (kept, ground) == ("none", colour), f"{part}{pseudo} is {ground} on {canvas}"
            assert ground != canvas, f"{part}{pseudo} has the colour of the page"
        nav = ".md-nav--primary a"
        current = style_of(opened.page, f"{nav}.md-nav__link--active", "", "color")
        other = style_of(opened.page, f"{nav}[href$='endpoint/']", "", "color")
        assert current == colours[1], f"the current page is {current}"
        assert current not in (canvas, text, other), f"the current page is {current}, others are {other}"


@pytest.mark.parametrize("path", sorted((ROOT / "docs").rglob("*.css")), ids=lambda path: path.name)
def test_every_block_of_a_style_sheet_is_closed(path: Path) -> None:
    """A browser closes the last one itself: what follows it then counts for paper alone, or for phones."""
    depth = 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        assert not (depth and line.startswith(("/*", "@media"))), f"{path.name}:{number}: a block before this is open"
        depth += line.count("{") - line.count("}")
    assert depth == 0, f"{path.name}: a block is open at the end"
