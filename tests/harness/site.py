"""A documentation site: its Markdown source, the pages built from it, and what stands where."""

from __future__ import annotations

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import html

INCLUDE = re.compile(r'--8<-- "([^"]+)"$')
_FENCE = re.compile(r"(?P<indent>\s*)(?P<ticks>`{3,})(?P<info>[^`]*)$")
_TITLE = re.compile(r'title="([^"]*)"')
_CODE_SPAN = re.compile(r"(`+)(.+?)(?<!`)\1(?!`)")
NUMBER = re.compile(r"[0-9][0-9.:]*")
"""A number as inline code holds it."""
_TABLE_RULE = re.compile(r"\s*\|(\s*:?-+:?\s*\|)+\s*")
_DIRECTIVE = re.compile(r"::: (\w+)\s*$")
_HEADING = re.compile(r"#{1,6} ")


@dataclass(frozen=True)
class Problem:
    """Something wrong, and where in the source a person mends it."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True)
class Fence:
    """A fenced code block of the source: where it opens, its language and title, and the lines in it."""

    path: Path
    line: int
    language: str
    title: str
    lines: tuple[str, ...]

    @property
    def include(self) -> str | None:
        """The file that the fence includes, if it does nothing else."""
        found = INCLUDE.fullmatch(self.lines[0]) if len(self.lines) == 1 else None
        return found[1] if found else None

    @property
    def is_output(self) -> bool:
        return self.title == "Output"

    def problem(self, message: str) -> Problem:
        return Problem(self.path, self.line, message)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True)
class Block:
    """A code block as the reader gets it from the built page, with the fence that it comes from."""

    fence: Fence
    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Table:
    """A table of a built page: its first row is the header, and each cell is its text."""

    path: Path
    line: int
    anchor: str
    rows: tuple[tuple[str, ...], ...]

    def problem(self, message: str, row: int = 0) -> Problem:
        return Problem(self.path, self.line + (row + 1 if row else 0), message)


@dataclass(frozen=True)
class Span:
    """Inline code in prose, and the line that it stands in."""

    path: Path
    line: int
    text: str

    def problem(self, message: str) -> Problem:
        return Problem(self.path, self.line, message)


class Page:
    """A Markdown file of the site and the HTML page built from it."""

    def __init__(self, site: Site, path: Path) -> None:
        self.site = site
        self.path = path.relative_to(site.root)
        self.lines = path.read_text(encoding="utf-8").splitlines()
        self.fences = tuple(self._fences())

    @property
    def url(self) -> str:
        """Where the page is, below the address of the site: empty or with a slash at its end."""
        relative = self.path.relative_to("docs")
        folder = relative.parent if relative.stem == "index" else relative.with_suffix("")
        return "" if folder == Path() else f"{folder.as_posix()}/"

    @property
    def html_path(self) -> Path:
        return self.site.output / self.url / "index.html"

    @functools.cached_property
    def article(self) -> html.HtmlElement:
        article = html.fromstring(self.html_path.read_text(encoding="utf-8")).find(".//article")
        assert article is not None, f"{self.html_path} has no article"
        return article

    def _fences(self) -> Iterator[Fence]:
        """All code blocks in the order of the built page, those of the docstrings that it includes among them."""
        own = {fence.line: fence for fence in scan_fences(self.path, self.lines)}
        for number, line in enumerate(self.lines, 1):
            if number in own:
                yield own[number]
            elif directive := _DIRECTIVE.match(line):
                yield from docstring_fences(self.site.root, Path("snippets") / f"{directive[1]}.py")

    def blocks(self) -> list[Block]:
        """The code blocks of the built page.

        Raises:
            AssertionError: The page has more or fewer of them than its source.
        """
        found = self.article.xpath(
            ".//div[contains(concat(' ', @class, ' '), ' highlight ')][not(contains(@class, 'doc-signature'))]"
        )
        assert len(found) == len(self.fences), (
            f"{self.path}: {len(self.fences)} code blocks in the source, {len(found)} on the built page"
        )
        return [_block(fence, element) for fence, element in zip(self.fences, found, strict=True)]

    def signatures(self) -> dict[str, str]:
        """The signature blocks that mkdocstrings writes: the heading's id to the text."""
        found = {}
        for element in self.article.xpath(".//div[contains(@class, 'doc-signature')]"):
            (heading,) = element.xpath("preceding::*[self::h1 or self::h2 or self::h3 or self::h4][@id][1]")
            found[heading.get("id")] = element.text_content()
        return found

    def tables(self) -> list[Table]:
        """The tables of the built page."""
        found = self.article.xpath(".//table[not(contains(@class, 'highlighttable'))]")
        lines = self.table_lines()
        assert len(found) == len(lines), f"{self.path}: {len(lines)} tables in the source, {len(found)} on the page"
        return [_table(self.path, line - 1, element) for line, element in zip(lines, found, strict=True)]

    def table_lines(self) -> list[int]:
        """The numbers of the lines of the source that part the header of a table from its rows."""
        return [number for number, line in self.prose() if _TABLE_RULE.fullmatch(line)]

    def prose(self) -> Iterator[tuple[int, str]]:
        """The lines outside of code blocks, with their numbers."""
        yield from prose_lines(self.path, self.lines)

    def spans(self) -> list[Span]:
        """The inline code of the source, in its order."""
        return scan_spans(self.path, self.prose())

    def downloads(self) -> dict[str, Path]:
        """The files of the site that the page links to: name to path in the built site."""
        files = {}
        for href in self.article.xpath(".//a/@href"):
            target = self.html_path.parent / href.partition("#")[0]
            if not re.match(r"[a-z]+:|#", href) and target.suffix in {".py", ".xml", ".xsd"}:
                files[target.name] = target.resolve()
        return files


class Site:
    """A folder with `mkdocs.yml` and `docs/`, and where its build is put."""

    def __init__(self, root: Path, output: Path) -> None:
        self.root = root
        self.output = output

    @functools.cached_property
    def pages(self) -> list[Page]:
        return [Page(self, path) for path in sorted((self.root / "docs").rglob("*.md"))]

    def page(self, path: str) -> Page:
        (page,) = [page for page in self.pages if page.path == Path(path)]
        return page

    def build(self, site_url: str | None = None) -> subprocess.CompletedProcess[str]:
        """Build in strict mode and return the ended process (never with -q: that lets MkDocs pass over faults)."""
        environment = {name: value for name, value in os.environ.items() if name != "SITE_URL"}
        if site_url:
            environment["SITE_URL"] = site_url
        return subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(self.output)],
            cwd=self.root,
            env={**environment, "NO_MKDOCS_2_WARNING": "1"},
            capture_output=True,
            text=True,
            check=False,
        )


def scan_fences(path: Path, lines: list[str], first: int = 1) -> Iterator[Fence]:
    """Yield the fenced code blocks of Markdown lines, the first of which has the number `first`."""
    opened: re.Match[str] | None = None
    start, body = 0, list[str]()
    for number, line in enumerate(lines, first):
        match = _FENCE.fullmatch(line)
        if opened is None and match:
            opened, start, body = match, number, []
        elif opened is not None and match and match["ticks"] >= opened["ticks"] and not match["info"].strip():
            title = _TITLE.search(opened["info"])
            language = opened["info"].split()[0] if opened["info"].split() else ""
            yield Fence(path, start, language, title[1] if title else "", tuple(body))
            opened = None
        elif opened is not None:
            body.append(line.removeprefix(opened["indent"]))
    assert opened is None, f"{path}:{start}: this code block does not end"


def docstrings(root: Path, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each public docstring of a module, in the order of the file: number of its first line, and its lines."""
    tree = ast.parse((root / path).read_text(encoding="utf-8"))
    yield from _docstrings(tree)


def _docstrings(node: ast.AST) -> Iterator[tuple[int, list[str]]]:
    body = getattr(node, "body", [])
    for position, child in enumerate(body):
        is_text = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if (
            is_text
            and isinstance(child.value.value, str)
            and (position == 0 or isinstance(body[position - 1], ast.Assign))
        ):
            text = child.value.value.splitlines()
            margin = min((len(line) - len(line.lstrip()) for line in text[1:] if line.strip()), default=0)
            yield child.lineno, [text[0], *(line[margin:] for line in text[1:])]
        elif isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield from _docstrings(child)


def docstring_fences(root: Path, path: Path) -> Iterator[Fence]:
    for first, lines in docstrings(root, path):
        yield from scan_fences(path, lines, first)


def prose_lines(path: Path, lines: list[str], first: int = 1) -> Iterator[tuple[int, str]]:
    """Yield the lines outside of fenced code blocks, with their numbers."""
    covered = {
        number
        for fence in scan_fences(path, lines, first)
        for number in range(fence.line, fence.line + len(fence.lines) + 2)
    }
    for number, line in enumerate(lines, first):
        if number not in covered:
            yield number, line


def scan_spans(path: Path, prose: Iterator[tuple[int, str]]) -> list[Span]:
    return [Span(path, number, match[2].strip()) for number, line in prose for match in _CODE_SPAN.finditer(line)]


def without_code(line: str) -> str:
    """Blank the inline code, link targets, attributes and list numbers of a line of prose."""
    line = _CODE_SPAN.sub(" ", line)
    line = re.sub(r"\]\([^)]*\)", "] ", line)
    line = re.sub(r"\{[^}]*\}", " ", line)
    return re.sub(r"^\s*\d+\. ", " ", line)


def included_text(root: Path, fence: Fence) -> str:
    """The text that a fence should come out as: its lines, with each include replaced by the file."""
    parts = []
    for line in fence.lines:
        include = INCLUDE.fullmatch(line)
        parts.append((root / include[1]).read_text(encoding="utf-8").rstrip("\n") if include else line)
    return "\n".join(parts)


def _block(fence: Fence, element: html.HtmlElement) -> Block:
    languages = [name.removeprefix("language-") for name in element.classes if name.startswith("language-")]
    titles = element.xpath("./span[@class='filename']")
    (code,) = element.xpath(".//code")
    return Block(
        fence,
        language=languages[0] if languages else "",
        title=titles[0].text_content() if titles else "",
        text=code.text_content().rstrip("\n"),
    )


def _table(path: Path, line: int, element: html.HtmlElement) -> Table:
    headings = element.xpath("preceding::*[self::h1 or self::h2 or self::h3][1]/@id")
    rows = tuple(
        tuple(" ".join(cell.text_content().split()) for cell in row.xpath("./th | ./td"))
        for row in element.xpath(".//tr")
    )
    return Table(path, line, headings[0] if headings else "", rows)
