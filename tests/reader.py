"""What a reader does with a page: set the variables it names, save its downloads, run its programs."""

from __future__ import annotations

import difflib
import shutil
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from lxml import etree

from harness.run import clean_environment, settings
from harness.site import Block, Fence, Page, included_text
from mock_server import Exchange, MockServer
from project import DEFAULT_SITE_URL, FACTS, ROOT, XML, structure

POSTED = {
    "snippets/request_post.sh",
    "snippets/post_form.py",
    "snippets/authenticate_user.py",
    "snippets/authenticate_user.sh",
    "snippets/sign_in_failures.py",
    "snippets/configure_callback.py",
    "snippets/refused_connection.py",
}
"""The programs that call by POST, which the sandbox does not answer; all others call by GET."""


PARAMETERS = [row[0] for row in FACTS["guides"]["create_connection"]]


def environment_for(page: Page, block: Block, home: Path, sandbox: str, mock: MockServer | None) -> dict[str, str]:
    """The variables that a reader has set at this block: for the mock or the sandbox, then the page's own lines."""
    if mock:
        environment = clean_environment(
            home,
            CONNECT_API_URL=mock.url,
            CONNECT_API_TOKEN="response.xml",
            REQUESTS_CA_BUNDLE=str(mock.ca_file),
            CURL_CA_BUNDLE=str(mock.ca_file),
        )
    else:
        environment = clean_environment(home, CONNECT_API_URL=f"{sandbox}xml", CONNECT_API_TOKEN="response.xml")
    for fence in page.fences[: page.fences.index(block.fence)]:
        if fence.language != "sh":
            continue
        for name, value in settings(included_text(ROOT, fence)).items():
            if value is None:
                environment.pop(name, None)
            elif not (mock and name == "CONNECT_API_URL"):
                environment[name] = value.replace(DEFAULT_SITE_URL, sandbox)
    return environment


def save_downloads(page: Page, folder: Path) -> None:
    for name, path in page.downloads().items():
        shutil.copyfile(path, folder / name)


def difference(expected: str, actual: str, fence: Fence) -> str:
    """Say where the page differs from what happened, with a diff; empty where it does not."""
    if expected == actual:
        return ""
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "on the page", "in fact", lineterm="")
    included = f" (from {fence.include})" if fence.include else ""
    return f"{fence}: this block{included} differs from what it shows:\n" + "\n".join(lines)


def undocumented(exchange: Exchange, method: str) -> str:
    """Say in what a request differs from the documented one; empty where it does not.

    The calls with parameters send what their documented request sends, or less, with values of their own.
    """
    url = urlsplit(exchange.target)
    query, form = parse_qsl(url.query), parse_qsl(exchange.body.decode())
    document = exchange.document or ""
    expected = {"GET": ([("XML", document)], []), "POST": ([], [("XML", document)])}[method]
    if exchange.method != method:
        return f"the method is {exchange.method}, documented is {method}"
    if url.path.count("/") != 1:
        return "the path is not the token alone"
    if (query, form) != expected:
        return f"the parameters are {query} in the query string and {form} in the body"
    if exchange.action == "get_list_callback":
        same = structure(document) == structure((XML / "request.xml").read_bytes())
    else:
        folder = str(exchange.action).replace("_", "-")
        names = [element.tag for element in etree.parse(XML / folder / "request.xml").getroot()]
        sent = [element.tag for element in etree.fromstring(document)]
        known = [*names, *PARAMETERS]
        same = sent[:3] == names[:3] and set(sent) <= set(known)
    return "" if same else f"the document is not the documented one: {document}"
