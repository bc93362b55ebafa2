"""The search finds by what readers have in hand: a table of queries, and where the first result has to lead."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from harness.browser import SCHEMES, WIDTHS, Tools, axe_violations, choose, visit, wait_until
from project import ROOT

QUERIES: dict[str, str] = tomllib.loads((ROOT / "tests" / "queries.toml").read_text())
ANSWERED = "/ match|found|^No /.test(document.querySelector('.md-search-result__meta').textContent)"


@pytest.fixture(scope="module")
def search(browser: Browser, hosted: str) -> Iterator[Page]:
    """The home page with an open search."""
    with visit(browser, hosted) as opened:
        opened.page.get_by_role("textbox", name="Search").click()
        ready = "/Type to/.test(document.querySelector('.md-search-result__meta').textContent)"
        wait_until(opened.page, ready, "the search is ready")
        yield opened.page
        assert not opened.errors


def results(page: Page, query: str) -> list[list[str]]:
    """The addresses that the search shows for a query: a list for each page, of its own and its sections'."""
    box = page.get_by_role("textbox", name="Search")
    box.fill("")
    box.press("Backspace")
    wait_until(page, "!document.querySelector('.md-search-result__item')", "the old results have gone")
    box.fill(query[:-1])
    box.press_sequentially(query[-1])
    wait_until(page, f"{ANSWERED} && document.querySelector('.md-search-result__item')", f"{query!r} is found")
    previous: list[list[str]] = []
    while True:  # the theme shows results as they come
        shown: list[list[str]] = page.evaluate(
            """() => [...document.querySelectorAll(".md-search-result__item")].map(
                 (item) => [...item.querySelectorAll("a")].map((link) => link.href))"""
        )
        if shown == previous:
            break
        previous = shown
        page.wait_for_timeout(100)
    parts = [[urlsplit(address) for address in item] for item in shown]
    return [[f"{part.path[1:]}#{part.fragment}".rstrip("#") for part in item] for item in parts]


@pytest.mark.parametrize("query", QUERIES)
def test_the_first_result_is_what_the_reader_looks_for(query: str, search: Page) -> None:
    expected = QUERIES[query]
    found = results(search, query)
    pages = [item[0].partition("#")[0] for item in found]
    page, _, anchor = expected.partition("#")
    assert pages[0] == page, f"{query!r} leads to {pages}, and {page} should come first"
    sections = [address for address in found[0] if "#" in address]
    assert not anchor or sections[:1] == [expected], f"{query!r} leads to {sections}"


def test_a_result_leads_to_its_section(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted, width=390) as opened:
        opened.page.locator(".md-header__button[for=__search]").click()
        results(opened.page, "007")
        opened.page.locator(".md-search-result a[href*='#error-007']").first.click()
        opened.page.wait_for_url("**/callback-types/errors/#error-007")
        wait_until(opened.page, "scrollY > 0", "the section is shown")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_accessibility_rules_find_nothing_in_the_open_search(
    scheme: str, width: int, browser: Browser, hosted: str, tools: Tools
) -> None:
    with visit(browser, hosted) as opened:
        choose(opened.page, scheme, width)
        opened.page.locator(".md-header__button[for=__search]").evaluate("(label) => label.click()")
        results(opened.page, "captcha")
        violations = axe_violations(opened.page, tools.axe)
    assert not violations, "\n".join(violations)
