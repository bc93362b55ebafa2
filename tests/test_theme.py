"""What the theme adds to the pages: the address of the site in the commands, and the line at the end of each page."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lxml import html

from connect_api import ConnectAPI
from docs_runner.build import BuildError, Site, build
from facts import ROOT


def article(site: Path) -> html.HtmlElement:
    found: html.HtmlElement = html.parse(site / "quickstart" / "index.html").getroot().find(".//article")
    return found


@pytest.mark.parametrize(
    ("served", "printed"),
    [  # what `mkdocs serve -a` makes of its address, and what the client accepts
        ("http://0.0.0.0:8001/", "http://127.0.0.1:8001/xml"),
        ("http://::1:8001/", "http://[::1]:8001/xml"),
    ],
)
def test_commands_have_an_address_that_the_client_accepts(served: str, printed: str, tmp_path: Path) -> None:
    build(ROOT, tmp_path, SITE_URL=served)
    page = article(tmp_path).text_content()
    assert f"export CONNECT_API_URL={printed}\n" in page
    assert "http://127.0.0.1:8000/" not in page
    ConnectAPI("AUTHENTICATION_TOKEN", base_url=printed)


def test_the_last_line_says_when_the_examples_passed_and_where_to_edit(tmp_path: Path, site: Site) -> None:
    repository = {"REPO_URL": "https://code.example/docs", "EDIT_URI": "edit/main/docs/"}
    build(ROOT, tmp_path, **repository, VERIFIED_COMMIT="0123456789abcdef", VERIFIED_DATE="26 November 2026")
    [end] = article(tmp_path).find_class("page-end")
    assert "The examples on this page ran and passed on 26 November 2026, at commit 0123456." in end.text_content()
    assert [link.get("href") for link in end.iter("a")] == [
        "https://code.example/docs/edit/main/docs/quickstart.md",
        "../quickstart.md",  # .ci/build-site writes it
    ]
    assert not article(site.output).find_class("page-end"), "a build that proves nothing says that its examples passed"


def test_a_link_that_was_checked_out_as_text_fails_the_build(tmp_path: Path) -> None:
    """As on Windows without symbolic links: the site would publish a client of one line."""
    for folder in ("docs", "snippets", "tests"):  # the pages include files of all three
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True)
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    link = tmp_path / "docs" / "downloads" / "connect_api.py"
    target = str(link.readlink())
    link.unlink()
    link.write_text(target, "utf-8")
    with pytest.raises(BuildError, match="connect_api"):
        build(tmp_path, tmp_path / "site")
