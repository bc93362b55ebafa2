"""A page as its author wrote it, and as its reader gets it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from lxml import html

_FENCE = re.compile(r"(?P<indent>\s*)(?P<ticks>`{3,})(?P<info>[^`]*)")
_TITLE = re.compile(r'title="([^"]*)"')
_INCLUDE = re.compile(r'--8<-- "([^"]+)"')
_INSTRUCTION = re.compile(r"\s*<!-- (not run|server|run on): (.+?) -->")
_DOCSTRINGS_OF = re.compile(r"::: (\w+)\s*")


@dataclass(frozen=True)
class Fence:
    """A code block in the source of a page.

    Attributes:
        file: The file that it stands in, relative to the root.
        line: The line where it opens.
        lines: What is between its first and last line.
        instruction: The word and the text of the comment above it, such as `("not run", "it installs packages")`.
            A blank line may stand between them.
    """

    file: str
    line: int
    language: str
    title: str
    lines: tuple[str, ...]
    instruction: tuple[str, str] = ("", "")

    @property
    def include(self) -> str:
        """The file that the block shows, if it does nothing else."""
        found = _INCLUDE.fullmatch(self.lines[0]) if len(self.lines) == 1 else None
        return found[1] if found else ""

    @property
    def is_output(self) -> bool:
        return self.title == "Output"

    def source(self, root: Path) -> str:
        """Return the text that the built page has to show."""
        parts = [
            (root / found[1]).read_text(encoding="utf-8").rstrip("\n") if (found := _INCLUDE.fullmatch(line)) else line
            for line in self.lines
        ]
        return "\n".join(parts).rstrip("\n")


@dataclass(frozen=True)
class Block:
    """A code block of the built page."""

    language: str
    title: str
    text: str


class Page:
    """A Markdown file below `docs/`."""

    def __init__(self, root: Path, path: Path) -> None:
        self.root = root
        self.path = path.relative_to(root).as_posix()
        self.lines = path.read_text(encoding="utf-8").splitlines()

    @cached_property
    def front_matter(self) -> dict[str, object]:
        text = "\n".join(self.lines)
        return yaml.safe_load(text.split("---\n")[1]) or {} if text.startswith("---\n") else {}

    @cached_property
    def url(self) -> str:
        """The address of the page below that of the site: empty, or with a slash at the end."""
        name = self.path.removeprefix("docs/").removesuffix(".md")
        return name.removesuffix("index") if name == "index" or name.endswith("/index") else name + "/"

    @cached_property
    def fences(self) -> tuple[Fence, ...]:
        """All code blocks, in their order."""
        return tuple(scan(self.path, self.lines))

    def prose(self) -> Iterator[tuple[str, int, str]]:
        """Yield the lines outside code blocks, those of docstrings that the page shows included: file, number, line."""
        yield from _prose(self.path, self.lines)
        for module in filter(None, map(_DOCSTRINGS_OF.fullmatch, self.lines)):
            path = next(self.root.glob(f"*/{module[1]}.py"))
            for first, lines in _docstrings(ast.parse(path.read_text(encoding="utf-8"))):
                yield from _prose(path.relative_to(self.root).as_posix(), lines, first)

    def following(self, fence: Fence) -> Fence | None:
        """Return the next block."""
        rest = self.fences[self.fences.index(fence) + 1 :]
        return rest[0] if rest else None

    def is_for(self, fence: Fence, target: str) -> bool:
        """Whether this block runs on a target. A block of output does if its program does."""
        if fence.is_output and not fence.instruction[0] and (place := self.fences.index(fence)):
            return self.is_for(self.fences[place - 1], target)
        word, value = fence.instruction
        return word != "run on" or target in value

    def linked_files(self) -> dict[str, Path]:
        """Return the files of the site that the page links to and a reader can save: name to path."""
        found = {}
        for target in re.findall(r"\]\(([^)#\s]+)\)", "\n".join(self.lines)):
            path = (self.root / self.path).parent / target
            if not re.match(r"\w+:", target) and path.suffix != ".md" and path.is_file():
                found[path.name] = path
        return found

    def blocks(self, site: Path) -> list[Block]:
        """Return the code blocks of the built page."""
        tree: Any = html.fromstring((site / self.url / "index.html").read_text(encoding="utf-8"))
        wanted = ".//article//div[contains(concat(' ', @class, ' '), ' highlight ')][not(contains(@class, 'doc-'))]"
        return [_block(element) for element in tree.xpath(wanted)]


def scan(file: str, lines: list[str], first: int = 1) -> Iterator[Fence]:
    """Yield the fenced code blocks of Markdown lines, the first of which has the number `first`."""
    opened: re.Match[str] | None = None
    start, body, above = 0, list[str](), ("", "")
    for number, line in enumerate(lines, first):
        match = _FENCE.fullmatch(line)
        if opened is None and match:
            opened, start, body = match, number, []
            before = [above for above in lines[: number - first] if above.strip()]
            found = _INSTRUCTION.fullmatch(before[-1]) if before else None
            above = (found[1], found[2]) if found else ("", "")
        elif opened is not None and match and len(match["ticks"]) >= len(opened["ticks"]) and not match["info"].strip():
            title = _TITLE.search(opened["info"])
            language = (opened["info"].split() or [""])[0]
            yield Fence(file, start, language, title[1] if title else "", tuple(body), above)
            opened = None
        elif opened is not None:
            body.append(line.removeprefix(opened["indent"]))
    if opened is not None:
        raise ValueError(f"{file}:{start}: this code block doesn't end")


def _prose(file: str, lines: list[str], first: int = 1) -> Iterator[tuple[str, int, str]]:
    inside = {
        number for fence in scan(file, lines, first) for number in range(fence.line, fence.line + len(fence.lines) + 2)
    }
    yield from ((file, number, line) for number, line in enumerate(lines, first) if number not in inside)


def _docstrings(node: ast.AST) -> Iterator[tuple[int, list[str]]]:
    """Yield the docstrings of a module and of its public classes, functions and constants."""
    for child in getattr(node, "body", []):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            yield child.lineno, inspect.cleandoc(str(child.value.value)).splitlines()
        elif isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield from _docstrings(child)


def _block(element: html.HtmlElement) -> Block:
    language = next((name.removeprefix("language-") for name in element.classes if name.startswith("language-")), "")
    title = "".join(span.text_content() for span in element.xpath("./span[@class='filename']"))
    (code,) = element.xpath(".//code")
    return Block(language, title, code.text_content().rstrip("\n"))
