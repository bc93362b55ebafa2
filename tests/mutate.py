"""Change one documented fact at a time in a copy of this project, and see whether a test notices.

```sh
python tests/mutate.py --sample 200 --seed 1 --record
python tests/mutate.py --sample 60 --only docs/guides/ docs/troubleshooting.md
python tests/mutate.py --harmless
```

A mutant that no test notices survives: it is listed with file and line. One that `tests/survivors.toml` does not list
with a reason sets the exit status to 1, and so does an alarm at one of the harmless changes of `tests/harmless.toml`.
"""

from __future__ import annotations

import argparse
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from harness.mutants import Mutant, Mutator
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
    "prose",
    "reference",
    "troubleshooting",
    "programs",
    "sandbox",
    "production",
    "accounts",
    "integration_guide",
    "client",
    "mock_server",
    "journey",
    "how_tested",
    "appearance",
]
"""The tests that take seconds, in the order in which they are asked."""

LIKELY = {
    "code": "blocks",
    "output": "blocks",
    "shell": "blocks",
    "XML": "schemas",
    "inline": "inline_code",
    "number": "inline_code",
    "table": "tables",
    "include": "blocks",
    "fence": "blocks",
    "block": "blocks",
    "link": "pages",
    "picture": "journey",
}
"""Which of them is likely to notice a kind of change, by its first word: asked alone at first, it saves time."""

CONFIRMED = ("client", "mock_server", "accounts", "journey", "integration_guide")
"""Where clocks and servers play a part: what fails there on a busy machine has to fail twice."""

LONGEST = 1800
"""Seconds, many times what the tests take on a busy machine: only a change that makes them hang takes longer."""

RECORD = ROOT / "tests" / "mutation.txt"
PAGE = ROOT / "docs" / "how-tested.md"
SURVIVORS = tomllib.loads((ROOT / "tests" / "survivors.toml").read_text()).get("survivor", [])
HARMLESS = tomllib.loads((ROOT / "tests" / "harmless.toml").read_text())["change"]
HARMLESS_ROW = "harmless rewording"


def mutants(chance: random.Random) -> Iterator[Mutant]:
    """One mutant or more for each fact that the pages, documents and programs state."""
    mutator = Mutator(ROOT, chance)
    for path in sorted((ROOT / "docs" / "xml").rglob("*.x*")):
        yield from mutator.of_xml(path)
    for path in sorted((ROOT / "docs" / "assets").glob("*.svg")):
        yield from mutator.of_pattern("picture", path, r">([^<>\s][^<>]*)<")
    referenced = set(re.findall(r"^::: (\w+)", "\n".join(line for page in SOURCE.pages for line in page.lines), re.M))
    for path in sorted((ROOT / "snippets").iterdir()):
        if path.suffix == ".xml":
            yield from mutator.of_xml(path)
        elif path.suffix in {".out", ".http"}:
            yield from mutator.of_pattern("output", path, r"\S+")
        elif path.suffix in {".sh", ".ps1"}:
            yield from mutator.of_pattern("shell", path, r"\S+")
        elif path.stem in referenced:
            yield from mutator.of_docstrings(path)
        elif path.suffix == ".py":
            yield from mutator.of_program(path)
    for page in SOURCE.pages:
        yield from mutator.of_page(page)


def harmless() -> list[Mutant]:
    """Changes that leave every fact as it is, none of which may raise an alarm."""
    found = []
    for change in HARMLESS:
        path = Path(change["path"])
        text = (ROOT / path).read_text(encoding="utf-8")
        assert text.count(change["old"]) == 1, (
            f"tests/harmless.toml: {change['old']!r} stands {text.count(change['old'])} times in {path}"
        )
        found.append(Mutant(change["what"], ROOT, path, (text.index(change["old"]),), change["old"], change["new"]))
    return found


def reason(mutant: Mutant) -> str | None:
    """Why it is right that this mutant survives, if that is known."""
    for entry in SURVIVORS:
        if (entry["path"], entry["kind"], entry["text"]) == (mutant.path.as_posix(), mutant.kind, mutant.old):
            return str(entry["reason"])
    return None


def copy_project(folder: Path) -> Path:
    ignored = shutil.ignore_patterns(".*_cache", ".git", ".venv", "build", "site", "node_modules", "__pycache__")
    shutil.copytree(ROOT, folder, symlinks=True, ignore=ignored)
    return folder


def first_failure(copy: Path, tests: Sequence[str]) -> str | None:
    """Run tests in a copy of the project; return what failed first, or nothing where all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=no", *tests]
    try:
        ended = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        return f"the tests did not end within {LONGEST} s"
    if ended.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", ended.stdout, re.MULTILINE)
    return failed[1] if failed else (ended.stdout + ended.stderr).strip()[-200:]


def needs_confirmation(test: str) -> bool:
    return any(f"test_{name}.py" in test for name in CONFIRMED)


def noticed_by(mutant: Mutant, copy: Path, tests: Sequence[str] = TESTS) -> str | None:
    """Make the change in a copy; return the test that fails, or nothing where the mutant survives."""
    path = copy / mutant.path
    original = path.read_text(encoding="utf-8")
    files = [f"tests/test_{name}.py" for name in tests]
    likely = f"tests/test_{LIKELY.get(mutant.kind.split()[0], tests[0])}.py"
    path.write_text(mutant.text(), encoding="utf-8")
    try:
        if likely in files and (found := first_failure(copy, [likely])) and not needs_confirmation(found):
            return found
        while found := first_failure(copy, files):
            if not needs_confirmation(found) or first_failure(copy, [found]):
                return found
            files = files[files.index(found.partition("::")[0]) :]
        return None
    finally:
        path.write_text(original, encoding="utf-8")


def sampled(by_kind: dict[str, list[Mutant]], size: int, chance: random.Random) -> list[Mutant]:
    """As many of each kind, and of the larger kinds what the smaller ones leave over."""
    chosen: list[Mutant] = []
    kinds = sorted(by_kind.values(), key=len)
    for number, kind in enumerate(kinds):
        share = (size - len(chosen)) // (len(kinds) - number)
        chosen += chance.sample(kind, min(max(share, 1), len(kind)))
    return sorted(chosen, key=lambda mutant: (mutant.kind, mutant.path, mutant.places))


def try_all(chosen: list[Mutant], jobs: int, progress: Callable[[str], None]) -> list[tuple[Mutant, str | None]]:
    """Try each change in a copy of its own; return it with the test that noticed it."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs) as pool:
        copies: Queue[Path] = Queue()
        for number in range(jobs):
            copies.put(copy_project(Path(folder) / str(number)))
        copy = copies.get()
        failure = first_failure(copy, [f"tests/test_{name}.py" for name in TESTS])
        if failure and needs_confirmation(failure):
            failure = first_failure(copy, [failure])
        assert failure is None, f"without any change, this fails already: {failure}"
        copies.put(copy)
        started, results = time.monotonic(), []

        def attempt(mutant: Mutant) -> tuple[Mutant, str | None]:
            copy = copies.get()
            try:
                return mutant, noticed_by(mutant, copy)
            finally:
                copies.put(copy)

        for done, (mutant, test) in enumerate(pool.map(attempt, chosen), 1):
            results.append((mutant, test))
            seconds = time.monotonic() - started
            verdict = f"noticed by {test}" if test else "NOT NOTICED"
            progress(f"[{done}/{len(chosen)}, {seconds:.0f} s] {mutant}\n    {verdict}")
    return results


def table(rows: list[tuple[str, ...]]) -> str:
    cells = [("What is changed", "Tried", "Noticed", "Not noticed", "In all"), *rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    lines.insert(1, f"|{' --- |' * len(cells[0])}")
    return "\n".join(lines)


def record(command: str, shown: str, report: str) -> None:
    """Keep what a run printed, and show its table and its command on the page."""
    RECORD.write_text(report, encoding="utf-8")
    before, heading, section = PAGE.read_text(encoding="utf-8").partition("## What the tests notice\n")
    section = re.sub(r"^python tests/mutate\.py .*--record$", command, section, count=1, flags=re.MULTILINE)
    section = re.sub(r"(?:^\|.*\n)+", f"{shown}\n", section, count=1, flags=re.MULTILINE)
    PAGE.write_text(before + heading + section, encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Change one documented fact at a time and see whether a test notices.")
    parser.add_argument("--seed", type=int, default=1, help="which changes are made (default: %(default)s)")
    parser.add_argument("--sample", type=int, default=60, help="how many, spread over the kinds (default: %(default)s)")
    parser.add_argument("-j", "--jobs", type=int, default=2, help="how many at once (default: %(default)s)")
    parser.add_argument("--only", nargs="+", default=[""], help="paths that begin so (default: all)")
    parser.add_argument(
        "--harmless", action="store_true", help="make the harmless changes instead: none may be noticed"
    )
    parser.add_argument(
        "--record", action="store_true", help="do both, and write the result to tests/mutation.txt and the page"
    )
    options = parser.parse_args()
    if options.record and (options.only != [""] or options.harmless):
        parser.error("a record is of the whole project: leave --only and --harmless out")
    return options


def main() -> int:
    options = arguments()
    chance = random.Random(options.seed)  # noqa: S311 (a sample, no secret)
    by_kind: dict[str, list[Mutant]] = {}
    for mutant in mutants(chance):
        if mutant.path.as_posix().startswith(tuple(options.only)):
            by_kind.setdefault(mutant.kind, []).append(mutant)
    chosen = [] if options.harmless else sampled(by_kind, options.sample, chance)
    calm = harmless() if options.harmless or options.record else []
    results = try_all([*chosen, *calm], options.jobs, lambda line: print(line, flush=True))

    facts, rewordings = results[: len(chosen)], results[len(chosen) :]
    survivors = [mutant for mutant, test in facts if test is None]
    unlisted = [mutant for mutant in survivors if reason(mutant) is None]
    alarms = [(mutant, test) for mutant, test in rewordings if test]
    tried = Counter(mutant.kind for mutant, _ in facts)
    noticed = Counter(mutant.kind for mutant, test in facts if test)
    kinds = sorted(tried)
    counts = [(tried[kind], noticed[kind], tried[kind] - noticed[kind], len(by_kind[kind])) for kind in kinds]
    if rewordings:
        kinds.append(HARMLESS_ROW)
        counts.append((len(rewordings), len(alarms), len(rewordings) - len(alarms), len(HARMLESS)))
    shown = table([(kind, *map(str, row)) for kind, row in zip(kinds, counts, strict=True)])
    command = f"python tests/mutate.py --sample {options.sample} --seed {options.seed} --record"
    lines = [command, f"Python {platform.python_version()}, {platform.system()}", "", shown, ""]
    lines += [f"not noticed: {mutant}" for mutant in survivors]
    lines += [f"false alarm: {mutant}: {test}" for mutant, test in alarms]
    report = "\n".join(lines).strip() + "\n"
    print(f"\n{report}")
    for mutant in survivors:
        print(f"{mutant}: {reason(mutant) or 'write a test for it, or a reason into tests/survivors.toml'}")
    if options.record:
        record(command, shown, report)
    return 1 if unlisted or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
