"""The checker in a real browser and the Python client agree: on verdict, values and messages, over a corpus."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from playwright.sync_api import Browser

import connect_api
from checker_corpus import Corpus, as_received, corpus
from connect_api import MAX_BODY, CallbackType, ConnectAPIError, ServiceError, parse_callback_types, parse_response
from harness.browser import visit
from harness.host import host
from harness.site import Site
from project import FACTS, XML, meanings

SCHEMA = etree.XMLSchema(file=str(XML / "response.xsd"))

# Where the two libraries know different encodings, which docs/checker.md says: name to what differs.
DELIBERATE = {
    "MacRoman": "the library in the browser does not know this encoding, that of the client does",
    "utf-8, declared windows-1252": "a byte that this encoding leaves undefined is an error to one library alone",
}

CODES = {*FACTS["specification"], *FACTS["user_guide"]["codes"], *FACTS["user_guide"]["not_defined"]}

CHECK_ALL = """
async ([base, documents]) => {
  const { Engine } = await import(`${base}site/assets/checker/engine.js`);
  const engine = new Engine(), verdicts = {};
  for (const [name, path] of Object.entries(documents)) {
    const answer = await fetch(base + path);
    const source = path.endsWith(".txt") ? (await answer.json()) : new Uint8Array(await answer.arrayBuffer());
    verdicts[name] = await engine.check(source, 60);
  }
  engine.stop();
  return verdicts;
}
"""


def outcome(parse: Callable[[bytes], object], body: bytes) -> dict[str, Any]:
    """What a function of the client returns or raises, in the words of the checker."""
    if len(body) > MAX_BODY:
        return {"raises": "TransportError", "message": f"the body is larger than {MAX_BODY} bytes", "errors": []}
    try:
        return {"returns": repr(parse(body))}
    except ConnectAPIError as error:
        errors = [list(pair) for pair in error.errors] if isinstance(error, ServiceError) else []
        return {"raises": type(error).__name__, "message": str(error), "errors": errors}


def expected(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {
        "parseCallbackTypes": outcome(parse_callback_types, body),
        "parseResponse": outcome(parse_response, body),
        "wellFormed": None,
        "schema": "unknown",
    }
    if len(body) > MAX_BODY:
        return found
    try:
        root = etree.fromstring(body, connect_api._PARSER)
    except etree.XMLSyntaxError as error:
        found["wellFormed"] = list(error.position)
        return found
    found["wellFormed"] = True
    try:
        found["schema"] = "agrees" if SCHEMA.validate(root) else "differs"
    except etree.XMLSchemaValidateError:  # of an entity that is not replaced
        found["schema"] = "unknown"
    return found


def said(result: dict[str, Any]) -> dict[str, Any]:
    """The checker's verdict in the form of `expected`."""
    if "verdict" not in result:
        return result
    verdict = result["verdict"]
    well_formed = verdict["wellFormed"]
    if well_formed:
        problem = well_formed["problem"]
        well_formed = well_formed["yes"] or [problem["line"], problem["column"]]
    return {
        "parseCallbackTypes": verdict["parseCallbackTypes"],
        "parseResponse": verdict["parseResponse"],
        "wellFormed": well_formed,
        "schema": verdict["schema"]["verdict"],
    }


@pytest.fixture(scope="module")
def documents() -> Corpus:
    return corpus()


@pytest.fixture(scope="module")
def verdicts(
    documents: Corpus, browser: Browser, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the checker says of each document: one page, the site's own worker, and the site below a sub-path."""
    folder: Path = tmp_path_factory.mktemp("parity")
    (folder / "site").symlink_to(site.output)
    paths = {}
    for number, (name, document) in enumerate(documents.items()):
        paths[name] = f"{number}.{'txt' if isinstance(document, str) else 'bin'}"
        (folder / paths[name]).write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    with host(folder) as base, visit(browser, f"{base}site/") as opened:
        opened.page.set_default_timeout(300_000)
        found: dict[str, Any] = opened.page.evaluate(CHECK_ALL, [base, paths])
        assert not opened.errors, opened.errors
    return found


def differences(name: str, document: bytes | str, verdicts: dict[str, Any]) -> list[str]:
    wanted, found = expected(as_received(document)), said(verdicts[name])
    return [
        f"{name!r}, {part}:\n  the checker: {brief(found.get(part, found))}\n  the client:  {brief(wanted[part])}"
        for part in wanted
        if found.get(part) != wanted[part]
    ]


def brief(value: object) -> str:
    text = str(value)
    return text if len(text) < 500 else f"{text[:250]} ... {text[-250:]}"


def test_checker_and_client_agree(documents: Corpus, verdicts: dict[str, Any]) -> None:
    assert len(documents) >= 200
    problems = [
        problem
        for name, document in documents.items()
        if name not in DELIBERATE
        for problem in differences(name, document, verdicts)
    ]
    if problems:
        pytest.fail(
            f"{len(problems)} differences; correct docs/assets/checker/client.js.\n" + "\n".join(problems), False
        )


@pytest.mark.parametrize("name", DELIBERATE)
def test_what_is_allowed_to_differ_does(name: str, documents: Corpus, verdicts: dict[str, Any]) -> None:
    assert differences(name, documents[name], verdicts), f"take {name!r} out of DELIBERATE"


def test_what_a_document_says(documents: Corpus, verdicts: dict[str, Any]) -> None:
    """The codes with their meanings, and the table of the callback types, which go by what the client returns."""
    for name in documents:
        verdict = verdicts[name].get("verdict", {})
        outcome = verdict["parseCallbackTypes"]
        assert [[error["code"], error["message"]] for error in verdict["errors"]] == outcome.get("errors", []), name
        for error in verdict["errors"]:
            known = [meaning._asdict() for meaning in meanings(error["code"])] if error["code"] in CODES else []
            assert error["known"] == known, f"{name}: the meanings of error {error['code']}"
        if "returns" in outcome:
            types = [CallbackType(int(identifier), text) for identifier, text in verdict["types"]]
            assert verdict["typeCount"] > len(types) or repr(types) == outcome["returns"], name
