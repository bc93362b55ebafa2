"""The Markdown copies of the pages and `llms.txt`, as they are published."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from harness.site import Page, Site
from project import DEFAULT_SITE_URL, ROOT, SOURCE

URL = "https://docs.example.com/connect/"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    ended = subprocess.run([ROOT / ".ci" / "build-site", URL, folder], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_a_copy_has_each_block_of_its_page(page: Page, published: Path, site: Site) -> None:
    copy = (published / page.path.relative_to("docs")).read_text()
    flat = re.sub(r"^ +", "", copy, flags=re.MULTILINE)  # blocks in tabs and lists are indented
    for block in [] if "reference" in page.path.parts else site.page(page.path.as_posix()).blocks():
        text = re.sub(r"^ +", "", block.text, flags=re.MULTILINE).replace(DEFAULT_SITE_URL, URL).strip()
        assert text in flat, f"{block.fence.path}:{block.fence.line}: the copy of the page lacks this block"
    assert "--8<--" not in copy, f"{page.path}: the copy has an include that was not followed"
    assert "\n:::" not in copy, f"{page.path}: the copy has a directive that was not followed"


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_the_links_of_a_copy_lead_somewhere(page: Page, published: Path) -> None:
    copy = published / page.path.relative_to("docs")
    prose = re.sub(r"^ *```.*?^ *```$|`[^`\n]*`", "", copy.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", prose):
        assert re.match(r"[a-z]+:", target) or (copy.parent / target).exists(), f"{page.path}: {target} is not there"


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_a_copy_is_text(page: Page, published: Path) -> None:
    copy = (published / page.path.relative_to("docs")).read_text()
    prose = re.sub(r"^ *(`{3,}).*?^ *\1$|`[^`\n]*`", "", copy, flags=re.MULTILINE | re.DOTALL)
    markup = re.findall(r"</?(?:button|div|figure|form|noscript|p|svg)\b[^>]*>", prose)
    assert not markup, f"{page.path}: the copy has HTML, which only a browser shows: {markup[:3]}"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("guides/journey", "which answers with HTTP status 200."),
        ("checker", "The form is on the page itself"),
        ("verification", "The verdicts are on the page itself"),
    ],
)
def test_a_copy_says_what_it_leaves_out(page: str, text: str, published: Path) -> None:
    copy = (published / f"{page}.md").read_text()
    assert text in copy, f"{page}.md does not say {text!r}"
    assert "not run |" not in copy, f"{page}.md: verdicts that no report gave"


def test_llms_txt_lists_each_page(published: Path) -> None:
    listed = re.findall(r"^- \[.+\]\((.+)\): .{50,}$", (published / "llms.txt").read_text(), flags=re.MULTILINE)
    assert sorted(listed) == sorted(URL + page.path.relative_to("docs").as_posix() for page in SOURCE.pages)
