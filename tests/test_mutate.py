"""The proof by mutation: each sort of fact is changed, a seed repeats the changes, and survivors are told."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

import mutate
from harness.mutants import Mutant, Mutator
from project import ROOT

KINDS = {
    "code",
    "output",
    "XML tag",
    "XML value",
    "table cell",
    "table header",
    "inline literal",
    "number in prose",
    "include path",
    "fence language",
}
"""What has to be among the kinds of facts that are changed."""


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 (a sample, no secret)


MUTANTS = list(mutate.mutants(chance(1)))


def test_each_sort_of_fact_is_changed() -> None:
    assert set(mutate.LIKELY) <= {mutant.kind.split()[0] for mutant in MUTANTS}
    counted = Counter(mutant.kind for mutant in MUTANTS)
    assert counted.keys() >= KINDS
    chosen = mutate.sampled({kind: [m for m in MUTANTS if m.kind == kind] for kind in counted}, 200, chance(1))
    assert len(chosen) == len(set(chosen)) == 200
    assert {mutant.kind for mutant in chosen} == counted.keys()


def test_the_seed_repeats_the_changes() -> None:
    assert list(mutate.mutants(chance(1))) == MUTANTS
    assert list(mutate.mutants(chance(2))) != MUTANTS


def test_every_change_changes_its_line() -> None:
    for mutant in chance(1).sample(MUTANTS, 300):
        before = (ROOT / mutant.path).read_text().splitlines()
        after = mutant.text().splitlines()
        assert len(before) == len(after)
        changed = [number for number, lines in enumerate(zip(before, after, strict=True), 1) if lines[0] != lines[1]]
        assert changed[0] == mutant.line, mutant
        assert str(mutant).startswith(f"{mutant.path}:{mutant.line}: {mutant.kind}: ")


@pytest.mark.parametrize(
    ("name", "text", "kinds"),
    [
        ("a.xml", '<?xml version="1.0"?>\n<a><b>1</b><b>2</b></a>', {"XML tag": 4, "XML value": 2, "XML attribute": 1}),
        ("a.py", '"""Not this."""\n# nor this\nx = 1 + len("text")\n', {"code": 5}),
    ],
)
def test_facts_are_found(name: str, text: str, kinds: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    mutator = Mutator(tmp_path, chance(1))
    found = mutator.of_xml(tmp_path / name) if name.endswith("xml") else mutator.of_program(tmp_path / name)
    assert Counter(mutant.kind for mutant in found) == kinds


def test_a_tag_is_renamed_at_both_ends(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a>1</a>")
    mutant = next(Mutator(tmp_path, chance(1)).of_xml(tmp_path / "a.xml"))
    assert mutant.text() == "<b>1</b>"


def test_a_survivor_is_told_from_what_is_noticed(tmp_path: Path) -> None:
    """A wrong name is noticed by the test of names, and another word of a sentence is not."""
    copy = mutate.copy_project(tmp_path / "copy")
    path = Path("docs/glossary.md")
    text = (ROOT / path).read_text()
    for old, new, notices in [
        ("`action`", "`actiom`", True),
        ("stand-in", "stand-im", False),
    ]:
        mutant = Mutant("inline literal", ROOT, path, (text.index(old),), old, new)
        noticed = mutate.noticed_by(mutant, copy, ["inline_code"])
        assert bool(noticed) is notices, f"{mutant}: {noticed}"
        assert (copy / path).read_text() == text
    assert mutate.needs_confirmation("tests/test_client.py::test_x")


def test_harmless_changes_are_of_these_pages() -> None:
    changes = mutate.harmless()
    assert len(changes) >= 12
    assert len({mutant.kind for mutant in changes}) == len(changes)
    for mutant in changes:
        assert mutant.text() != (ROOT / mutant.path).read_text()


def test_every_listed_survivor_is_still_a_fact() -> None:
    facts = {(mutant.path.as_posix(), mutant.kind, mutant.old.strip()) for mutant in MUTANTS}
    for entry in mutate.SURVIVORS:
        assert entry["reason"]
        assert (entry["path"], entry["kind"], entry["text"]) in facts, f"tests/survivors.toml: {entry} is not there"


def test_the_record_has_no_survivor_without_a_reason() -> None:
    """Nor a false alarm; and the command that wrote it is the one that the page gives."""
    command, version, *lines = mutate.RECORD.read_text().splitlines()
    assert command in mutate.PAGE.read_text()
    assert version.startswith("Python 3.")
    assert not [line for line in lines if line.startswith("false alarm")]
    survivors = [line for line in lines if line.startswith("not noticed: ")]
    for line in survivors:
        known = [
            entry
            for entry in mutate.SURVIVORS
            if line.startswith(f"not noticed: {entry['path']}:") and f": {entry['kind']}: {entry['text']!r} -> " in line
        ]
        assert known, f"{line}: write a test for it, or a reason into tests/survivors.toml"
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")][2:]
    assert {row[0] for row in rows} >= {*KINDS, mutate.HARMLESS_ROW}
    for kind, tried, noticed, left, _ in rows:
        assert int(tried) == int(noticed) + int(left), kind
    assert sum(int(row[3]) for row in rows if row[0] != mutate.HARMLESS_ROW) == len(survivors)


def test_a_record_goes_into_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutate, "RECORD", tmp_path / "mutation.txt")
    monkeypatch.setattr(mutate, "PAGE", tmp_path / "page.md")
    page = (ROOT / "docs" / "how-tested.md").read_text()
    mutate.PAGE.write_text(page)
    shown = mutate.table([("code", "3", "2", "1", "9")])
    mutate.record("python tests/mutate.py --sample 3 --seed 7 --record", shown, "all of it\n")
    assert mutate.RECORD.read_text() == "all of it\n"
    written = mutate.PAGE.read_text()
    assert "\npython tests/mutate.py --sample 3 --seed 7 --record\n" in written
    assert "\n| code | 3 | 2 | 1 | 9 |\n\n" in written
    assert mutate.HARMLESS_ROW not in written, "the rows of the last record are gone"
    assert written.partition("## Do the same")[2] == page.partition("## Do the same")[2]
