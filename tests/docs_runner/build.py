"""Build the site once for a whole run of pytest, however many workers it has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


class BuildError(Exception):
    """MkDocs didn't build the site; the message is what MkDocs said, then the lines of pages that it names."""


@dataclass(frozen=True)
class Site:
    """A built site.

    Attributes:
        root: The folder with `mkdocs.yml`.
        output: The folder with the built site. Don't write to it: all tests share it.
    """

    root: Path
    output: Path


def page_files(root: Path) -> list[Path]:
    return sorted((root / "docs").rglob("*.md"))


def build(root: Path, output: Path, **variables: str) -> None:
    """Build the site in strict mode. Never with `-q`, under which strict mode finds nothing.

    Raises:
        BuildError: MkDocs failed or warned.
    """
    environment = {name: value for name, value in os.environ.items() if name not in {"SITE_URL", "REPO_URL"}}
    ended = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(output)],
        cwd=root,
        env={**environment, "NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if ended.returncode:
        said = [line for line in ended.stdout.splitlines() if not line.startswith("INFO")]
        raise BuildError("\n".join(["The site doesn't build. MkDocs says:", *said, *_places(root, "\n".join(said))]))


def _places(root: Path, said: str) -> Iterator[str]:
    """Yield page and line of whatever MkDocs quotes, since it names no lines."""
    quoted = set(re.findall(r"'([^']+)'", re.sub(r"(Doc file|file) '[^']+'", "", said)))
    for path in page_files(root):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if any(f"({text})" in line or f'"{text}"' in line for text in quoted):
                yield f"{path.relative_to(root).as_posix()}:{number}: {line.strip()}"


def build_once(root: Path, shared: Path) -> tuple[Site, str, bool]:
    """Build the site unless another worker of this run has done so.

    Returns:
        The site, why it couldn't be built, and whether this worker tried: only one test reports a broken build.
    """
    output, failed = shared / "site", shared / "site-failed"
    with FileLock(shared / "site.lock"):
        if failed.exists():
            return Site(root, output), failed.read_text(encoding="utf-8"), False
        try:
            if not output.exists():
                build(root, output)
        except BuildError as error:
            failed.write_text(str(error), encoding="utf-8")
            return Site(root, output), str(error), True
    return Site(root, output), "", True
