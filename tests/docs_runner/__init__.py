"""A pytest plugin for MkDocs sites: the page is the test.

`pytest docs/quickstart.md` walks that page from top to bottom as its reader does, in an empty folder with nothing
of this machine around it. Each code block is a test of its own, named by page, line and title.

The plugin knows Markdown and MkDocs, and nothing about the API that a site documents. A project gives it:

- a table `[tool.docs_runner]` in `pyproject.toml` (see `settings.py`)
- a fixture `docs_targets`, the servers that the pages call (see `walk.py`)
"""
