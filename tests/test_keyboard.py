"""Without a mouse, without scripts and on paper, the pages say the same."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page

from harness.browser import WIDTHS, style_of, visit, wait_until
from project import SOURCE

REACHABLE = """() => {
  const found = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const groups = new Set();
  return [...found].filter((element) => {
    if (element.closest("[data-md-component=search]")) return false;
    if (!element.checkVisibility({ visibilityProperty: true }) || element.disabled || element.hidden) return false;
    if (element.tabIndex < 0) return false;
    if (element.type === "radio") {
      const first = !groups.has(element.name);
      groups.add(element.name);
      return first;
    }
    return true;
  }).map((element) => { element.dataset.reachable = ""; return element.outerHTML.slice(0, 120); });
}"""
"""What a mouse can use on the page; of radio buttons, one of each group."""

FOCUSED = """() => {
  const element = document.activeElement;
  if (element === document.body) return null;
  const radio = element.type === "radio";
  const tabs = element.closest(".tabbed-set")?.querySelector(".tabbed-labels");
  const shown = !radio ? element : tabs ?? element.nextElementSibling;
  const style = getComputedStyle(shown), box = shown.getBoundingClientRect();
  const group = radio && element.name;
  for (const other of group ? document.getElementsByName(group) : [element]) delete other.dataset.reachable;
  return {
    html: element.outerHTML.slice(0, 120),
    outlined: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    seen: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth,
  };
}"""


def tab_through(page: Page) -> list[str]:
    """Press Tab until the page has been left; return what is wrong on the way, and what was never reached."""
    expected = page.evaluate(REACHABLE)
    faults = []
    for _ in range(len(expected) + 20):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None:
            break
        if "md-search__input" not in focused["html"]:
            faults += [f"no outline: {focused['html']}"] * (not focused["outlined"])
            faults += [f"out of sight: {focused['html']}"] * (not focused["seen"])
    left = page.evaluate("[...document.querySelectorAll('[data-reachable]')].map((e) => e.outerHTML.slice(0, 120))")
    return faults + [f"never reached: {html}" for html in left]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("path", ["", "callback-types/response/"])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    path: str, width: int, browser: Browser, hosted: str
) -> None:
    with visit(browser, hosted + path, width=width) as opened:
        faults = tab_through(opened.page)
    assert not faults, f"{path or 'home'}, {width} px wide:\n" + "\n".join(faults)


def test_the_first_tab_skips_to_the_content(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted + "quickstart/") as opened:
        page = opened.page
        page.keyboard.press("Tab")
        skip = page.locator(":focus")
        assert skip.inner_text() == "Skip to content"
        assert skip.evaluate("(link) => getComputedStyle(link).opacity") == "1", "nobody sees the link"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("!!document.activeElement.closest('article')"), "the link does not lead into the article"


IN_MENU = """() => {
  const focused = document.activeElement, box = focused.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const seen = top !== null && (focused.contains(top) || top.contains(focused));
  const name = focused.innerText.trim().slice(0, 60) || focused.ariaLabel;
  return [name, seen && focused.closest(".md-sidebar--primary") !== null];
}"""


def test_the_keyboard_walks_the_menu_of_a_phone(browser: Browser, hosted: str) -> None:
    """Nothing but Tab, Enter, Space and Escape: each stop is in the menu, and seen."""
    with visit(browser, hosted + "quickstart/", width=390) as opened:
        page = opened.page

        def wait_for_menu(part: str) -> None:
            inside = f"document.activeElement.closest('.md-sidebar--primary {part}')"
            come = "document.querySelector('.md-sidebar--primary').getBoundingClientRect().x === 0"
            wait_until(page, f"{inside} && {come}", f"the menu has slid in and the focus is in its part {part}")

        def tab_to(wanted: str) -> None:
            for _ in range(30):
                name, seen = page.evaluate(IN_MENU)
                assert seen, f"{name!r} has the focus and is not seen in the menu"
                if name == wanted:
                    return
                page.keyboard.press("Tab")
            raise AssertionError(f"Tab never reaches {wanted!r}")

        page.keyboard.press("Tab")
        while page.evaluate("document.activeElement.ariaLabel") != "Menu":
            page.keyboard.press("Tab")
        assert page.get_by_role("button", name="Menu").evaluate("(e) => e === document.activeElement")
        page.keyboard.press("Space")
        wait_for_menu(".md-nav")
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.ariaLabel") == "Menu", "Escape does not lead back"
        page.keyboard.press("Enter")
        wait_for_menu(".md-nav")
        tab_to("Quickstart")
        page.keyboard.press("Enter")
        wait_for_menu(".md-nav--secondary")
        tab_to("Make the call")
        page.keyboard.press("Enter")
        page.wait_for_url("**/quickstart/#make-the-call")


def test_the_keyboard_opens_the_menu_without_scripts(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted, width=390, scripts=False) as opened:
        page = opened.page
        page.locator("#__drawer").focus()
        page.keyboard.press("Space")
        page.locator(".md-nav--primary").get_by_role("link", name="Quickstart").click()
        page.wait_for_url("**/quickstart/")


@pytest.mark.parametrize("path", [page.url for page in SOURCE.pages])
def test_without_scripts_everything_can_be_read(path: str, browser: Browser, hosted: str) -> None:
    with visit(browser, hosted + path, scripts=False) as opened:
        page = opened.page
        assert not opened.errors
        for part in (".md-nav--primary", "article h1"):
            assert page.locator(part).first.is_visible(), f"{path}: {part} is hidden"
        for block in page.locator("article .highlight").all():
            if not block.is_visible():  # the label of its tab shows it
                place = block.evaluate(
                    "(e) => [...e.closest('.tabbed-content').children].findIndex((t) => t.contains(e))"
                )
                block.locator("xpath=ancestor::*[contains(@class, 'tabbed-set')]").locator(
                    ".tabbed-labels > label"
                ).nth(place).click()
            assert block.is_visible(), f"{path}: {block.inner_text()[:60]!r} is hidden"
        for useless in (".md-search", ".md-header__option", ".md-code__nav"):
            assert not page.locator(useless).first.is_visible(), f"{path}: {useless} does nothing without scripts"


@pytest.mark.parametrize("path", ["", "quickstart/", "callback-types/errors/", "reference/client/"])
def test_paper_holds_the_article_and_nothing_of_the_screen(path: str, browser: Browser, hosted: str) -> None:
    with visit(browser, hosted + path, scheme="dark", width=720) as opened:
        page = opened.page
        page.emulate_media(media="print")
        for part in (".md-header", ".md-sidebar", ".md-footer__inner", ".md-code__nav", ".headerlink", ".md-top"):
            for element in page.locator(part).all():
                assert not element.is_visible(), f"{path}: {part} is printed"
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), f"{path} is printed on {ground}"
        cut = page.evaluate(
            """() => [...document.querySelectorAll("article pre > code, article table")]
                 .filter((element) => element.scrollWidth > element.clientWidth + 1)
                 .map((element) => element.textContent.slice(0, 80))"""
        )
        assert not cut, f"{path}: paper does not scroll: {cut[:3]}"
        hidden = page.locator("article .tabbed-block").filter(visible=False).count()
        assert not hidden, f"{path}: {hidden} tabs are not printed"


def test_a_page_that_fits_on_one_sheet_takes_no_second(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted + "guides/journey/") as opened:
        sheets = len(re.findall(rb"/Type\s*/Page\b", opened.page.pdf(format="A4")))
    assert sheets == 1, f"the journey is printed on {sheets} sheets"


def test_a_title_stays_with_its_program_on_paper(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted + "quickstart/") as opened:
        opened.page.emulate_media(media="print")
        for part, pseudo, name in (
            ("article .highlight", "", "breakInside"),
            ("article .filename", "", "breakAfter"),
            ("article .tabbed-block", "::before", "breakAfter"),
        ):
            assert style_of(opened.page, part, pseudo, name) == "avoid", f"{part}{pseudo}: {name}"


def test_the_form_of_the_checker_is_not_printed(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted + "checker/") as opened:
        opened.page.emulate_media(media="print")
        assert not opened.page.locator("#checker").is_visible(), "paper has no buttons"
        report = opened.page.locator("#checker-report")
        report.evaluate("(report) => { report.hidden = false; report.textContent = 'what was found'; }")
        assert report.is_visible(), "the report of the checker is not printed"
