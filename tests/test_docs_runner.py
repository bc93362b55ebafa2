"""The plugin finds what it promises to find: faults planted in its example site, one at a time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facts import ROOT

EXAMPLE = ROOT / "tests" / "docs_runner" / "example"
PAGE = "docs/index.md"
FAULTS = {
    "a changed output": ("programs/today.out", "sunny", "rainy", f"{PAGE}:15: this output (from programs/today.out)"),
    "a program that fails": ("programs/today.py", "import os", "import oss", f"{PAGE}:11: this ended with exit status"),
    "a program that waits for ever": ("programs/today.py", "import os", "import os\nwhile True: pass", "didn't end"),
    "a call to another machine": (PAGE, "weather.example.com", "other.example.com", f"{PAGE}:11: this ended with"),
    "a misspelt name": (PAGE, "reads `WEATHER_URL`", "reads `WETHER_URL`", f"{PAGE}:9: `WETHER_URL`"),
    "a missing file": (PAGE, "programs/today.py", "programs/todai.py", f"{PAGE}:12: "),
    "an empty file": ("programs/today.out", "sunny\n", "", f"{PAGE}:15: this block is empty"),
    "a dead link": (PAGE, "today's weather", "[weather](gone.md)", f"{PAGE}:9: "),
    "a block that nothing checks": (PAGE, "```sh\npip", "```json\npip", f"{PAGE}:20: nothing "),
    "an output without a program": (PAGE, "```python", "<!-- not run: no -->\n```python", f"{PAGE}:"),
    "a stale comment": (PAGE, "<!-- not run: it downloads packages -->\n```sh", "```text", f"{PAGE}:"),
}


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
    return Path(shutil.copytree(EXAMPLE, tmp_path / "a site ñ"))


def test_the_example_passes(copy: Path) -> None:
    ended = run(copy, "-vv")
    assert ended.returncode == 0, ended.stdout
    assert "docs/index.md::11 today.py PASSED" in ended.stdout
    assert "docs/index.md::names PASSED" in ended.stdout


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_found(fault: str, copy: Path) -> None:
    name, old, new, message = FAULTS[fault]
    path = copy / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    ended = run(copy, DOCS_RUNNER_SECONDS="3")
    assert ended.returncode == 1, ended.stdout
    assert message in ended.stdout


def test_a_broken_build_fails_once(copy: Path) -> None:
    (copy / PAGE).write_text((copy / PAGE).read_text(encoding="utf-8") + "\n[gone](gone.md)\n", encoding="utf-8")
    ended = run(copy)
    assert "1 error" in ended.stdout.splitlines()[-1]
    assert "failed" not in ended.stdout.splitlines()[-1]
    assert "The site doesn't build. MkDocs says:" in ended.stdout


def test_update_writes_a_new_output_whatever_shows_it(copy: Path) -> None:
    (copy / "programs" / "today.out").unlink()
    for name, old, new in (
        ("pyproject.toml", '["service"]', '["service", "again"]'),
        ("weather_service.py", '"service", ', "name, "),
        ("weather_service.py", "here})]", 'here}) for name in ("service", "again")]'),
    ):
        (copy / name).write_text((copy / name).read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    ended = run(copy, "--update")
    assert ended.returncode == 0, ended.stdout
    assert "+sunny" in ended.stdout
    assert (copy / "programs" / "today.out").read_text(encoding="utf-8") == "sunny\n"
    assert "doesn't run in CI" in run(copy, "--update", CI="true").stderr
