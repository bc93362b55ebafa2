"""The same sources under Zensical, the successor of generator and theme: the same pages, but for listed differences."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import metadata
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser

from harness.browser import visit, wait_until
from harness.host import host
from harness.run import cannot_run, clean_environment, run_shell
from harness.site import Page, Site
from project import FACTS, ROOT, SOURCE
from test_hosting import inline_scripts, policy
from test_planted_faults import BUILD_FAULTS, Small

PAGE = "docs/successor.md"
COMMAND = "snippets/build_with_zensical.sh"
DIFFERENCES: dict[str, list[str]] = {row[0]: row[1:] for row in FACTS["successor"]["differences"]}
"""What differs: with MkDocs, with Zensical, and what it means."""


@pytest.fixture(scope="session", autouse=True)
def zensical() -> str:
    """The pinned version; where it is missing, the tests of this file are skipped, and in CI they fail."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["lint"]
    (pinned,) = [match[1] for entry in lint if (match := re.match(r"zensical==(.*)", entry))]
    if importlib.util.find_spec("zensical") is None:
        cannot_run(f"no Zensical here: pip install zensical=={pinned}, or '.[lint]' with all tools")
    return pinned


def copy_of_the_sources(root: Path) -> Path:
    for folder in ("docs", "snippets"):
        shutil.copytree(ROOT / folder, root / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "mkdocs.yml", root / "mkdocs.yml")
    return root


@pytest.fixture(scope="session")
def successor(zensical: str, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site as Zensical builds it, with the command of the page, in a copy: it has no option for another folder."""
    assert zensical
    root = copy_of_the_sources(tmp_path_factory.mktemp("successor"))
    (block,) = [block for block in site.page(PAGE).blocks() if block.fence.include == COMMAND]
    run_shell(block.text, root, clean_environment(root))
    return Site(root, root / "site")


def test_version_is_the_pinned_one(zensical: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "zensical", "--version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert zensical in ended.stdout


# The same pages.


def differences(page: Page, other: Page) -> list[str]:
    """In what a page differs from the same page of the other generator, each with its line where it has one."""
    found = [
        f"{ours.fence}: the block {ours.text!r} ({ours.language}, {ours.title!r}) is {theirs.text!r}"
        f" ({theirs.language}, {theirs.title!r})"
        for ours, theirs in zip(page.blocks(), other.blocks(), strict=True)
        if ours != theirs
    ]
    for table, same in zip(page.tables(), other.tables(), strict=True):
        if table != same:
            found.append(f"{page.path}:{table.line}: the table {table.rows} is {same.rows}")
    for what, read in READ.items():
        ours, theirs = read(page), read(other)
        if ours != theirs:
            found.append(f"{page.path}: {what}: {ours - theirs} with MkDocs, {theirs - ours} with Zensical")
    return found


def headings(page: Page) -> Counter[str]:
    elements = page.article.xpath(".//*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6]")
    return Counter(f"{element.tag} {element.get('id')} {element.text_content()}" for element in elements)


def anchors(page: Page) -> Counter[str]:
    return Counter(str(found) for found in page.article.xpath(".//@id") if found != SKIP)


def links(page: Page) -> Counter[str]:
    targets = page.article.xpath(".//a/@href | .//link/@href | .//img/@src | .//script/@src")
    return Counter(urljoin(f"/{page.url}", target) for target in targets)


READ: dict[str, Callable[[Page], Counter[str]]] = {
    "signatures": lambda page: Counter(f"{name} {text}" for name, text in page.signatures().items()),
    "headings": headings,
    "anchors": anchors,
    "links": links,
    "words": lambda page: Counter(page.article.text_content().split()),
}
SKIP = "__skip"


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_page_is_the_same(page: Page, site: Site, successor: Site) -> None:
    path = page.path.as_posix()
    found = differences(site.page(path), successor.page(path))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("The guides call", "The guide calls", "words"),
        ('id="the-document"', 'id="documents"', "headings"),
        ('class="language-xml ', 'class="language-text ', "the block"),
        ("get_list_callback", "get_list_callbacks", "the block"),
        ('href="[^"]*request.xml"', 'href="requests.xml"', "links"),
    ],
)
def test_a_difference_is_found(old: str, new: str, message: str, site: Site, tmp_path: Path) -> None:
    """A fault of each kind in a copy of the built page is told with its place."""
    path = "docs/callback-types/request.md"
    copy = Site(site.root, tmp_path)
    text = site.page(path).html_path.read_text()
    start = text.index("<article")
    changed, count = re.subn(old, new, text[start:], count=1)
    changed = text[:start] + changed
    assert count == 1, f"{old} is not on the page: plant another fault"
    copy.page(path).html_path.parent.mkdir(parents=True)
    copy.page(path).html_path.write_text(changed)
    assert message in "\n".join(differences(site.page(path), copy.page(path)))


# What differs: each entry of the table is measured, and nothing else differs.


def published(site: Site) -> set[str]:
    """The files of a site but for those of the theme, which are each generator's own."""
    files = {path.relative_to(site.output).as_posix() for path in site.output.rglob("*") if path.is_file()}
    return {file for file in files if not file.startswith(("assets/javascripts/", "assets/stylesheets/"))}


def test_other_files_are_the_same(site: Site, successor: Site) -> None:
    listed = published(site) ^ published(successor)
    known = {cell for row in DIFFERENCES.values() for cell in row[:2]}
    assert listed <= known, f"published by one alone, and not in the table of {PAGE}: {listed - known}"
    for file in published(site) & published(successor):
        if not file.endswith(".html") and file not in {"sitemap.xml", "objects.inv"}:
            ours, theirs = (built.output / file for built in (site, successor))
            assert ours.read_bytes() == theirs.read_bytes(), f"{file} differs"


def only(file: str) -> Callable[[Site, Site], tuple[str, str]]:
    def measure(site: Site, successor: Site) -> tuple[str, str]:
        return tuple(file if (built.output / file).is_file() else "none" for built in (site, successor))  # type: ignore[return-value]

    return measure


def search_index(site: Site, successor: Site) -> tuple[str, str]:
    names = ("search/search_index.json", "search.json")
    found = [[name for name in names if (built.output / name).is_file()] for built in (site, successor)]
    return ", ".join(found[0]), ", ".join(found[1])


def link_within_a_page(site: Site, successor: Site) -> tuple[str, str]:
    path = "docs/reference/client.md"
    found = []
    for built in (site, successor):
        hrefs = built.page(path).article.xpath(".//a[contains(@class, 'autorefs-internal')]/@href")
        found.append("/".join(sorted({re.sub(r"(?<=#).*", "NAME", href) for href in hrefs if "#" in href})))
    return found[0], found[1]


def style_sheet(site: Site, successor: Site) -> tuple[str, str]:
    found = []
    for built in (site, successor):
        (sheet,) = re.findall(r"assets/stylesheets/[a-z/]*main", (built.output / "index.html").read_text())
        found.append(sheet)
    return found[0], found[1]


def skip_anchor(site: Site, successor: Site) -> tuple[str, str]:
    found = [bool(built.page("docs/index.md").article.xpath(f".//*[@id='{SKIP}']")) for built in (site, successor)]
    words = {True: "an anchor of its own", False: "the first heading"}
    return words[found[0]], words[found[1]]


def inline_hashes(site: Site, successor: Site) -> tuple[str, str]:
    words = {0: "allowed by nginx.conf", 1: "one has another hash"}
    found = []
    for built in (site, successor):
        refused = set(inline_scripts(built)) - set(policy()["script-src"])
        found.append(words.get(len(refused), f"these have other hashes: {refused}"))
    return found[0], found[1]


def options_of(command: str) -> list[set[str]]:
    """The options that a command has with either generator."""
    helps = [
        subprocess.run([sys.executable, "-m", tool, command, "--help"], capture_output=True, text=True, check=True)
        for tool in ("mkdocs", "zensical")
    ]
    return [set(re.findall(r"--[a-z-]+", ended.stdout)) for ended in helps]


def site_dir_option(site: Site, successor: Site) -> tuple[str, str]:
    assert site.root != successor.root
    found = ["--site-dir" if "--site-dir" in options else successor.output.name for options in options_of("build")]
    return found[0], found[1]


FILES: dict[str, Callable[[Site, Site], tuple[str, str]]] = {
    "the index of the search": search_index,
    "the style of the reference pages": only("assets/_mkdocstrings.css"),
    "a compressed site map": only("sitemap.xml.gz"),
    "a link within a reference page": link_within_a_page,
    "where a page's skip link leads": skip_anchor,
    "the theme's style sheet": style_sheet,
    "the scripts within the pages": inline_hashes,
    "the folder that the site is written to": site_dir_option,
}


@pytest.mark.parametrize("what", FILES)
def test_a_listed_difference_is_one(what: str, site: Site, successor: Site) -> None:
    measured = FILES[what](site, successor)
    assert list(measured) == DIFFERENCES[what][:2]
    assert measured[0] != measured[1], f"{what}: no difference any more, take it out of the table"


def build_small(small: Small, tool: str) -> bool:
    command = [sys.executable, "-m", tool, "build", "--clean", "--strict"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ended = subprocess.run(command, cwd=small.root, env=environment, capture_output=True, text=True, check=False)
    return ended.returncode == 0


def plant_page_outside(small: Small) -> None:
    small.plant("mkdocs.yml", "validation: {", "nav: [index.md]\nvalidation: {nav: {omitted_files: warn}, ")
    (small.root / "docs" / "other.md").write_text("# Other\n")


def plant_entry_without_page(small: Small) -> None:
    small.plant("mkdocs.yml", "validation: {", "nav: [index.md, other.md]\nvalidation: {")


def plant_dead_download(small: Small) -> None:
    small.plant("docs/index.md", "(#table)", "(program.py)")


FAULTS = {
    "a page that the navigation lacks": plant_page_outside,
    "an entry of the navigation without its page": plant_entry_without_page,
    "a link to a download that is not there": plant_dead_download,
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_that_one_build_passes_over(what: str, tmp_path: Path) -> None:
    small = Small(tmp_path)
    FAULTS[what](small)
    words = {True: "is passed over", False: "fails the build"}
    assert [words[build_small(small, tool)] for tool in ("mkdocs", "zensical")] == DIFFERENCES[what][:2]


@pytest.mark.parametrize("name", BUILD_FAULTS)
def test_a_fault_that_fails_both_builds(name: str, tmp_path: Path) -> None:
    small = Small(tmp_path)
    file, old, new, _ = BUILD_FAULTS[name]
    small.plant(file, old, new)
    assert not build_small(small, "zensical")


@pytest.mark.parametrize("tool", ["mkdocs", "zensical"])
def test_both_build_with_the_classic_variant(tool: str, zensical: str, tmp_path: Path) -> None:
    """The setting that keeps the look is one that either generator takes, and it changes the style sheet of one."""
    assert zensical
    root = copy_of_the_sources(tmp_path)
    config = (root / "mkdocs.yml").read_text()
    changed = config.replace("\ntheme:\n", "\ntheme:\n  variant: classic\n")
    assert changed != config
    (root / "mkdocs.yml").write_text(changed)
    command = [sys.executable, "-m", tool, "build", "--clean", "--strict"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    ended = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    sheets = re.findall(r"assets/stylesheets/[a-z/]*main", (root / "site" / "index.html").read_text())
    where = {"mkdocs": DIFFERENCES["the theme's style sheet"][0], "zensical": "assets/stylesheets/classic/main"}
    assert sheets == [where[tool]]


def test_theme_says_what_the_page_says_of_it() -> None:
    """The day of its end, its successor and the setting that keeps the look: in the description of its package."""
    text = " ".join(str(metadata("mkdocs-material").json["description"]).replace(">", " ").split())
    (day,) = re.findall(r"reaches end of life on (\w+ \d+, \d+)", text)
    assert f"`{datetime.strptime(day, '%B %d, %Y').replace(tzinfo=UTC).date()}`" in (ROOT / PAGE).read_text()
    assert "Zensical" in text
    assert "successor built by the team behind Material for MkDocs" in text
    assert "The `classic` theme variant preserves the appearance of Material for MkDocs" in text


def test_steps_name_each_file_that_runs_the_generator() -> None:
    """Who moves finds each call of MkDocs in the steps; comments and the tests of this very move aside."""
    calls = re.compile(
        r'mkdocs (?:serve|build --strict --site-dir)|"mkdocs", "(?:build|serve)"|^(?:from|import) mkdocs', re.M
    )
    folders = ["docs", "snippets", "tests", ".ci"]
    listed = [ROOT / "README.md", *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    own = {PAGE, "tests/test_successor.py"}
    files = {path.relative_to(ROOT).as_posix(): path for path in listed if path.is_file()}
    made = ("node_modules", "__pycache__")
    text = {name: path.read_text(errors="ignore") for name, path in files.items() if not any(m in name for m in made)}
    found = {name for name in text if name not in own and calls.search(text[name])}
    assert ".ci/build-site" in found
    steps = (ROOT / PAGE).read_text().partition("## What a move takes")[2].replace("the README", "`README.md`")
    missing = {file for file in found if f"`{file}`" not in steps}
    assert not missing, f"{PAGE}: the steps do not name {missing}, which run MkDocs"


def test_the_other_command_to_serve_has_fewer_options() -> None:
    ours, theirs = options_of("serve")
    assert "--dev-addr" in ours & theirs, "the README gives the address with it"
    assert len(theirs) < len(ours)
    assert "--no-livereload" not in theirs, "tests/test_sandbox.py uses it"


def test_every_difference_is_measured() -> None:
    assert set(DIFFERENCES) == {*FILES, *FAULTS}


def test_search_and_copy_buttons_work(successor: Site, site: Site, browser: Browser) -> None:
    """What the site adds to the theme's script fits the other generator's script too."""
    with host(successor.output) as url, visit(browser, url) as opened:
        page = opened.page
        page.evaluate("navigator.clipboard.writeText('')")
        page.locator("article button[data-clipboard-target]").first.click()
        wait_until(page, "navigator.clipboard.readText().then(Boolean)", "the button has copied its block")
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == site.page("docs/index.md").blocks()[0].text.rstrip("\n")
        page.keyboard.press("/")
        page.keyboard.type("007")
        page.get_by_role("option", name="Command not allowed").first.wait_for()
        assert not opened.errors
