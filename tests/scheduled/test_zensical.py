"""Zensical, the successor of MkDocs and its theme, builds the same pages, so that this site can move at any time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from lxml import html

from docs_runner.build import Site
from docs_runner.page import Page
from facts import ROOT
from test_pages import PAGES


@pytest.fixture(scope="module")
def successor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site as Zensical builds it: in a copy, since it can't write to another folder."""
    root = tmp_path_factory.mktemp("zensical") / "copy"
    made = shutil.ignore_patterns(".git", ".venv", ".*cache", "__pycache__", "node_modules", "site")
    shutil.copytree(ROOT, root, ignore=made)
    command = [sys.executable, "-m", "zensical", "build", "--clean", "--strict"]
    ended = subprocess.run(command, cwd=root, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return root / "site"


def content(page: Page, folder: Path) -> Iterator[str]:
    """Yield what a reader gets on a built page: each block, heading, row of a table, and link."""
    for block in page.blocks(folder):
        yield f"block {block.language} {block.title!r}: {block.text}"
    (article,) = html.parse(folder / page.url / "index.html", html.HTMLParser(encoding="utf-8")).xpath("//article")
    for heading in article.xpath(".//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6]"):
        yield f"{heading.tag} #{heading.get('id')}: {heading.text_content()}"
    for row in article.xpath(".//table//tr"):
        yield "row: " + " | ".join(cell.text_content().strip() for cell in row)
    for address in article.xpath(".//a/@href | .//img/@src"):
        yield f"link: {urljoin('/' + page.url, address)}"


def test_every_page_is_the_same(site: Site, successor: Path) -> None:
    different = []
    for page in PAGES:
        ours, theirs = list(content(page, site.output)), list(content(page, successor))
        different += [f"{page.path}: only with MkDocs: {found}" for found in ours if found not in theirs]
        different += [f"{page.path}: only with Zensical: {found}" for found in theirs if found not in ours]
    assert not different, "\n".join(different)


def test_every_other_file_is_published(site: Site, successor: Path) -> None:
    for folder in ("xml", "downloads", "assets/checker"):
        for path in (site.output / folder).rglob("*.*"):
            assert (successor / path.relative_to(site.output)).read_bytes() == path.read_bytes()
