"""The verification report, and the page that shows it: what did not run is never green."""

from __future__ import annotations

import ast
import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from claims import CLAIMS, VERSION, everything
from harness.browser import visit
from harness.host import host
from harness.report import FAILED, NOT_RUN, PASSED
from harness.site import Site
from project import ROOT, SOURCE

Document = dict[str, Any]
REVISION = "0123456789abcdef0123456789abcdef01234567"


# The report: a small project with a test of each fate.

TESTS = """
import pytest
def test_passes(): pass
def test_fails(): assert False
def test_skips(): pytest.skip("no browser here")
@pytest.mark.xfail(reason="known")
def test_is_expected_to_fail(): assert False
@pytest.fixture
def broken(): raise RuntimeError
def test_has_no_setup(broken): pass
@pytest.fixture
def leaves_a_mess():
    yield
    raise RuntimeError
def test_has_no_teardown(leaves_a_mess): pass
@pytest.mark.parametrize("what", ["one", "two"])
def test_of_two(what): pass
"""
CONFTEST = """
from pathlib import Path
from harness.report import Claim, Report, Thing

NAMES = "passes fails skips is_expected_to_fail has_no_setup has_no_teardown of_two of_none".split()
THINGS = {name: Thing("docs/index.md", "docs/index.md", line, "fact", name) for line, name in enumerate(NAMES, 1)}

def claim(name):
    return Claim("compared" + (" with {what}" if name == "of_two" else ""), lambda **_: [THINGS[name]])

def pytest_configure(config):
    root = Path(__file__).parent.parent
    claims = {f"test_fates.py::test_{name}": [claim(name)] for name in NAMES}
    pages = {"docs/index.md": ("", "Home")}
    report = Report(root / "report.json", root, "1.0", pages, list(THINGS.values()), claims, dict)
    config.pluginmanager.register(report)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_fates.py").write_text(TESTS)
    (tmp_path / "tests" / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\ntestpaths = tests\npythonpath = {ROOT / 'tests'}\n")
    return tmp_path


def run(project: Path, *arguments: str) -> tuple[Document, dict[str, str]]:
    """Run the tests of a small project; return its report, and the verdict on each of its things."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    ended = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, timeout=60)
    assert (project / "report.json").exists(), ended.stdout + ended.stderr
    document = json.loads((project / "report.json").read_text())
    (page,) = document["pages"]
    return document, {thing["text"]: thing["verdict"] for thing in page["things"]}


def test_only_what_ran_and_passed_is_passed(project: Path) -> None:
    document, verdicts = run(project)
    assert document["complete"] is True, document["partial"]
    assert verdicts == {
        "passes": PASSED,
        "fails": FAILED,
        "skips": NOT_RUN,
        "is_expected_to_fail": NOT_RUN,
        "has_no_setup": FAILED,
        "has_no_teardown": FAILED,
        "of_two": PASSED,
        "of_none": NOT_RUN,
    }
    things = {thing["text"]: thing for thing in document["pages"][0]["things"]}
    assert [check["what"] for check in things["of_two"]["checks"]] == ["compared with one", "compared with two"]
    assert "no browser here" in things["skips"]["checks"][0]["reason"]
    assert things["of_none"]["checks"] == []
    assert document["pages"][0]["counts"] == {PASSED: 2, FAILED: 3, NOT_RUN: 3}


@pytest.mark.parametrize(
    "arguments",
    [
        ("-k", "passes or of_two"),
        ("tests/test_fates.py",),
        ("tests/test_fates.py::test_passes",),
        ("--deselect", "tests/test_fates.py::test_of_two[one]"),
        ("--collect-only",),
        ("--ignore", "tests/test_other.py"),
    ],
    ids=" ".join,
)
def test_a_run_of_some_tests_proves_nothing(arguments: tuple[str, ...], project: Path) -> None:
    (project / "tests" / "test_other.py").write_text("def test_other(): pass\n")
    document, verdicts = run(project, *arguments)
    assert document["complete"] is False
    assert PASSED not in verdicts.values()


def test_what_an_early_end_left_out_is_not_run(project: Path) -> None:
    _, verdicts = run(project, "-x")
    assert (verdicts["passes"], verdicts["fails"], verdicts["of_two"]) == (PASSED, FAILED, NOT_RUN)


def test_every_claim_is_of_a_test() -> None:
    for name in CLAIMS:
        file, function = name.split("::")
        tree = ast.parse((ROOT / "tests" / file).read_text())
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert function in functions, f"tests/claims.py: {name} is not there any more"


def test_everything_on_the_pages_is_claimed_by_a_test(tmp_path: Path) -> None:
    """Collect all tests and run none: each thing has its checks, and none of them counts as passed."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    ended = subprocess.run(
        [*command, "--report", tmp_path / "report.json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    document = json.loads((tmp_path / "report.json").read_text())
    things = [thing for page in document["pages"] for thing in page["things"]]
    unclaimed = [f"{thing['file']}:{thing['line']}: {thing['kind']}" for thing in things if not thing["checks"]]
    assert not unclaimed, f"no test in tests/claims.py checks these: {unclaimed}"
    assert {thing["verdict"] for thing in things} == {NOT_RUN}
    assert len(things) >= len(set(everything()))
    assert [page["page"] for page in document["pages"]] == [page.path.as_posix() for page in SOURCE.pages]


# The page, in a browser.


def example() -> Document:
    """A report in which everything passed, with one thing on each page."""
    check = {"what": "compared with what it counts", "test": "tests/test_x.py::test_y", "verdict": PASSED}
    pages = [
        {
            "page": page.path.as_posix(),
            "url": page.url,
            "title": page.path.stem,
            "counts": {PASSED: 1, FAILED: 0, NOT_RUN: 0},
            "things": [
                {
                    "file": page.path.as_posix(),
                    "line": 12,
                    "kind": "number",
                    "text": "<b>3</b>: digits",
                    "verdict": PASSED,
                    "checks": [dict(check)],
                }
            ],
        }
        for page in SOURCE.pages
    ]
    date = "2026-01-01T00:00:00+00:00"
    return {"version": VERSION, "revision": REVISION, "date": date, "complete": True, "partial": "", "pages": pages}


@pytest.fixture(scope="module")
def published(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A copy of the site as `.ci/build-site` makes it of a commit, below a path; its folder and address."""
    top = tmp_path_factory.mktemp("published")
    folder = top / "docs"
    shutil.copytree(site.output, folder)
    path = folder / "verification" / "index.html"
    html = path.read_text()
    assert html.count('data-revision="unknown"') == 1
    path.write_text(html.replace('data-revision="unknown"', f'data-revision="{REVISION}"'))
    with host(top) as url:
        yield folder, f"{url}docs/verification/"


def shown(browser: Browser, url: str, scripts: bool = True) -> tuple[str, list[str], str]:
    """The status of the page, the verdict in each row, and the text of the whole."""
    with visit(browser, url, scripts=scripts) as opened:
        page = opened.page
        page.wait_for_load_state("networkidle")
        missing = [error for error in opened.errors if "404" not in error]  # a report that is not there
        assert not missing
        rows = page.locator(
            "#verification > .md-typeset__scrollwrap td:last-child, #verification > table td:last-child"
        )
        return (
            page.locator("#verification [role=status]").inner_text(),
            rows.all_inner_texts(),
            page.locator("#verification").inner_text(),
        )


def publish(published: tuple[Path, str], document: object) -> str:
    folder, url = published
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / "verification.json").write_text(text)
    return url


def test_all_passed(published: tuple[Path, str], browser: Browser) -> None:
    status, rows, _ = shown(browser, publish(published, example()))
    assert status.startswith(f"✓ {len(SOURCE.pages)} passed in version {VERSION}")
    assert REVISION[:12] in status
    assert rows == ["✓ 1 passed"] * len(SOURCE.pages)


def test_the_report_moves_nothing_on_a_phone(published: tuple[Path, str], browser: Browser) -> None:
    with visit(browser, publish(published, example()), width=390) as opened:
        page, status = opened.page, opened.page.locator("#verification [role=status]")
        expect(status).to_contain_text("passed in version")
        after = page.evaluate("document.querySelector('.verification-status').offsetHeight")
        page.evaluate("document.querySelector('.verification-status').textContent = 'Not run: no report is read yet.'")
        before = page.evaluate("document.querySelector('.verification-status').offsetHeight")
        assert before == after, "the status has more lines than extra.css keeps free for it"


def test_a_page_opens_line_by_line(published: tuple[Path, str], browser: Browser) -> None:
    with visit(browser, publish(published, example())) as opened:
        opened.page.locator("details", has_text="Quickstart").first.locator("summary").click()
        region = opened.page.get_by_role("region", name="What was checked on the page Quickstart")
        cells = region.locator("tbody td").all_inner_texts()
        assert cells == ["12", "number <b>3</b>: digits", "compared with what it counts", "✓ passed"]
        assert not opened.errors


Change = Callable[[Document], object]


def first(document: Document) -> Document:
    """The only thing of the first page of the table, the home page."""
    (page,) = [page for page in document["pages"] if page["url"] == ""]
    thing: Document = page["things"][0]
    return thing


CHANGES: dict[str, tuple[Change, str]] = {
    "failed": (lambda report: first(report).update(verdict=FAILED), "✗ 1 failed"),
    "check failed": (lambda report: first(report)["checks"][0].update(verdict=FAILED), "✗ 1 failed"),
    "not run": (lambda report: first(report).update(verdict=NOT_RUN), "○ 1 not run"),
    "check skipped": (lambda report: first(report)["checks"][0].update(verdict=NOT_RUN), "○ 1 not run"),
    "no checks": (lambda report: first(report).update(checks=[]), "○ 1 not run"),
    "checks missing": (lambda report: first(report).pop("checks"), "○ 1 not run"),
    "verdict missing": (lambda report: first(report).pop("verdict"), "○ 1 not run"),
    "unknown verdict": (lambda report: first(report).update(verdict="green"), "○ 1 not run"),
    "page empty": (lambda report: report["pages"][-1].update(things=[]), "○ not run"),
    "page missing": (lambda report: report["pages"].pop(), "○ not run"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_did_not_pass_is_not_green(name: str, published: tuple[Path, str], browser: Browser) -> None:
    document = copy.deepcopy(example())
    change, verdict = CHANGES[name]
    change(document)
    status, rows, _ = shown(browser, publish(published, document))
    assert sorted(rows) == sorted(["✓ 1 passed"] * (len(SOURCE.pages) - 1) + [verdict])
    assert status[0] == verdict[0]


WRONG: dict[str, tuple[Change | str, str]] = {
    "other version": (lambda report: report.update(version="0.0.1"), "the report is of version 0.0.1"),
    "other sources": (lambda report: report.update(revision="f" * 40), "the report is of the sources ffff"),
    "changed sources": (lambda report: report.update(revision=f"{REVISION} with changes"), "with changes"),
    "no revision": (lambda report: report.pop("revision"), "undefined"),
    "some tests": (
        lambda report: report.update(complete=False, partial="tests were deselected"),
        "tests were deselected",
    ),
    "no pages": (lambda report: report.pop("pages"), "is no report"),
    "no JSON": ("<html>", "cannot be read"),
    "null": ("null", "is no report"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_report_that_is_not_of_this_site_shows_nothing(
    name: str, published: tuple[Path, str], browser: Browser
) -> None:
    document: Any = copy.deepcopy(example())
    change, message = WRONG[name]
    if callable(change):
        change(document)
    status, rows, _ = shown(browser, publish(published, document if callable(change) else change))
    assert status.startswith("○ Not run: ")
    assert message in status
    assert rows == ["not run"] * len(SOURCE.pages)


@pytest.mark.parametrize("sources", [True, False], ids=["as in the sources", "no file"])
def test_without_a_report_everything_is_not_run(sources: bool, published: tuple[Path, str], browser: Browser) -> None:
    folder, url = published
    if sources:
        shutil.copyfile(ROOT / "docs" / "verification.json", folder / "verification.json")
    else:
        (folder / "verification.json").unlink(missing_ok=True)
    status, rows, text = shown(browser, url)
    assert status == "○ Not run: no report was published with this site."
    assert rows == ["not run"] * len(SOURCE.pages)
    assert "✓" not in text


def test_a_site_of_no_commit_shows_no_report(sandbox: str, site: Site, browser: Browser) -> None:
    report = site.output / "verification.json"
    report.write_text(json.dumps(example()))
    try:
        status, rows, _ = shown(browser, f"{sandbox}verification/")
    finally:
        shutil.copyfile(ROOT / "docs" / "verification.json", report)
    assert "without a revision" in status
    assert rows == ["not run"] * len(SOURCE.pages)


def test_without_scripts_everything_is_not_run(published: tuple[Path, str], browser: Browser) -> None:
    _, rows, text = shown(browser, publish(published, example()), scripts=False)
    assert rows == ["not run"] * len(SOURCE.pages)
    assert "Your browser runs no scripts here" in text
    assert "✓" not in text


def test_the_page_names_the_version_and_holds_no_script(site: Site) -> None:
    html = site.page("docs/verification.md").html_path.read_text()
    (script,) = re.findall(r"<script[^>]*verification[^>]*>", html)
    assert 'src="../assets/verification.js"' in script
    assert f'data-version="{VERSION}"' in script, "mkdocs.yml names another version than pyproject.toml"
    source = (ROOT / "docs" / "assets" / "verification.js").read_text()
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|\.style\b", source)
