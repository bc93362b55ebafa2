"""Every page in a real browser, as the host sends it: clean in both palettes, on a laptop and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page

from harness.browser import SCHEMES, WIDTHS, Tools, Visit, axe_violations, choose, visit, wait_until
from project import ERROR_CODES, SOURCE

ADDRESSES = [*(page.url for page in SOURCE.pages), "404.html"]
MOVED = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => resolve(list.getEntries().map(
    (shift) => [shift.value, shift.sources.map((source) => source.node?.outerHTML?.slice(0, 100))])
  )).observe({ type: "layout-shift", buffered: true });
  setTimeout(resolve, 50, []);
}).then((shifts) => { window.shifts = shifts; })"""
"""Keep what has changed its place since the page was opened, before a test resizes it."""


@pytest.fixture(scope="module", params=ADDRESSES, ids=lambda address: address or "home")
def opened(request: pytest.FixtureRequest, browser: Browser, hosted: str) -> Iterator[Visit]:
    """A page that is loaded once and looked at by several tests; each leaves it light and wide."""
    with visit(browser, hosted + request.param) as opened:
        opened.page.evaluate(MOVED)
        yield opened


def name(page: Page) -> str:
    return urlsplit(page.url).path


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_accessibility_rules_find_nothing(scheme: str, width: int, opened: Visit, tools: Tools) -> None:
    choose(opened.page, scheme, width)
    violations = axe_violations(opened.page, tools.axe)
    choose(opened.page, "light", 1280)
    assert not violations, f"{name(opened.page)}, {scheme}, {width} px wide:\n" + "\n".join(violations)


def test_a_phone_scrolls_code_and_tables_within_themselves(opened: Visit) -> None:
    opened.page.set_viewport_size({"width": 390, "height": 844})
    wide = opened.page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll("article *")]
               .filter((element) => element.getBoundingClientRect().right > innerWidth)
               .map((element) => element.outerHTML.slice(0, 100))"""
    )
    cut = opened.page.evaluate(
        """() => [...document.querySelectorAll("article pre > code, article table, article svg")]
             .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth)
             .filter((element) => {
               for (let box = element; box.tagName !== "ARTICLE"; box = box.parentElement)
                 if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
               return true;
             })
             .map((element) => element.outerHTML.slice(0, 100))"""
    )
    choose(opened.page, "light", 1280)
    assert not wide, f"{name(opened.page)} is wider than a phone because of: {wide[:3]}"
    assert not cut, f"{name(opened.page)}: no reader of a phone sees the end of: {cut[:3]}"


def test_nothing_moves_while_a_page_loads(opened: Visit) -> None:
    """Where a slow machine shows the first rows of a table alone, its columns settle by a hair: that is let pass."""
    shifts = opened.page.evaluate("window.shifts")
    assert sum(value for value, _ in shifts) < 0.005, f"{name(opened.page)}: these move: {shifts}"


def test_a_page_loads_nothing_from_elsewhere_and_reports_no_error(opened: Visit, hosted: str) -> None:
    """This runs last on a page: what the tests above did to it has kept to the security policy too."""
    elsewhere = [url for url in opened.requests if urlsplit(url).netloc not in ("", urlsplit(hosted).netloc)]
    assert not elsewhere, f"{name(opened.page)} asks other hosts: {elsewhere}"
    assert not opened.page.context.cookies(), f"{name(opened.page)} sets a cookie"
    assert not opened.errors, f"{name(opened.page)}: {opened.errors}"


@pytest.mark.parametrize("code", ERROR_CODES)
def test_a_link_to_an_error_lands_on_its_heading(code: str, browser: Browser, hosted: str) -> None:
    for width in WIDTHS:
        with visit(browser, f"{hosted}callback-types/errors/#error-{code}", width=width) as opened:
            wait_until(opened.page, "scrollY > 0", "it has gone to the heading")
            heading, header, height = opened.page.evaluate(
                f"""() => [document.querySelector("#error-{code}").getBoundingClientRect().top,
                         document.querySelector(".md-header").getBoundingClientRect().bottom, innerHeight]"""
            )
            marked = opened.page.locator(".md-nav--secondary .md-nav__link--active").last.get_attribute("href")
        assert header <= heading < height / 2, f"error {code}, {width} px wide: the heading is at {heading} px"
        assert marked == f"#error-{code}", f"error {code}, {width} px wide: the contents mark {marked}"


def test_a_first_visit_is_dark_where_the_system_is_and_follows_it(browser: Browser, hosted: str) -> None:
    """The theme's script, which comes late, is not needed for it; what nobody has chosen is not kept."""
    scheme = "document.body.dataset.mdColorScheme"
    with visit(browser, hosted, scheme="dark") as opened:
        page = opened.page
        page.evaluate("localStorage.clear()")
        page.route("**/bundle.*.js", lambda route: route.abort())
        page.reload()
        assert page.evaluate(scheme) == "slate", "without the theme's script, the first paint is light"
        page.unroute("**/bundle.*.js")
        opened.go(hosted)
        page.emulate_media(color_scheme="light")
        opened.go(hosted + "quickstart/")
        assert page.evaluate(scheme) == "default", "the page keeps what nobody has chosen"
