"""Each copy button is clicked in the browser; what the clipboard then holds is the block, and as a program it runs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from harness.browser import visit, wait_until
from harness.site import Page, Site
from mock_server import MockServer
from project import SOURCE
from test_programs import PROGRAMS, run_copied

Copied = Callable[[Page], list[tuple[bool, str]]]


@pytest.fixture(scope="module")
def copied(browser: Browser, hosted: str) -> Copied:
    """Click each copy button of a page, once; the signatures of a reference page are marked with True."""

    @functools.cache
    def of(url: str) -> list[tuple[bool, str]]:
        found = []
        with visit(browser, hosted + url) as opened:
            page = opened.page
            for block in page.locator("article .highlight").all():
                if not block.is_visible():  # in a tab that is not the chosen one
                    block.evaluate(
                        """(element) => {
                          const tab = element.closest(".tabbed-block");
                          const place = [...tab.parentElement.children].indexOf(tab);
                          tab.closest(".tabbed-set").querySelectorAll(".tabbed-labels > label")[place].click();
                        }"""
                    )
                page.evaluate("navigator.clipboard.writeText('')")
                block.locator("button[data-clipboard-target]").click()
                wait_until(page, "navigator.clipboard.readText().then(Boolean)", "the button has copied its block")
                is_signature = "doc-signature" in (block.get_attribute("class") or "")
                found.append((is_signature, page.evaluate("navigator.clipboard.readText()")))
            assert not opened.errors, f"{url}: {opened.errors}"
        return found

    return lambda page: of(page.url)


@pytest.mark.parametrize("path", [page.path.as_posix() for page in SOURCE.pages if page.fences])
def test_a_copy_button_copies_its_block_and_nothing_else(path: str, site: Site, copied: Copied) -> None:
    page = site.page(path)
    texts = [text for is_signature, text in copied(page) if not is_signature]
    signatures = [text for is_signature, text in copied(page) if is_signature]
    for block, text in zip(page.blocks(), texts, strict=True):
        assert text.removesuffix("\n") == block.text, f"{block.fence}: the clipboard holds another text:\n{text}"
    for shown, text in zip(page.signatures().values(), signatures, strict=True):
        assert text.strip() == shown.strip(), f"{path}: the clipboard holds another signature:\n{text}"


@pytest.mark.parametrize(("path", "index"), PROGRAMS)
def test_a_program_from_the_clipboard_runs(
    path: str,
    index: int,
    copied: Copied,
    site: Site,
    sandbox: str,
    mock: MockServer,
    home: Path,
    tmp_path: Path,
    update_outputs: bool,
) -> None:
    page = site.page(path)
    text = [text for is_signature, text in copied(page) if not is_signature][index]
    run_copied(page, index, text, sandbox, mock, home, tmp_path, update_outputs)
