"""Write `llms.txt` and a Markdown copy of each page into a built site, for language models and for readers of text.

A copy stands where the page's source stands, with its includes in their places, so that the links between copies lead
from copy to copy: `callback-types/errors.md` beside `callback-types/errors/`.

usage: write_copies.py SITE_DIR URL
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown import Markdown
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import get_files
from mkdocs.structure.nav import Navigation, Section, get_navigation
from mkdocs.structure.pages import Page
from mkdocs.utils.meta import get_data

DEFAULT_URL = "http://127.0.0.1:8000/"
_ATTRIBUTES = re.compile(r"^\s*\{ [.#:][^}]*\}\n|(?<=\))\{ [.#:][^}]*\}|</?div[^>]*>\n\n?", re.MULTILINE)
_LAST_LINE = re.compile(r"\n[ ]*(\n[ ]*`{3,}\n)")  # the include of a whole file ends with an empty line
_PICTURE = re.compile(r"<figure.*?<title[^>]*>(.*?)</title>.*?<desc[^>]*>(.*?)</desc>.*?</figure>", re.DOTALL)
_FORM = re.compile(r'^<div class="checker">.*?^</form>.*?^</div>$', re.MULTILINE | re.DOTALL)
_VERDICTS = re.compile(r'^<div id="verification".*?^</div>$', re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^::: (\w+)$", re.MULTILINE)


def navigation() -> tuple[MkDocsConfig, Navigation]:
    config = load_config("mkdocs.yml")
    return config, get_navigation(get_files(config), config)


def expanded(text: str, config: MkDocsConfig) -> str:
    """A page's text with its includes in their places, and without what only styles it."""
    options: dict[str, Any] = config.mdx_configs["pymdownx.snippets"]
    markdown = Markdown(extensions=["pymdownx.snippets"], extension_configs={"pymdownx.snippets": options})
    text = _VERDICTS.sub("The verdicts are on the page itself: a script fills them in from `verification.json`.", text)
    lines = markdown.preprocessors["snippet"].run(_ATTRIBUTES.sub("", text).splitlines())
    text = _PICTURE.sub(r"Picture: \1. \2", "\n".join(lines) + "\n")
    text = _FORM.sub("The form is on the page itself, and works in a browser alone.", text)
    # A reference page is made of a module's docstrings: its copy has the module.
    return _DIRECTIVE.sub(
        lambda found: f"```python\n{Path('snippets', found[1] + '.py').read_text(encoding='utf-8')}```",
        _LAST_LINE.sub(r"\1", text),
    )


def entries(items: list[Any], url: str, depth: int = 2) -> Iterator[str]:
    """The lines of `llms.txt` for these parts of the navigation."""
    for item in items:
        if isinstance(item, Page):
            _, meta = get_data(Path(str(item.file.abs_src_path)).read_text(encoding="utf-8"))
            yield f"- [{item.title}]({url}{item.file.src_uri}): {meta['description']}\n"
        elif isinstance(item, Section):
            yield f"\n{'#' * depth} {item.title}\n\n"
            yield from entries(item.children, url, depth + 1)


def main() -> None:
    parser = argparse.ArgumentParser(usage="%(prog)s SITE_DIR URL")
    parser.add_argument("site", type=Path)
    parser.add_argument("url")
    arguments = parser.parse_args()
    config, nav = navigation()
    for page in nav.pages:
        body, _ = get_data(Path(str(page.file.abs_src_path)).read_text(encoding="utf-8"))
        copy = arguments.site / page.file.src_uri
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(expanded(body, config).replace(DEFAULT_URL, arguments.url), encoding="utf-8")
    head = f"# {config.site_name}\n\n> {config.site_description}\n\n{config.copyright}\nEach page as Markdown:\n\n"
    (arguments.site / "llms.txt").write_text(head + "".join(entries(nav.items, arguments.url)), encoding="utf-8")


if __name__ == "__main__":
    main()
