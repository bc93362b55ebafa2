"""Open the built pages in a real browser, as readers do."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

WIDTHS = (1280, 390)
"""Of a laptop and of a phone, in CSS pixels."""

SCHEMES = ("light", "dark")


@dataclass(frozen=True)
class Tools:
    """The folder where npm has put what looks at the pages."""

    modules: Path

    @property
    def axe(self) -> Path:
        return self.modules / "axe-core" / "axe.min.js"

    @property
    def nu(self) -> Path:
        return self.modules / "vnu-jar" / "build" / "dist" / "vnu.jar"

    def missing(self) -> str:
        """Say what is not there and how it comes there; empty where all is there."""
        if not (self.axe.is_file() and self.nu.is_file()):
            return f"axe-core and the Nu HTML checker are not here: run `npm ci` in {self.modules.parent}"
        return "" if shutil.which("java") else "no Java here, in which the Nu HTML checker runs: install a JRE"


def find_chromium() -> str | None:
    """Return the program of this machine's Chromium: `CHROMIUM` names it, else it is looked up on the path."""
    # The first is the same browser without its own user interface, and four times as fast.
    names = ("chromium-headless-shell", "chromium", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


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
    """What the console reports as an error or a warning, a refusal of the content security policy included."""

    def go(self, url: str) -> None:
        """Follow a link to a page, until it is as its reader gets it: the theme's script comes after the page."""
        self.page.goto(url, wait_until="load")
        wait_until(self.page, "'component$' in window || !document.querySelector('#__config')", "the theme has started")


@contextlib.contextmanager
def visit(
    browser: Browser,
    url: str,
    *,
    width: int = 1280,
    scheme: str = "light",
    scripts: bool = True,
    any_certificate: bool = False,
) -> Iterator[Visit]:
    """Open a page in a context of its own: no cookie, no stored choice, no cached file."""
    context = browser.new_context(
        viewport={"width": width, "height": 900 if width > 600 else 844},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        java_script_enabled=scripts,
        permissions=["clipboard-read", "clipboard-write"],
        ignore_https_errors=any_certificate,
    )
    page = context.new_page()
    opened = Visit(page)

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            opened.errors.append(message.text)

    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", note)
    if scripts:
        opened.go(url)
    else:
        page.goto(url, wait_until="load")
    try:
        yield opened
    finally:
        context.close()


def choose(page: Page, scheme: str, width: int) -> None:
    """Switch an open page with its own button, and resize it, as a reader does."""
    page.set_viewport_size({"width": width, "height": 900 if width > 600 else 844})
    wanted = {"light": "default", "dark": "slate"}[scheme]
    for _ in range(3):  # as the system, light, dark
        if page.locator("body").get_attribute("data-md-color-scheme") == wanted:
            return
        page.locator("form[data-md-component=palette] label:not([hidden])").click()
    raise AssertionError(f"{page.url}: no palette is {scheme}")


def wait_until(page: Page, condition: str, what: str) -> None:
    """Wait for a condition in JavaScript; Playwright's own way is refused by a security policy without eval.

    Raises:
        AssertionError: It did not come true in ten seconds.
    """
    deadline = time.monotonic() + 10
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"{page.url}: waited in vain until {what}"
        time.sleep(0.02)


def style_of(page: Page, part: str, pseudo: str, name: str) -> str:
    """The computed value of a property, of the first element that fits a selector or of its pseudo-element."""
    script = "([part, pseudo, name]) => getComputedStyle(document.querySelector(part), pseudo)[name]"
    value: str = page.evaluate(script, [part, pseudo, name])
    return value


def axe_violations(page: Page, axe: Path) -> list[str]:
    """The violations of accessibility rules on a page as it is now: rule, element and reason, one a line."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate("axe.run({resultTypes: ['violations']}).then((r) => r.violations)")
    places = {
        f"{rule['id']}: {node['html'].splitlines()[0][:120]} ({check['message']})"
        for rule in found
        for node in rule["nodes"]
        for check in (node["any"] + node["all"] + node["none"])[:1]
    }
    return sorted(places)
