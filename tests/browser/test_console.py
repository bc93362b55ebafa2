"""The request console: it shows the exchange that took place, and programs that repeat it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree
from playwright.sync_api import Browser, Page, expect

XML = Path(__file__).resolve().parents[2] / "docs" / "xml"
PAGES = ["", "callback-types/request/"]


def blocks(page: Page) -> dict[str, str]:
    """Return the texts of the console's code blocks, those in tabs that are not chosen included."""
    found = {name: page.locator(f".console .language-{name} code") for name in ("http", "sh", "python", "xml")}
    return {name: str(block.text_content()) for name, block in found.items()}


def send(page: Page, name: str) -> str:
    """Send with the keyboard, and return the verdict."""
    page.select_option("#console-response", name)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    status = page.locator("#console-status[role=status]")
    expect(status).to_have_class(re.compile("checker-(good|note|bad)"), timeout=60_000)
    return status.inner_text()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("name", ["response.xml", "recorded.xml", "error-004.xml"])
def test_the_console_shows_what_was_sent_and_received(path: str, name: str, browser: Browser, hosted: str) -> None:
    with browser.new_context() as context:
        page, faults, sent = context.new_page(), list[str](), list[str]()
        page.on("console", lambda message: faults.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: sent.append(request.url))
        page.goto(hosted + path, wait_until="networkidle")
        assert not [url for url in sent if re.search(r"libxml2|engine\.js|report\.js|worker\.js", url)]
        page.focus("#console-response")
        verdict = send(page, name)
        (url,) = [url for url in sent if f"/{name}?" in url]
        shown = blocks(page)
        parts = urlsplit(url)
        assert shown["http"].splitlines() == [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
        assert shown["xml"].encode() == (XML / name).read_bytes()
        expect(page.locator(".console-head")).to_contain_text("HTTP status 200")
        expect(page.locator(".console-head")).to_contain_text("Content-Type: application/xml")
        root = etree.fromstring((XML / name).read_bytes())
        names = [str(found.text) for found in root.iterfind("Values/Value/callback_type")]
        expected = f"✓ Success: {len(names)} callback types" if names else f"! Error {root.findtext('Error')}: "
        assert verdict.startswith(expected)
        for text in [*names, *(str(found.text) for found in root.iterfind("Error"))]:
            expect(page.locator(".console > div").last).to_contain_text(text)
        assert all(url.startswith(hosted) for url in sent)
        assert not faults
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    for program in (["sh", "-eu", "-c", shown["sh"]], [sys.executable, "-c", shown["python"]]):
        ran = subprocess.run(program, capture_output=True, check=True, timeout=60, env=environment)
        assert ran.stdout == (XML / name).read_bytes()


def test_there_is_a_response_for_each_document_of_this_call(browser: Browser, hosted: str) -> None:
    documents = {path.name for path in XML.glob("error-*.xml")} | {"response.xml", "recorded.xml"}
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(hosted)
        assert {option.get_attribute("value") for option in page.locator("#console-response option").all()} == documents
        expect(page.locator("#console-status")).to_have_text(re.compile("^Sending needs JavaScript and a web server"))
        expect(page.locator("#console button")).to_be_disabled()
        static = blocks(page)
    assert static["xml"].encode() == (XML / "response.xml").read_bytes()
    assert static["http"].startswith("GET /xml/response.xml?XML=%3Cclickatellsdk%3E%3Caction%3Eget_list_callback%3C%2F")
