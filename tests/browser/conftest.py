"""What tests in a browser need: Chromium, and the site on a host like the one that it is published on."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from docs_runner.walk import missing

AXE = (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium that can reach this machine only."""
    program = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        raise missing("Chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=program,
            chromium_sandbox=hasattr(os, "geteuid") and os.geteuid() != 0,  # for root, Chromium has none
            args=["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
        )


@dataclass
class Visit:
    """An open page, the URL of each request, and what the console reports, such as what the policy refused."""

    page: Page
    requests: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def look(self, width: int, scheme: str) -> None:
        """Change the width of the window and the colours of the system, which the page follows."""
        self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")

    def show_all(self) -> None:
        """Make the window as high as the page, because the theme completes a code block when it comes into view."""
        width, height = self.page.evaluate("[innerWidth, document.documentElement.scrollHeight]")
        self.page.set_viewport_size({"width": width, "height": height})

    def axe(self, *rules: str) -> list[str]:
        """Return what breaks these rules of accessibility, or any rule: rule, element and reason."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        chosen = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
        found: list[dict[str, Any]] = self.page.evaluate("async (o) => (await axe.run(o)).violations", chosen)
        nodes = [(rule["id"], node) for rule in found for node in rule["nodes"]]
        return [f"{rule}: {node['html'].splitlines()[0][:120]} ({node['failureSummary']})" for rule, node in nodes]


@pytest.fixture
def visit(browser: Browser, sandbox: str) -> Iterator[Callable[..., Visit]]:
    """Open a page of the site as its first visitor: no cookie, no stored choice, no cached file."""
    with ExitStack() as contexts:

        def open_page(path: str, width: int = 1280, scripts: bool = True, base: str = sandbox) -> Visit:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                java_script_enabled=scripts,
                permissions=["clipboard-read", "clipboard-write"],
                reduced_motion="reduce",
            )
            contexts.callback(context.close)
            visit = Visit(context.new_page())

            def note(message: ConsoleMessage) -> None:
                visit.faults.extend([message.text] if message.type in ("error", "warning") else [])

            visit.page.on("request", lambda request: visit.requests.append(request.url))
            visit.page.on("pageerror", lambda error: visit.faults.append(str(error)))
            visit.page.on("console", note)
            visit.page.goto(base + path)
            return visit

        yield open_page
