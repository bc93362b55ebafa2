"""Change one documented fact at a time in a copy of this project, and see whether a test notices.

```sh
python tests/mutate.py --sample 60 --jobs 2
python tests/mutate.py --sample 60 --only docs/guides/ docs/troubleshooting.md
```

A mutant that no test notices survives: it is listed with file and line, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from harness.site import Page, prose_lines
from project import ROOT, SOURCE

TESTS = [
    "tables",
    "inline_code",
    "blocks",
    "schemas",
    "errors",
    "exchanges",
    "discrepancies",
    "pages",
    "reference",
    "client",
    "troubleshooting",
    "accounts",
    "integration_guide",
    "production",
    "journey",
    "programs",
    "receive_callbacks",
]


@dataclass(frozen=True)
class Mutant:
    """One change: the characters from `start` to `end` of a file become `new`."""

    kind: str
    path: Path
    start: int
    end: int
    new: str

    def describe(self) -> str:
        text = (ROOT / self.path).read_text()
        line = text.count("\n", 0, self.start) + 1
        return f"{self.path}:{line}: {self.kind}: {text[self.start : self.end]!r} -> {self.new!r}"


def other(character: str) -> str:
    """A character of the same sort."""
    if character.isdigit():
        return str((int(character) + 1) % 10)
    if character.isalpha():
        return {"z": "y", "Z": "Y"}.get(character, chr(ord(character) + 1))
    return "~"


def change_in(kind: str, path: Path, start: int, end: int, chance: random.Random) -> Mutant | None:
    """Change one letter or digit between two places."""
    text = (ROOT / path).read_text()
    places = [place for place in range(start, end) if text[place].isalnum() and text[place].isascii()]
    if not places:
        return None
    place = chance.choice(places)
    return Mutant(kind, path, place, place + 1, other(text[place]))


def mutants(chance: random.Random) -> Iterator[Mutant | None]:
    """One mutant for each fact that the pages, documents and programs state."""
    for path in sorted((ROOT / "docs" / "xml").rglob("*.x*")):
        relative = path.relative_to(ROOT)
        for match in re.finditer(r"</?(\w+)>", path.read_text()):
            yield change_in("XML tag", relative, match.start(1), match.end(1), chance)
        for match in re.finditer(r">([^<>\s][^<>]*)<", path.read_text()):
            yield change_in("XML value", relative, match.start(1), match.end(1), chance)
        for match in re.finditer(r'"([^"]*)"', path.read_text()):
            yield change_in("attribute", relative, match.start(1), match.end(1), chance)
    for path in sorted((ROOT / "docs" / "assets").glob("*.svg")):
        for match in re.finditer(r">([^<>\s][^<>]*)<", path.read_text()):
            yield change_in("picture", path.relative_to(ROOT), match.start(1), match.end(1), chance)
    for path in sorted((ROOT / "snippets").iterdir()):
        relative = path.relative_to(ROOT)
        if path.suffix == ".xml":
            for match in re.finditer(r"\w+", path.read_text()):
                yield change_in("XML in a snippet", relative, match.start(), match.end(), chance)
        elif path.suffix in {".out", ".http"}:
            for match in re.finditer(r"\S+", path.read_text()):
                yield change_in("output", relative, match.start(), match.end(), chance)
        elif path.suffix in {".sh", ".ps1"}:
            for match in re.finditer(r"\S+", path.read_text()):
                yield change_in("shell", relative, match.start(), match.end(), chance)
        elif path.suffix == ".py" and path.stem not in {"connect_api", "mock_server"}:
            for match in re.finditer(r'"([^"\n]+)"', path.read_text()):
                yield change_in("literal in a snippet", relative, match.start(1), match.end(1), chance)
    for page in SOURCE.pages:
        yield from mutants_of_page(page, chance)


def mutants_of_page(page: Page, chance: random.Random) -> Iterator[Mutant | None]:
    offsets = [0]
    for line in page.lines:
        offsets.append(offsets[-1] + len(line) + 1)
    for number, line in enumerate(page.lines, 1):
        offset = offsets[number - 1]
        if match := re.search(r'--8<-- "([^"]+)"', line):
            yield change_in("include path", page.path, offset + match.start(1), offset + match.end(1), chance)
        if match := re.match(r"\s*```(\w+)", line):
            yield change_in("fence language", page.path, offset + match.start(1), offset + match.end(1), chance)
        if match := re.search(r'title="([^"]+)"', line):
            yield change_in("block title", page.path, offset + match.start(1), offset + match.end(1), chance)
    for number, line in prose_lines(page.path, page.lines):
        offset = offsets[number - 1]
        if line.startswith("|") and "---" not in line:
            header = number < len(page.lines) and "---" in page.lines[number]
            for match in re.finditer(r"[^|]+", line):
                plain = re.sub(r"\]\([^)]*\)|\{[^}]*\}", lambda found: " " * len(found[0]), match[0])
                kind = "table header" if header else "table cell"
                start = offset + match.start()
                places = [place for place, character in enumerate(plain) if character.isalnum() and character.isascii()]
                if places:
                    place = start + chance.choice(places)
                    yield Mutant(kind, page.path, place, place + 1, other(line[place - offset]))
        else:
            for match in re.finditer(r"`([^`]+)`", line):
                kind = "number in prose" if match[1][0].isdigit() else "inline literal"
                yield change_in(kind, page.path, offset + match.start(1), offset + match.end(1), chance)
        for match in re.finditer(r"\]\(([^)]+)\)", line):
            yield change_in("link", page.path, offset + match.start(1), offset + match.end(1), chance)


def copy_project(folder: Path) -> Path:
    ignored = shutil.ignore_patterns(".*_cache", ".git", ".venv", "build", "site", "node_modules", "__pycache__")
    shutil.copytree(ROOT, folder, symlinks=True, ignore=ignored)
    return folder


def survives(mutant: Mutant, copy: Path) -> bool:
    path = copy / mutant.path
    text = path.read_text()
    path.write_text(text[: mutant.start] + mutant.new + text[mutant.end :])
    tests = [f"tests/test_{name}.py" for name in TESTS]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        ended = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(text)
    return ended.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Change one documented fact at a time and see whether a test notices.")
    parser.add_argument("--seed", type=int, default=1, help="which changes are made (default: %(default)s)")
    parser.add_argument("--sample", type=int, default=60, help="how many, spread over the kinds (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[""], help="paths that begin so (default: all)")
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311 (a sample, no secret)
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(chance):
        if mutant and mutant.path.as_posix().startswith(tuple(options.only)):
            by_kind.setdefault(mutant.kind, []).append(mutant)
    if not by_kind:
        parser.error("no fact stands in the paths of --only")
    share = max(1, options.sample // len(by_kind))
    chosen = [mutant for kind in by_kind.values() for mutant in chance.sample(kind, min(share, len(kind)))]
    tried, killed = Counter(mutant.kind for mutant in chosen), Counter[str]()
    started, survivors = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        copies: Queue[Path] = Queue()
        for number in range(options.jobs):
            copies.put(copy_project(Path(folder) / str(number)))

        def attempt(mutant: Mutant) -> tuple[Mutant, bool]:
            copy = copies.get()
            try:
                return mutant, survives(mutant, copy)
            finally:
                copies.put(copy)

        for done, (mutant, alive) in enumerate(pool.map(attempt, chosen), 1):
            killed[mutant.kind] += not alive
            survivors += [mutant] if alive else []
            mark = "SURVIVED" if alive else "killed"
            print(f"[{done}/{len(chosen)}, {time.monotonic() - started:.0f} s] {mark}: {mutant.describe()}", flush=True)
    print(f"\nseed {options.seed}, killed of tried:")
    for kind in sorted(tried):
        print(f"  {kind}: {killed[kind]} of {tried[kind]} (of {len(by_kind[kind])})")
    for mutant in survivors:
        print(f"survivor: {mutant.describe()}")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
