"""Whatever a mouse can do, the keyboard can; without scripts, and from a file, the pages say the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Visit
from playwright.sync_api import expect

from docs_runner.build import Site

REACHABLE = """() => { // of radio buttons, one of each group
  const groups = new Set();
  for (const element of document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")) {
    if (element.closest("[data-md-component=search], [hidden]") || element.tabIndex < 0 || element.disabled) continue;
    if (!element.checkVisibility({ visibilityProperty: true }) || groups.has(element.name || element)) continue;
    if (element.type === "radio") groups.add(element.name);
    element.dataset.reachable = "";
  }
}"""
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


@pytest.mark.parametrize(("path", "width"), [("", 1280), ("quickstart/", 390), ("callback-types/response/", 1280)])
def test_the_keyboard_reaches_everything_visibly(path: str, width: int, visit: Callable[..., Visit]) -> None:
    visited = visit(path, width)
    visited.show_all()
    page = visited.page
    page.evaluate(REACHABLE)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    while focused := page.evaluate(FOCUSED):
        assert focused[0], f"not seen when it has the focus: {focused[1]}"
        page.keyboard.press("Tab")
    missed = page.evaluate("[...document.querySelectorAll('[data-reachable]')].map((e) => e.outerHTML.slice(0, 120))")
    assert not missed, "never reached:\n" + "\n".join(missed)


def test_the_keyboard_walks_the_menu_of_a_phone(visit: Callable[..., Visit]) -> None:
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
    page.keyboard.press("Escape")
    expect(menu).to_be_focused()
    page.keyboard.press("Enter")
    expect(focus).to_be_checked()  # the part with this page is open, and this switch closes it
    page.keyboard.press("Space")
    tab_to("Guides")
    page.keyboard.press("Space")
    assert not visited.axe()
    tab_to("Configure a callback")
    page.keyboard.press("Enter")
    page.wait_for_url("**/guides/configure-callback/")


def test_the_keyboard_searches(visit: Callable[..., Visit]) -> None:
    visited = visit("", 390)
    page = visited.page
    page.keyboard.press("/")
    page.keyboard.type("007")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    assert not visited.axe()
    page.keyboard.press("Enter")
    page.wait_for_url("**/callback-types/errors/**")


def test_without_scripts_everything_can_be_read(visit: Callable[..., Visit]) -> None:
    page = visit("quickstart/", 390, scripts=False).page
    tabs = page.locator("article .tabbed-set").first
    tabs.locator("label", has_text="PowerShell").click()
    expect(tabs.locator(".tabbed-block").last).to_be_visible()
    assert not page.locator(".md-search, .md-header__option, .md-code__nav").filter(visible=True).count()


def test_a_page_that_was_opened_as_a_file_says_so(visit: Callable[..., Visit], site: Site) -> None:
    page = visit("glossary/index.html", base=f"{site.output.as_uri()}/").page
    expect(page.locator("#opened-as-file")).to_be_visible()
    expect(page.locator(".md-search-result__meta")).to_have_text(page.locator("#opened-as-file").inner_text())
