"""Each name in code font exists: a misspelt element, method or option is found, with page and line."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from .page import Page
from .settings import Settings

_CODE = re.compile(r"(`+)(.+?)(?<!`)\1(?!`)")
_TOKEN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_BEGINNINGS = {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.NL, tokenize.ENCODING}


def misspelt(page: Page, settings: Settings) -> Iterator[str]:
    """Yield file, line and word for each part of inline code that is no name of this project."""
    known = vocabulary(settings.root, settings.vocabulary)
    for file, number, line in page.prose():
        for code in spans(line):
            if code in settings.names:
                continue
            words = [word for word in code.split() if not (settings.root / word).exists()]  # a path is a name too
            for token in _TOKEN.findall(" ".join(words)):
                if token not in known and token not in settings.names:
                    advice = "correct it, or add it to tool.docs_runner.names"
                    yield f"{file}:{number}: `{code}`: no program, document or fact contains {token}: {advice}"


def spans(line: str) -> list[str]:
    return [match[2].strip() for match in _CODE.finditer(line)]


@cache
def vocabulary(root: Path, patterns: tuple[str, ...]) -> frozenset[str]:
    """Return the names and values of all files that a project names. Comments and docstrings don't count."""
    found: set[str] = set()
    for path in {path for pattern in patterns for path in root.glob(pattern) if path.is_file()}:
        found.add(path.name)
        found |= set(_TOKEN.findall(path.relative_to(root).as_posix()))
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            text = " ".join(_code(text))
        elif path.suffix in {".xml", ".xsd"}:
            text = re.sub(r"<!--.*?-->|<xs:documentation>.*?</xs:documentation>", " ", text, flags=re.DOTALL)
        found |= set(_TOKEN.findall(text))
    return frozenset(found)


def _code(text: str) -> Iterator[str]:
    previous = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        is_docstring = token.type == tokenize.STRING and previous in _BEGINNINGS
        if token.type != tokenize.COMMENT and not is_docstring:
            yield token.string
            previous = token.type
