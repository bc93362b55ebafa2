"""Every page, visited once by a laptop and a phone, in light and in dark, on a host with a strict security policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import Visit

from test_pages import PAGES

ADDRESSES = [*(page.url for page in PAGES), "404.html"]
FIRST_VIEW = 140 * 1024

SHIFTS = """() => new Promise((resolve) => {
  new PerformanceObserver((list) => resolve(list.getEntries().map(
    (shift) => [shift.value, shift.sources.map((source) => source.node?.outerHTML?.slice(0, 100))])
  )).observe({ type: "layout-shift", buffered: true });
  setTimeout(resolve, 0, []);
})"""
BYTES = """[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].map(
  ({ name, transferSize }) => [transferSize, name])"""
CUT = """() => [...document.querySelectorAll("html, article :is(p, li, h1, h2, h3, pre > code, table, svg)")]
  .filter((element) => element.getBoundingClientRect().right > innerWidth || element.matches("html"))
  .filter((element) => {
    if (element.matches("html")) return element.scrollWidth > innerWidth;
    for (let box = element; box.tagName !== "ARTICLE"; box = box.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
    return element.checkVisibility();
  }).map((element) => element.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: address or "home")
def test_page(address: str, visit: Callable[..., Visit], sandbox: str) -> None:
    visited = visit(address)
    page = visited.page
    shifts = page.evaluate(SHIFTS)
    assert sum(value for value, _ in shifts) < 0.005, f"these move while the page loads: {shifts}"
    visited.show_all()
    if page.locator("article pre > code:visible").count():
        copied_block_is_the_block(visited)

    visited.look(1280, "light")
    faults = visited.axe()
    visited.look(390, "light")
    faults += visited.axe()
    cut = page.evaluate(CUT)
    assert not cut, f"a phone can't scroll to the end of: {cut}"
    visited.look(390, "dark")
    page.locator("body[data-md-color-scheme=slate]").wait_for()
    faults += visited.axe("color-contrast", "link-in-text-block")  # the other rules don't depend on colours
    visited.look(1280, "dark")
    faults += visited.axe("color-contrast", "link-in-text-block")
    assert not faults, "\n".join(faults)

    sizes = page.evaluate(BYTES)
    assert sum(size for size, _ in sizes) <= FIRST_VIEW, f"the first view is too heavy: {sorted(sizes)}"
    elsewhere = [url for url in visited.requests if not url.startswith((sandbox, "data:"))]
    assert not elsewhere, f"the page asks other hosts: {elsewhere}"
    assert not page.context.cookies(), "the page sets a cookie"
    if address != "404.html":  # its status is an error to the console
        assert not visited.faults, visited.faults


def copied_block_is_the_block(visited: Visit) -> None:
    block = visited.page.locator("article pre:has(> code:visible)").last
    block.locator("button.md-code__button[data-clipboard-target]").click()
    visited.page.get_by_role("status").filter(has_text="Copied to clipboard").wait_for()
    copied = visited.page.evaluate("navigator.clipboard.readText()")
    assert copied == (block.locator("> code").text_content() or "").rstrip(), "the copy button copies another text"
