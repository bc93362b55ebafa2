"""The HTML of every page is what the standard says, checked by the Nu HTML checker."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from harness.browser import Tools
from harness.site import Site


def markup_errors(tools: Tools, folder: Path) -> list[str]:
    """What the checker calls an error in the HTML files of a folder: file, line, reason and text, one a line."""
    ended = subprocess.run(
        ["java", "-Xss8m", "-jar", str(tools.nu), "--format", "json", "--stdout", "--skip-non-html", str(folder)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, f"the Nu HTML checker ended with:\n{ended.stderr}"
    return [
        f"{message['url']}:{message.get('lastLine')}: {message['message']} {message.get('extract', '').strip()[:120]}"
        for message in json.loads(ended.stdout)["messages"]
        if message["type"] != "info" or message.get("subType") == "warning"
    ]


def test_markup_is_valid(site: Site, tools: Tools) -> None:
    pages = {path.relative_to(site.output).as_posix() for path in site.output.rglob("*.html")}
    assert {"404.html", *(f"{page.url}index.html" for page in site.pages)} == pages, "not every page is built"
    assert not (errors := markup_errors(tools, site.output)), "\n".join(errors)


def test_faulty_markup_is_found(tools: Tools, tmp_path: Path) -> None:
    faults = ['<input type="checkbox" autocomplete="off">', '<p tabindex="">text</p>', "<p id=a><p id=a>"]
    for number, fault in enumerate(faults):
        (tmp_path / f"{number}.html").write_text(f'<!doctype html><html lang="en"><title>Page</title>{fault}')
    errors = "\n".join(markup_errors(tools, tmp_path))
    for number, fault in enumerate(faults):
        assert f"/{number}.html:" in errors, f"not found: {fault}"
