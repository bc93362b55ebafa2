"""How the pages are written: the few rules of style that a program can check."""

from __future__ import annotations

import re

import pytest

from harness.site import prose_lines
from project import ROOT, SOURCE

RULES = {
    r"\b(simply|just|easily|obviously|of course)\b": "belittles a reader for whom it is not so: leave the word out",
    r"\b(please|kindly)\b": "is not needed: say what to do",
    r"\b(in order to|utili[sz]e|leverage|basically|actually|very|quite)\b": "says nothing more than the plain word",
    r"\b(e\.g\.|i\.e\.|etc\b|and/or|via\b)": "is shorthand: write it out",
    r"\b(we|us|our)\b": "is not the reader: use the second person",
    r"\bwill\b": "is the future: use the present tense",
    r"\w+n't\b|\b(it|that|you|there)'(s|re|ll)\b": "is a contraction: write it out",
    r"\w!(?!\[)": "is an exclamation: end the sentence with a full stop",
    r"\[(here|this|this page|click here|link)\]": "does not say where the link leads",
    r"[a-z)]\. [A-Z]": "one sentence per line",
    r"\w {2,}\w": "has more than one space",
}
LONGEST = 45
"""Words in a sentence; a longer one is two."""
CAPITALS = {"Python", "GET", "POST", "HTTP", "MT", "IP", "API", "HTTPS", "XML", "Connect", "GitHub", "Pages"}
ADMONITIONS = {"note", "warning"}


def faults(text: str) -> list[str]:
    """What the rules say against a line of prose, without its code."""
    found = [f"{match[0]!r} {why}" for rule, why in RULES.items() for match in re.finditer(rule, text, re.IGNORECASE)]
    if len(text.split()) > LONGEST:
        found.append(f"a sentence of {len(text.split())} words: make two of it")
    if heading := re.match(r"#+ (.*?)( \{.*\})?$", text):
        words = re.sub(r"^(`x`|D\d+:) ", "", heading[1]).split()[1:]  # a code or an id may stand before the first word
        capital = [word for word in words if word[:1].isupper() and word.strip(",:") not in CAPITALS]
        found += [f"{word!r} in a heading: only its first word has a capital" for word in capital]
    if (kind := re.match(r"\s*(?:!!!|\?\?\?\+?) (\w+)", text)) and kind[1] not in ADMONITIONS:
        found.append(f"an admonition is one of {sorted(ADMONITIONS)}, not {kind[1]}")
    return found


@pytest.mark.parametrize("path", [*(page.path.as_posix() for page in SOURCE.pages), "README.md"])
def test_style(path: str) -> None:
    lines = (ROOT / path).read_text().splitlines()
    found = [
        f"{path}:{number}: {fault}"
        for number, line in prose_lines(ROOT / path, lines)
        if not line.startswith(("|", "title:", "description:"))
        for fault in faults(re.sub(r"`[^`]*`", "`x`", line).strip())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("You just call it.", "belittles"),
        ("It will answer.", "present tense"),
        ("It doesn't answer.", "contraction"),
        ("Call it. Then read.", "one sentence"),
        ("See [here](x.md).", "where the link leads"),
        ("## The Whole Journey", "capital"),
        ("!!! danger", "admonition"),
        ("word " * 46, "46 words"),
    ],
)
def test_rules_find_their_faults(line: str, fault: str) -> None:
    assert fault in "".join(faults(line.strip())), f"no rule minds: {line}"
