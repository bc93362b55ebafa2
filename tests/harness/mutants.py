"""Changes of one documented fact at a time, for the proof that the tests notice them."""

from __future__ import annotations

import io
import keyword
import random
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.site import Page, docstrings, prose_lines

OPERATORS = {"==": "!=", "!=": "==", "<": ">=", ">": "<=", "<=": ">", ">=": "<", "+": "-", "-": "+", "*": "/"}
_STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}


@dataclass(frozen=True)
class Mutant:
    """One change: the text `old`, at each of these places of a file, becomes `new`."""

    kind: str
    root: Path
    path: Path
    """Relative to the root."""
    places: tuple[int, ...]
    old: str
    new: str

    def text(self) -> str:
        """The whole file, changed."""
        text = (self.root / self.path).read_text(encoding="utf-8")
        for place in sorted(self.places, reverse=True):
            end = place + len(self.old)
            assert text[place:end] == self.old, f"{self.path} is not the file that this change was made for"
            text = text[:place] + self.new + text[end:]
        return text

    @property
    def line(self) -> int:
        return (self.root / self.path).read_text(encoding="utf-8").count("\n", 0, self.places[0]) + 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.kind}: {self.old!r} -> {self.new!r}"


class Mutator:
    """Finds the facts in the files below a root, and makes of each a mutant: seeded, so that a run can be repeated."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root = root
        self.chance = chance

    def _mutant(self, kind: str, path: Path, places: list[int], old: str, plain: str | None = None) -> Iterator[Mutant]:
        """Change one letter or digit of a text; where `plain` is given, only one that is a letter or digit there."""
        able = [number for number, sign in enumerate(plain or old) if sign.isalnum() and sign.isascii()]
        if able:
            at = self.chance.choice(able)
            new = old[:at] + _other(old[at]) + old[at + 1 :]
            yield Mutant(kind, self.root, path.relative_to(self.root), tuple(places), old, new)

    def of_pattern(self, kind: str, path: Path, pattern: str) -> Iterator[Mutant]:
        """Change each first group, or where there is none, each match of a pattern."""
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"), re.MULTILINE):
            group = min(1, len(match.groups()))
            yield from self._mutant(kind, path, [match.start(group)], match[group])

    def of_xml(self, path: Path) -> Iterator[Mutant]:
        """Rename a tag where it opens and where it closes; change each value and each attribute."""
        text = path.read_text(encoding="utf-8")
        for tag in dict.fromkeys(re.findall(r"<([\w:]+)[ >]", text)):
            places = [match.start(1) for match in re.finditer(rf"</?({re.escape(tag)})[ />]", text)]
            yield from self._mutant("XML tag", path, places, tag)
        for match in re.finditer(r"<(\w+)>[^<]*</(\1)>", text):
            yield from self._mutant("XML tag", path, [match.start(1), match.start(2)], match[1])
        yield from self.of_pattern("XML value", path, r">([^<>\s][^<>]*)<")
        yield from self.of_pattern("XML attribute", path, r'"([^"]*)"')

    def of_program(self, path: Path) -> Iterator[Mutant]:
        """Change the names, numbers, texts and operators of a program; comments and docstrings are none of these."""
        text = path.read_text(encoding="utf-8")
        offsets = _offsets(text.splitlines())
        previous = tokenize.NEWLINE
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            place = offsets[token.start[0] - 1] + token.start[1]
            begins = previous in {tokenize.NEWLINE, tokenize.INDENT, tokenize.NL, tokenize.DEDENT}
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            if is_name or token.type == tokenize.NUMBER or (token.type in _STRINGS and not begins):
                yield from self._mutant("code", path, [place], token.string)
            elif token.type == tokenize.OP and token.string in OPERATORS:
                changed = OPERATORS[token.string]
                yield Mutant("code", self.root, path.relative_to(self.root), (place,), token.string, changed)
            if token.type != tokenize.COMMENT:
                previous = token.type

    def of_docstrings(self, path: Path) -> Iterator[Mutant]:
        """Change the inline literals and numbers of the public docstrings, which a reference page shows."""
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        offsets = _offsets(lines)
        for first, found in docstrings(self.root, path.relative_to(self.root)):
            for number, _ in prose_lines(path, found, first):
                yield from self._of_prose(path, lines[number - 1], offsets[number - 1])

    def of_page(self, page: Page) -> Iterator[Mutant]:
        """Change each include, fence, title, cell, literal, number and link of a page."""
        path = self.root / page.path
        offsets = _offsets(page.lines)
        for line, offset in zip(page.lines, offsets, strict=False):
            if match := re.search(r'--8<-- "([^"]+)"', line):
                yield from self._of_include(path, match[1], offset + match.start(1))
            if match := re.match(r"\s*```(\w+)", line):
                yield from self._mutant("fence language", path, [offset + match.start(1)], match[1])
            if match := re.search(r'title="([^"]+)"', line):
                yield from self._mutant("block title", path, [offset + match.start(1)], match[1])
        for number, line in prose_lines(page.path, page.lines):
            offset = offsets[number - 1]
            if line.startswith("|"):
                yield from self._of_row(path, line, offset, header="---" in "".join(page.lines[number : number + 1]))
            else:
                yield from self._of_prose(path, line, offset)
            for match in re.finditer(r"\]\(([^)]+)\)", line):
                yield from self._mutant("link", path, [offset + match.start(1)], match[1])

    def _of_include(self, path: Path, include: str, place: int) -> Iterator[Mutant]:
        """Misspell the path of an include, and have it lead to another file of the same sort."""
        yield from self._mutant("include path", path, [place], include)
        file = self.root / include
        others = sorted(other for other in file.parent.glob(f"*{file.suffix}") if other != file)
        if others:
            new = self.chance.choice(others).relative_to(self.root).as_posix()
            yield Mutant("include path", self.root, path.relative_to(self.root), (place,), include, new)

    def _of_row(self, path: Path, line: str, offset: int, *, header: bool) -> Iterator[Mutant]:
        if set(line) <= set("|-: "):
            return
        for match in re.finditer(r"[^|\s](?:[^|]*[^|\s])?", line):
            shown = re.sub(r"\]\([^)]*\)|\{[^}]*\}", lambda found: " " * len(found[0]), match[0])
            yield from self._mutant(
                "table header" if header else "table cell", path, [offset + match.start()], match[0], shown
            )

    def _of_prose(self, path: Path, line: str, offset: int) -> Iterator[Mutant]:
        for match in re.finditer(r"`([^`]+)`", line):
            kind = "number in prose" if re.fullmatch(r"[\d.:]+", match[1]) else "inline literal"
            yield from self._mutant(kind, path, [offset + match.start(1)], match[1])


def _other(sign: str) -> str:
    """Return a letter or digit of the same sort."""
    if sign.isdigit():
        return str((int(sign) + 1) % 10)
    return {"z": "y", "Z": "Y"}.get(sign, chr(ord(sign) + 1))


def _offsets(lines: list[str]) -> list[int]:
    offsets = [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line) + 1)
    return offsets
