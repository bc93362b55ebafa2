"""Say of each block who checks it: a block that is neither run nor compared with anything is a fault of the page."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

from .page import Fence, Page
from .settings import Settings

_LANGUAGES = {
    ".conf": "nginx",
    ".js": "javascript",
    ".md": "markdown",
    ".ps1": "powershell",
    ".py": "python",
    ".xsd": "xml",
    ".yml": "yaml",
}


def unowned(fence: Fence, page: Page, settings: Settings) -> str | None:
    """Say why nothing checks this block or its title, or return None."""
    word, include, title = fence.instruction[0], fence.include, fence.title
    if include and not fence.is_output:
        suffix = Path(include).suffix
        language = _LANGUAGES.get(suffix, suffix.removeprefix("."))
        if fence.language != language:
            return f"the language of {include} is {language}, not {fence.language!r}"
        is_name = bool(title) and not re.fullmatch(r"[A-Z][a-z ]+", title)  # and not a word, such as Request
        if is_name and not f"/{include}".endswith(f"/{title}"):
            return f"the title is {title}, the file is {include}"
    if is_run(fence) or is_checked_elsewhere(include, settings):
        runs = is_run(fence) and not fence.is_output
        stale = word in {"not run", "server"} and not runs
        return f"nothing runs this block, so the comment above it ({word}) is out of date" if stale else None
    if fence.language == "powershell" or is_run_by(fence, page.following(fence)):
        return None
    return f"nothing checks this block of {fence.language!r}: it is neither run nor compared with anything"


def is_run(fence: Fence) -> bool:
    """Whether a reader runs this block, or it shows what one prints."""
    return fence.language in {"python", "sh"} or fence.is_output


def is_run_by(fence: Fence, following: Fence | None) -> bool:
    """Whether the next block is the command that runs this program."""
    if following is None or following.language != "sh" or not fence.title:
        return False
    return any(fence.title in line for line in following.lines)


def is_checked_elsewhere(file: str, settings: Settings) -> bool:
    return any(fnmatch(file, pattern) for pattern in settings.checked_elsewhere)


def in_powershell(fence: Fence, page: Page) -> list[str]:
    """Return the lines of a PowerShell block, sorted, as its shell block has them: no PowerShell runs here.

    The shell block is the one above with the same file name, or else the one directly above.
    """
    above = [other for other in page.fences[: page.fences.index(fence)] if other.language == "sh"]
    same = [other for other in above if Path(other.include).stem == Path(fence.include).stem]
    partners = (same or above)[-1:]
    return sorted(_line_in_powershell(line) for each in partners for line in each.source(page.root).splitlines())


def _line_in_powershell(line: str) -> str:
    if match := re.fullmatch(r"export (\w+)=(\S+)", line):
        value = match[2].replace("$PWD/", "$PWD\\")
        return f'$Env:{match[1]} = "{value}"' if "$" in value else f"$Env:{match[1]} = '{value}'"
    if line.startswith("unset "):
        names = ", ".join(f"Env:{name}" for name in line.split()[1:])
        return f"Remove-Item {names} -ErrorAction SilentlyContinue"
    if match := re.fullmatch(r"curl -fsSO (\S+/(\S+))", line):
        return f"Invoke-WebRequest -OutFile {match[2]} '{match[1]}'"  # quoted, so that the page shows it in one piece
    return line
