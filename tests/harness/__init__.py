"""Machinery that proves a documentation site: it knows MkDocs and Markdown, and no fact of the documented API."""
