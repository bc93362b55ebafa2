"""Every copyable program: saved under its name in an empty folder, beside the downloads of its page, it runs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from harness.run import run_process
from harness.site import Page, Site
from mock_server import MockServer
from project import DEFAULT_SITE_URL, FENCES, SNIPPETS
from reader import POSTED, difference, environment_for, save_downloads

PROGRAMS = [
    pytest.param(page, index, id=str(fence))
    for fence, page, index in FENCES
    if fence.language == "python" and fence.title.endswith(".py")
]


@pytest.mark.parametrize(("path", "index"), PROGRAMS)
def test_copied_program(
    path: str, index: int, site: Site, sandbox: str, mock: MockServer, home: Path, tmp_path: Path, update_outputs: bool
) -> None:
    page = site.page(path)
    run_copied(page, index, page.blocks()[index].text, sandbox, mock, home, tmp_path, update_outputs)


def run_copied(
    page: Page, index: int, text: str, sandbox: str, mock: MockServer, home: Path, tmp_path: Path, update_outputs: bool
) -> None:
    """Save a text under the name that the block of a page has, in an empty folder, run it and compare."""
    block = page.blocks()[index]
    posts = block.fence.include in POSTED
    environment = environment_for(page, block, home, sandbox, mock if posts else None)
    save_downloads(page, tmp_path)
    (tmp_path / block.title).write_text(text)
    mock.application.reset()
    if block.title.startswith("test_"):
        environment["PYTHONPATH"] = str(SNIPPETS)  # the page says so
        printed = run_process([sys.executable, "-m", "pytest", "-q", block.title], tmp_path, environment)
        assert re.search(r"^\d+ passed in ", printed, re.MULTILINE), printed
        return
    printed = run_process([sys.executable, block.title], tmp_path, environment)
    output = page.blocks()[index + 1]
    assert output.title == "Output", f"{block.fence}: no output block follows"
    message = difference(output.text, printed.replace(sandbox, DEFAULT_SITE_URL).rstrip("\n"), output.fence)
    assert update_outputs or not message, message
