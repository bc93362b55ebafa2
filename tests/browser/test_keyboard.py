"""Whatever a mouse can do, the keyboard can; without scripts, and from a file, the pages say the same."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from conftest import Visit
from playwright.sync_api import expect

from docs_runner.build import Site

REACHABLE = """() => {
  const groups = new Set();
  const found = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  for (const element of found) {
    if (element.closest("[data-md-component=search], [hidden]") || element.tabIndex < 0 || element.disabled) continue;
    if (!element.checkVisibility({ visibilityProperty: true }) || groups.has(element.name || element)) continue;
    if (element.type === "radio") groups.add(element.name);
    element.dataset.reachable = "";
  }
}"""
"""Mark what a mouse can use; of radio buttons, one of each group."""

FOCUSED = """() => {
  const element = document.activeElement, radio = element.type === "radio";
  if (element === document.body) return null;
  const shown = [element, element.nextElementSibling, element.closest(".tabbed-set")?.querySelector(".tabbed-labels"),
    element.parentElement.querySelector(":scope > .md-nav > .md-nav__title")];
  for (const other of radio ? document.getElementsByName(element.name) : [element]) delete other.dataset.reachable;
  const seen = shown.some((part) => {
    if (!part) return false;
    const { outlineStyle, outlineWidth } = getComputedStyle(part), { width, x } = part.getBoundingClientRect();
    return outlineStyle !== "none" && parseFloat(outlineWidth) > 0 && width > 0 && x + width > 0 && x < innerWidth;
  });
  return [element.matches(".md-search__input") || seen, element.outerHTML.slice(0, 120)];
}"""


@pytest.mark.parametrize(("path", "width"), [("", 1280), ("quickstart/", 390), ("callback-types/response/", 390)])
def test_the_keyboard_reaches_everything_and_shows_where_it_is(
    path: str, width: int, visit: Callable[..., Visit]
) -> None:
    visited = visit(path, width)
    visited.show_all()
    page = visited.page
    page.evaluate(REACHABLE)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    faults = []
    while focused := page.evaluate(FOCUSED):
        seen, element = focused
        faults += [element] * (not seen)
        page.keyboard.press("Tab")
    assert not faults, "not seen when they have the focus:\n" + "\n".join(faults)
    missed = page.evaluate("[...document.querySelectorAll('[data-reachable]')].map((e) => e.outerHTML.slice(0, 120))")
    assert not missed, "never reached:\n" + "\n".join(missed)


def test_the_keyboard_walks_the_menu_of_a_phone(visit: Callable[..., Visit]) -> None:
    """Nothing but Tab, Enter, Space and Escape."""
    visited = visit("quickstart/", 390)
    page, menu, focus = visited.page, visited.page.get_by_role("button", name="Menu"), visited.page.locator(":focus")

    def tab_to(wanted: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            assert focus.evaluate("(e) => !!e.closest('.md-sidebar--primary')"), "the focus left the menu"
            if focus.evaluate("(e, name) => (e.labels?.[0] ?? e).textContent.trim() === name", wanted):
                return
        raise AssertionError(f"Tab never reaches {wanted!r}")

    menu.focus()
    page.keyboard.press("Space")
    expect(page.locator("#__drawer")).to_be_checked()
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    expect(focus).to_be_checked()  # the part with this page is open, and this switch closes it
    page.keyboard.press("Space")
    tab_to("Guides")
    page.keyboard.press("Space")
    tab_to("Configure a callback")
    page.keyboard.press("Enter")
    page.wait_for_url("**/guides/configure-callback/")
    menu.focus()
    page.keyboard.press("Enter")
    tab_to("Configure a callback")  # this opens the contents of the page
    page.keyboard.press("Space")
    expect(page.locator("#__toc")).to_be_checked()
    assert not visited.axe()
    tab_to("Create the connection")
    page.keyboard.press("Enter")
    page.wait_for_url("**/guides/configure-callback/#call-it")


def test_the_keyboard_searches(visit: Callable[..., Visit]) -> None:
    visited = visit("")
    page = visited.page
    page.keyboard.press("/")
    page.keyboard.type("007")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    for width, scheme in ((1280, "light"), (390, "dark")):
        visited.look(width, scheme)
        assert not visited.axe()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/callback-types/errors/"))


@pytest.mark.parametrize("path", ["", "quickstart/", "checker/"])
def test_without_scripts_everything_can_be_read(path: str, visit: Callable[..., Visit]) -> None:
    visited = visit(path, 390, scripts=False)
    page = visited.page
    assert not visited.faults
    hidden = page.locator("article .highlight").filter(visible=False)
    for tab in page.locator("article .tabbed-labels > label").all():  # each label shows its tab
        before = hidden.count()
        tab.click()
        assert hidden.count() == before or page.locator("article .tabbed-block:visible .highlight").count()
    for useless in (".md-search", ".md-header__option", ".md-code__nav", "#opened-as-file"):
        expect(page.locator(useless)).to_be_hidden() if page.locator(useless).count() else None
    page.locator("#__drawer").focus()
    page.keyboard.press("Space")
    expect(page.locator(".md-sidebar--primary")).to_be_visible()


def test_a_page_that_was_opened_as_a_file_says_so(visit: Callable[..., Visit], site: Site) -> None:
    page = visit("glossary/index.html", base=f"{site.output.as_uri()}/").page
    note = page.locator("#opened-as-file")
    expect(note).to_be_visible()
    expect(page.locator(".md-search-result__meta")).to_have_text(note.inner_text())  # and not "Initializing search"


def test_paper_has_the_article_and_nothing_to_click(visit: Callable[..., Visit]) -> None:
    page = visit("quickstart/", 720).page
    page.emulate_media(media="print", color_scheme="dark")
    for part in (".md-header", ".md-sidebar", ".md-footer", ".md-code__nav", ".headerlink"):
        assert not page.locator(part).filter(visible=True).count(), f"{part} is printed"
    assert not page.locator("article .tabbed-block").filter(visible=False).count(), "a tab isn't printed"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"), "dark paper"
