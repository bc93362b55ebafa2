"""The pages in a real browser: nothing from elsewhere, no error in the console."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from harness.browser import visit
from project import SOURCE


@pytest.mark.parametrize("path", [page.url for page in SOURCE.pages])
def test_a_page_loads_nothing_from_elsewhere_and_reports_no_error(path: str, browser: Browser, sandbox: str) -> None:
    with visit(browser, sandbox + path) as opened:
        opened.page.wait_for_load_state("networkidle")
        elsewhere = [url for url in opened.requests if urlsplit(url).netloc not in ("", urlsplit(sandbox).netloc)]
        assert not elsewhere, f"{path} asks other hosts: {elsewhere}"
        assert not opened.page.context.cookies(), f"{path} sets a cookie"
        assert not opened.errors, f"{path}: {opened.errors}"
