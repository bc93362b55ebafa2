"""What a page costs its reader in bytes and elements; no test here measures a time."""

from __future__ import annotations

import gzip

import pytest
from playwright.sync_api import Browser

from harness.browser import visit, wait_until
from harness.site import Site
from project import SOURCE

KIB = 1024
FIRST_VIEW = 90 * KIB
SEARCH = 50 * KIB
MOST_ELEMENTS = 1750
"""Above this, the theme's script takes a phone so long that reading stutters."""


@pytest.mark.parametrize("path", [page.path.as_posix() for page in SOURCE.pages])
def test_a_page_has_few_elements(path: str, site: Site) -> None:
    elements = sum(1 for _ in site.page(path).article.getroottree().iter("*"))
    assert elements <= MOST_ELEMENTS, f"{path} has {elements} elements: split it or show less"


def test_the_first_view_is_light(browser: Browser, hosted: str) -> None:
    """What comes over the wire for the home page, headers included; the search comes when it is opened."""
    context = browser.new_context()
    page = context.new_page()
    names: dict[str, str] = {}
    sizes: dict[str, int] = {}
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.on("Network.responseReceived", lambda event: names.update({event["requestId"]: event["response"]["url"]}))
    network.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page.goto(hosted, wait_until="networkidle")
    first = sum(sizes.values())
    table = "\n".join(f"{size:7.0f}  {names[request]}" for request, size in sizes.items() if size)
    page.get_by_role("textbox", name="Search").focus()
    index = "performance.getEntriesByName(new URL('search/search_index.json', location)).length"
    wait_until(page, index, "the search has come")
    context.close()
    assert "search" not in table, f"the search comes before it is opened:\n{table}"
    assert first <= FIRST_VIEW, f"{first / KIB:.1f} KiB:\n{table}"


def test_the_search_index_is_light(site: Site) -> None:
    size = len(gzip.compress((site.output / "search" / "search_index.json").read_bytes(), 6))
    assert size <= SEARCH, f"{size / KIB:.1f} KiB: leave pages out of the search that nobody searches for"


@pytest.mark.parametrize("path", [page.path.as_posix() for page in SOURCE.pages])
def test_a_page_shows_before_its_scripts_have_come(path: str, site: Site) -> None:
    for script in site.page(path).article.getroottree().xpath("//script[@src][not(ancestor::template)]"):
        waits = script.get("defer") is not None or script.get("type") == "module"
        assert waits, f"{path}: {script.get('src')} keeps the page from showing"


def test_the_themes_script_comes_after_what_a_page_is_painted_with(browser: Browser, hosted: str) -> None:
    with visit(browser, hosted, width=390) as visited:
        times: dict[str, list[float]] = visited.page.evaluate(
            "Object.fromEntries(performance.getEntriesByType('resource')"
            ".map((entry) => [new URL(entry.name).pathname, [entry.startTime, entry.responseEnd]]))"
        )
    [asked] = (start for path, (start, _) in times.items() if path.startswith("/assets/javascripts/bundle."))
    styles = {path: end for path, (_, end) in times.items() if path.endswith(".css")}
    assert styles, f"no style among {sorted(times)}"
    late = [path for path, end in styles.items() if end > asked]
    assert not late, f"the theme's script takes of the network what the page waits for: {late}"
