"""Open the built pages in a real browser, as readers do."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, sync_playwright

WIDTHS = (1280, 390)
"""Of a laptop and of a phone, in CSS pixels."""

SCHEMES = ("light", "dark")


def find_chromium() -> str | None:
    """Return the program of this machine's Chromium: `CHROMIUM` names it, else it is looked up on the path."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextlib.contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Start a headless browser that knows no other host than this machine."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            # In a container the tests run as root, where Chromium has no sandbox.
            chromium_sandbox=hasattr(os, "geteuid") and os.geteuid() != 0,
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
        )
        yield browser
        browser.close()


@dataclass
class Visit:
    """An open page, and what happened on it since it was opened."""

    page: Page
    requests: list[str] = field(default_factory=list)
    """The URL of each request."""
    errors: list[str] = field(default_factory=list)
    """What the console reports as an error, a refusal of the content security policy included."""


@contextlib.contextmanager
def visit(
    browser: Browser, url: str, *, width: int = 1280, scheme: str = "light", scripts: bool = True
) -> Iterator[Visit]:
    """Open a page in a context of its own: no cookie, no stored choice, no cached file."""
    context = browser.new_context(
        viewport={"width": width, "height": 900 if width > 600 else 844},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
    )
    page = context.new_page()
    opened = Visit(page)
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    page.goto(url, wait_until="load")
    yield opened
    context.close()
