"""What each test claims about which things of the pages, for the verification report (`pytest --report FILE`)."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.report import Claim, Report, Thing
from harness.site import NUMBER, Fence, Page, docstrings, prose_lines, scan_spans
from project import ROOT, SOURCE

LEDGER = tomllib.loads((ROOT / "tests" / "numbers.toml").read_text())
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PAGES = {page.path.as_posix(): page for page in SOURCE.pages}
KINDS = {"python": "program", "sh": "commands", "powershell": "commands", "xml": "document", "http": "exchange"}

Things = Callable[..., Iterable[Thing]]


def thing(page: Page, line: int, kind: str, text: str, file: Path | None = None) -> Thing:
    return Thing(page.path.as_posix(), (file or page.path).as_posix(), line, kind, text)


def title_of(page: Page) -> str:
    for line in page.lines:
        if line.startswith("# "):
            return re.sub(r"`|\s*\{.*\}", "", line[2:])
        if directive := re.match(r"::: (\w+)", line):
            return directive[1]
    return page.path.stem


# The things of a page, read from its source.


def block(page: Page, fence: Fence) -> Thing:
    kind = "output" if fence.is_output else KINDS.get(fence.language, "block")
    shown = fence.include or (fence.lines[0] if fence.lines else "")
    return thing(page, fence.line, kind, shown, fence.path)


def blocks(page: Page) -> list[Thing]:
    return [block(page, fence) for fence in page.fences]


def tables(page: Page) -> Iterator[Thing]:
    for number in page.table_lines():
        yield thing(page, number - 1, "table", page.lines[number - 2].strip("| ").replace(" | ", ", "))


def prose(page: Page) -> Iterator[tuple[Path, int, str]]:
    """The sentences of a page, and those of the docstrings that it shows; what stands in tables is the tables'."""
    for number, line in page.prose():
        if not line.startswith("|"):
            yield page.path, number, line
    for module in modules(page):
        for first, lines in docstrings(ROOT, module):
            for number, line in prose_lines(module, lines, first):
                yield module, number, line


def modules(page: Page) -> list[Path]:
    found = (re.match(r"::: (\w+)", line) for line in page.lines)
    return [Path("snippets") / f"{directive[1]}.py" for directive in found if directive]


def names(page: Page) -> Iterator[Thing]:
    for file, number, line in prose(page):
        spans = [span.text for span in scan_spans(file, iter([(number, line)])) if not NUMBER.fullmatch(span.text)]
        if spans:
            yield thing(page, number, "names", ", ".join(dict.fromkeys(spans)), file)


def numbers(page: Page) -> Iterator[Thing]:
    for file, number, line in prose(page):
        for span in scan_spans(file, iter([(number, line)])):
            if NUMBER.fullmatch(span.text):
                meaning = LEDGER.get(file.as_posix(), {}).get(span.text, {}).get("is", "unknown")
                yield thing(page, number, "number", f"{span.text}: {meaning}", file)


def links(page: Page) -> Iterator[Thing]:
    for number, line in page.prose():
        targets = re.findall(r"\]\(([^)]+)\)", line)
        if targets:
            yield thing(page, number, "links", ", ".join(dict.fromkeys(targets)))


def whole(page: Page) -> Thing:
    return thing(page, 1, "page", title_of(page))


def signatures(page: Page) -> Iterator[Thing]:
    for module in modules(page):
        for statement in ast.parse((ROOT / module).read_text()).body:
            members = [statement, *(statement.body if isinstance(statement, ast.ClassDef) else [])]
            for member in members:
                if isinstance(member, ast.ClassDef | ast.FunctionDef) and not member.name.startswith("_"):
                    owner = "" if member is statement else f"{getattr(statement, 'name', '')}."
                    if not getattr(statement, "name", "_").startswith("_"):
                        yield thing(page, member.lineno, "signature", f"{owner}{member.name}", module)


def entries(page: Page, pattern: str, kind: str) -> Iterator[Thing]:
    """The headings of a page that are entries of a list, each of which a test shows."""
    for number, line in page.prose():
        if match := re.match(rf"## {pattern}", line):
            yield thing(page, number, kind, match[1])


def everything() -> list[Thing]:
    found: list[Thing] = []
    for page in SOURCE.pages:
        for of in (blocks, tables, names, numbers, links, signatures):
            found += of(page)
        found.append(whole(page))
    return found


# Which test checks which of them.


def of_page(of: Callable[[Page], Iterable[Thing]]) -> Things:
    """The things of the page that the parameter of a test names: by its path, its address, or as it is."""

    def find(**parameters: object) -> Iterable[Thing]:
        value = parameters.get("page", parameters.get("path"))
        if isinstance(value, Page):
            return of(value)
        for page in SOURCE.pages:
            if str(value) in (page.path.as_posix(), page.url):
                return of(page)
        # A module: the page that shows its docstrings.
        return [
            found
            for page in SOURCE.pages
            if Path(str(value)) in modules(page)
            for found in of(page)
            if found.file == str(value)
        ]

    return find


def run_block(path: str, index: int, **_: object) -> list[Thing]:
    """A program or command, and the output under it."""
    page = PAGES[path]
    following = page.fences[index + 1 : index + 2]
    return [block(page, page.fences[index]), *(block(page, fence) for fence in following if fence.is_output)]


def including(*includes: str) -> list[Thing]:
    return [block(page, fence) for page in SOURCE.pages for fence in page.fences if fence.include in includes]


def with_output(*includes: str) -> list[Thing]:
    return [
        found
        for path, page in PAGES.items()
        for index, fence in enumerate(page.fences)
        if fence.include in includes
        for found in run_block(path, index)
    ]


def entry(path: str, pattern: str, kind: str, text: str) -> list[Thing]:
    return [found for found in entries(PAGES[path], pattern, kind) if found.text == text]


def discrepancy_claims() -> dict[str, list[Claim]]:
    file = "test_discrepancies.py"
    found = re.findall(r"^def (test_d(\d+)_\w+)", (ROOT / "tests" / file).read_text(), re.MULTILINE)
    return {f"{file}::{test}": [Claim("shown by a test", _discrepancy(number))] for test, number in found}


def _discrepancy(number: str) -> Things:
    return lambda **_: entry("docs/discrepancies.md", r"`(D\d+)`", "discrepancy", f"D{number}")


RUN = "run against the {target}, and what it prints compared with the output shown"
CLAIMS: dict[str, list[Claim]] = {
    "test_blocks.py::test_blocks_come_out_as_written": [
        Claim("is on the built page as it is in its file", of_page(blocks))
    ],
    "test_blocks.py::test_run": [Claim(RUN, run_block)],
    "test_blocks.py::test_server_is_started_used_and_stopped": [Claim("started, called and stopped", run_block)],
    "test_blocks.py::test_powershell_says_what_the_shell_says": [
        Claim(
            "compared line by line with the shell commands beside it; no PowerShell runs",
            lambda fence: [block(page, own) for page in SOURCE.pages for own in page.fences if own is fence],
        )
    ],
    "test_programs.py::test_copied_program": [
        Claim("saved under its name in an empty folder beside the page's downloads, and run there", run_block)
    ],
    "test_schemas.py::test_published_and_shown_file_is_the_one_that_is_sent": [
        Claim(
            "is the file that is published, and that sandbox and mock send",
            lambda name: including(f"docs/xml/{name}"),
        )
    ],
    "test_schemas.py::test_answers_are_accepted": [
        Claim("agrees with the schema", lambda name, **_: including(f"docs/xml/{name}"))
    ],
    "test_schemas.py::test_request_is_accepted": [
        Claim("agrees with the schema", lambda **_: including("docs/xml/request.xml"))
    ],
    "test_exchanges.py::test_exchange": [
        Claim(
            "compared with what the mock recorded",
            lambda name: including(f"snippets/{name}.request.http", f"snippets/{name}.answer.http"),
        )
    ],
    "test_journey.py::test_commands_of_the_page": [
        Claim(
            "run against the receiver, and what it prints compared with the output shown",
            lambda: with_output(
                *(f"snippets/{name}.sh" for name in ("deliver_get", "deliver_post", "deliver_xml", "stored"))
            ),
        )
    ],
    "test_journey.py::test_the_whole_journey": [
        Claim("run in the whole journey", lambda: including("snippets/deliver.sh", "snippets/start_receiver.sh"))
    ],
    "test_tables.py::test_tables": [
        Claim("header and each cell compared with what the table describes", of_page(tables))
    ],
    "test_inline_code.py::test_names_resolve": [
        Claim("found in the XML, the schemas, the programs or a command", of_page(names))
    ],
    "test_inline_code.py::test_numbers_count_what_they_say": [Claim("compared with what it counts", of_page(numbers))],
    "test_pages.py::test_links_and_downloads_are_there": [Claim("followed on the built page", of_page(links))],
    "test_reference.py::test_signatures": [Claim("compared with what Python says", of_page(signatures))],
    "test_browser.py::test_a_page_loads_nothing_from_elsewhere_and_reports_no_error": [
        Claim("opened in a browser: no request to another host, no error", of_page(lambda page: [whole(page)]))
    ],
    "test_prose.py::test_style": [
        Claim("read for the rules of style that a program can check", of_page(lambda page: [whole(page)]))
    ],
    "test_successor.py::test_page_is_the_same": [
        Claim("built by another generator too, with the same text", of_page(lambda page: [whole(page)]))
    ],
    "test_troubleshooting.py::test_symptom": [
        Claim(
            "provoked, word for word",
            lambda message: entry("docs/troubleshooting.md", "`(.*?)`", "message", message),
        )
    ],
    **discrepancy_claims(),
}
"""File and function of a test, to what it claims. Where a test fails, all that it claims counts as failed."""


def not_run() -> dict[Thing, str]:
    """The blocks that are shown and not run, with the reason."""
    from test_blocks import NOT_RUN  # once it is collected: pytest rewrites its assertions

    shown = [(block(page, fence), "\n".join(fence.lines)) for page in SOURCE.pages for fence in page.fences]
    return {found: NOT_RUN[text] for found, text in shown if text in NOT_RUN}


def report(path: Path) -> Report:
    """The plugin that writes the report to this file."""
    pages = {path: (page.url, title_of(page)) for path, page in PAGES.items()}
    return Report(path, ROOT, VERSION, pages, everything(), CLAIMS, not_run)
