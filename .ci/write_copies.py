"""Write each page as Markdown into a built site, and `llms.txt`, which lists them for language models.

Each copy is next to its page, and contains the page's includes. For example: `callback-types/errors.md`.

usage: write_copies.py SITE_FOLDER URL
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LOCAL = "http://127.0.0.1:8000/"
INCLUDE = re.compile(r'^( *)--8<-- "(.+)"$', re.MULTILINE)
DOCSTRINGS = re.compile(r"^::: (\w+)$", re.MULTILINE)
MARKUP = re.compile(
    r"^ *<!--[^\n]*-->\n|^ *</?(?:div|figure)[^\n]*>\n|^ *\{ [.#].*\}\n| *\{ [.#][^}\n]*\}", re.MULTILINE
)
FRONT_MATTER = re.compile(r"---\n.*?^description: (.+?)\n.*?^---\n+", re.MULTILINE | re.DOTALL)


def text_of(path: Path) -> str:
    """Return a page or a table as text, and nothing for a form or a picture, which only a browser shows."""
    text = path.read_text(encoding="utf-8")
    if path.suffix in (".html", ".svg"):
        return ""
    return MARKUP.sub("", text) if path.suffix == ".md" else text


def copy_of(page: Path) -> str:
    """Return a page with its includes. The copy of a reference page contains the module instead of its docstrings."""
    text = DOCSTRINGS.sub(r'```python\n--8<-- "snippets/\1.py"\n```', text_of(page))
    return INCLUDE.sub(lambda found: re.sub("^", found[1], text_of(Path(found[2])).rstrip(), flags=re.MULTILINE), text)


def main() -> None:
    """Write the copies in the order of the navigation."""
    site, url = Path(sys.argv[1]), sys.argv[2]
    config = Path("mkdocs.yml").read_text(encoding="utf-8")
    head = dict(re.findall(r"^(site_\w+|copyright): (.+)$", config, re.MULTILINE))
    listed = f"# {head['site_name']}\n\n> {head['site_description']}\n\n{head['copyright']}\n\n## Pages\n\n"
    for name in re.findall(r": (\S+\.md)$", config, re.MULTILINE):
        text = copy_of(Path("docs", name)).replace(LOCAL, url)
        if not (found := FRONT_MATTER.match(text)):
            sys.exit(f"docs/{name} has no description in its front matter")
        text = text[found.end() :]
        title = text.split("\n", 1)[0].removeprefix("# ")
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(text, encoding="utf-8")
        listed += f"- [{title}]({url}{name}): {found[1]}\n"
    (site / "llms.txt").write_text(listed, encoding="utf-8")


if __name__ == "__main__":
    main()
