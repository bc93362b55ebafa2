"""The plugin finds what it promises to find: faults planted in its example site, one at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facts import ROOT

PAGE, START = "docs/index.md", "docs/quickstart.md"
FAULTS = [  # file, what it says, what it says with the fault, and the message that has to appear
    ("programs/today.out", "sunny", "rainy", f"{PAGE}:15: this output (from programs/today.out)"),
    (PAGE, "reads `WEATHER_URL`", "reads `WETHER_URL`", f"{PAGE}:9: `WETHER_URL`"),
    (PAGE, "```sh\npip", "```json\npip", f"{PAGE}:20: nothing "),
    (START, "https://weather", "https://elsewhere", f"{START}:11: this ended with exit status 1"),
]


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a copy of the example, without the settings of this run."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DOCS", "CI"))}
    environment["PYTHONPATH"] = str(ROOT / "tests")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**environment, **variables}, capture_output=True, encoding="utf-8", check=False
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "tests" / "docs_runner" / "example", tmp_path / "a site ñ"))


def plant(copy: Path, name: str, old: str, new: str) -> None:
    text = (copy / name).read_text(encoding="utf-8")
    assert old in text
    (copy / name).write_text(text.replace(old, new), encoding="utf-8")


def test_each_fault_is_found_by_page_and_line(copy: Path) -> None:
    for name, old, new, _ in FAULTS:
        plant(copy, name, old, new)
    ended = run(copy)
    assert "4 failed, 4 passed, 1 skipped" in ended.stdout
    assert f"FAILED {PAGE}::15 Output" in ended.stdout
    for *_, message in FAULTS:
        assert message in ended.stdout


def test_a_program_that_does_not_end_is_found(copy: Path) -> None:
    plant(copy, "programs/today.py", "import os", "while True: pass")
    assert f"{PAGE}:11: this didn't end within 2 s" in run(copy, DOCS_RUNNER_SECONDS="1.5").stdout


def test_a_broken_build_fails_once(copy: Path) -> None:
    plant(copy, PAGE, "today's weather", "[weather](gone.md)")
    ended = run(copy)
    assert "1 error" in ended.stdout.splitlines()[-1]
    assert "failed" not in ended.stdout.splitlines()[-1]
    assert "The site doesn't build. MkDocs says:" in ended.stdout
    assert f"{PAGE}:9: " in ended.stdout


def test_update_writes_a_new_output_whatever_shows_it(copy: Path) -> None:
    (copy / "programs" / "today.out").unlink()
    for name, old, new in (
        ("pyproject.toml", '["service"]', '["service", "again"]'),
        ("weather_service.py", '"service", ', "name, "),
        ("weather_service.py", "here})]", 'here}) for name in ("service", "again")]'),
    ):
        plant(copy, name, old, new)
    ended = run(copy, "--update")
    assert ended.returncode == 0, ended.stdout
    assert "+sunny" in ended.stdout
    assert (copy / "programs" / "today.out").read_text(encoding="utf-8") == "sunny\n"
    assert "doesn't run in CI" in run(copy, "--update", CI="true").stderr
