"""Inline code in prose is a promise: each name exists, and each number is what it counts."""

from __future__ import annotations

import ast
import contextlib
import http.client
import importlib
import inspect
import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

import pytest
import requests
from lxml import etree
from urllib3.util import Retry
from werkzeug.test import Client

import connect_api
import mock_server
import receive_callbacks
from harness.run import settings
from harness.site import (
    NUMBER,
    Page,
    Problem,
    Site,
    Span,
    docstrings,
    included_text,
    prose_lines,
    scan_spans,
    without_code,
)
from project import FACTS, FENCES, ROOT, SNIPPETS, SOURCE, XML
from test_troubleshooting import PROVOKED

MODULES = {"connect_api": connect_api, "mock_server": mock_server, "receive_callbacks": receive_callbacks}
LIBRARIES = (
    "builtins",
    "flask",
    "waitress",
    "trustme",
    "werkzeug",
    "requests",
    "urllib3",
    "lxml",
    "lxml.etree",
    "xml.etree",
    "datetime",
    "decimal",
    "pytest",
    "mkdocs",
)
DIGIT_OR_WORD = re.compile(
    r"\d|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand)\b", re.IGNORECASE
)
_UNMARKED = re.compile(r"(?:description|title): .*|\s+\*{0,2}[\w.]+: ")
IDENTIFIER = re.compile(r"\b\w+_\w+\b|\b[a-z]+[A-Z]\w+\b|\b\w+\(\)")


# What a name in backticks may be.


def xml_names() -> Iterator[str]:
    """Element names and texts of the documents, names of the schemas."""
    for path in [*XML.rglob("*.xml"), *XML.glob("*.xsd"), SNIPPETS / "callback.xml"]:
        for element in etree.parse(path).iter():
            if isinstance(element.tag, str):
                yield etree.QName(element).localname
                text = (element.text or "").strip()
                yield text
                if element.tag == "Timestamp":
                    yield datetime.fromtimestamp(int(text), UTC).isoformat()
                yield from (str(value) for value in element.attrib.values())


def python_names() -> Iterator[str]:
    """Public names of the client and the mock, with their members and parameters."""
    for module_name, module in MODULES.items():
        yield from (module_name, *(name for name in vars(module) if name == "__version__"))
        for name in [*module.__all__, *(name for name in vars(module) if name.isupper() and name[0] != "_")]:
            yield name
            thing = getattr(module, name)
            with contextlib.suppress(ValueError, TypeError):  # an exception without a constructor, a constant
                yield from inspect.signature(thing).parameters
            for member in [*getattr(thing, "__annotations__", {}), *attributes(thing), *vars_of(thing)]:
                yield member
                yield f"{name}.{member}"
                if inspect.isfunction(method := getattr(thing, member, None)):
                    yield from inspect.signature(method).parameters
        for node in ast.walk(ast.parse(inspect.getsource(module))):  # the texts of errors
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and 20 < len(node.value) < 100:
                yield node.value
    yield from inspect.signature(Retry).parameters


def vars_of(thing: object) -> list[str]:
    return [name for name in getattr(thing, "__dict__", {}) if not name.startswith("_")]


def attributes(thing: object) -> list[str]:
    """The attributes that the methods of a class assign to `self`."""
    if not inspect.isclass(thing):
        return []
    tree = ast.parse(inspect.getsource(thing))
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Store)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
        and not node.attr.startswith("_")
    ]


def project_names() -> Iterator[str]:
    """Files and folders, tests, and what stands in the shell blocks and their options."""
    yield from (path.name for path in ROOT.iterdir() if path.is_file())
    yield from re.findall(r"(?<=!ENV \[)\w+|(?<=^  )\w+(?=:)", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    for folder in ("docs", "snippets", "tests", ".ci", ".github"):
        for path in [ROOT / folder, *(ROOT / folder).rglob("*")]:
            relative = path.relative_to(ROOT).as_posix()
            yield from (relative, relative + "/", path.name, path.stem)
    for path in (ROOT / "tests").glob("test_*.py"):
        tests = re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
        yield from tests
        yield from (f"D{test.split('_')[1][1:]}" for test in tests if re.match(r"test_d\d", test))
    for path in SNIPPETS.glob("*.py"):
        yield from re.findall(r'environ(?:\.get\(|\[)"(\w+)"', path.read_text())
        yield from re.findall(r'"(--[a-z-]+)"', path.read_text())
    yield from settings((SNIPPETS / "start_mock.out").read_text())
    for fence, _, _ in FENCES:
        if fence.language == "powershell":
            yield from re.findall(r"\$Env:\w+", included_text(ROOT, fence))
        if fence.language == "nginx":
            yield from re.findall(r"[\w.-]+(?:/[\w-]+)?", included_text(ROOT, fence))
        if fence.language == "sh":
            yield from included_text(ROOT, fence).split()
            yield from re.findall(r"\b[A-Z][A-Z_]+\b", included_text(ROOT, fence))
            yield included_text(ROOT, fence)


def source_names() -> Iterator[str]:
    """Codes and messages of the sources, and the names that they print."""
    guide = FACTS["user_guide"]
    yield from guide["codes"]
    yield from guide["codes"].values()
    yield from guide["not_defined"]
    for code, (message, _, _) in FACTS["specification"].items():
        yield from (code, message)
    yield from FACTS["names"]
    yield from (row[1] for row in FACTS["endpoint"]["rows"])
    yield from PROVOKED


def vocabulary() -> set[str]:
    found = {*xml_names(), *python_names(), *project_names(), *source_names()}
    return {name for name in found if name}


def resolves(text: str, names: Collection[str]) -> bool:
    """Tell whether inline code names something that exists."""
    text = text.strip('"')
    if text in names:
        return True
    if text.startswith("response."):
        return hasattr(requests.Response(), text.removeprefix("response."))
    if text.startswith("/") and "/" in text[1:]:  # an XPath
        return all(part in names for part in text.strip("/").split("/"))
    if tag := re.fullmatch(r"<(\w+)/?>", text):
        return tag[1] in names
    for library in LIBRARIES:
        loaded = importlib.import_module(library)
        if text == library:
            return True
        inside = text.removeprefix(f"{library}.").removeprefix(f"{library.split('.')[0]}.")
        if hasattr(loaded, inside):
            return True
    return False


def unresolved(spans: list[Span], names: Collection[str], exempt: Mapping[str, str]) -> list[Problem]:
    return [
        span.problem(f"`{span.text}` names nothing in the XML, the schemas, the client, the mock or a command")
        for span in spans
        if not NUMBER.fullmatch(span.text) and span.text not in exempt and not resolves(span.text, names)
    ]


# What a number in backticks may be.


def number_meanings() -> dict[str, set[str]]:
    """Name of a quantity to the values that it has, each computed from what it counts."""
    guide = FACTS["user_guide"]
    sample = etree.parse(XML / "response.xml")
    schema = (XML / "response.xsd").read_text()
    digits = re.findall(r'"\[0-9\]\{(?:1,)?(\d+)\}"', schema)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (zensical,) = [pin for pin in project["optional-dependencies"]["lint"] if pin.startswith("zensical==")]
    request = {"XML": (XML / "request.xml").read_text()}
    checker = json.loads((ROOT / "docs" / "assets" / "checker" / "facts.json").read_text())["libraries"]
    library = ROOT / "docs" / "assets" / "checker" / "libxml2-wasm" / "libxml2raw.js"
    form = (ROOT / "docs" / ".theme" / "checker-form.html").read_text()
    refused = Client(mock_server.MockConnectAPI()).get("/error-007", base_url="https://localhost", query_string=request)
    program = (SNIPPETS / "call_with_retries.py").read_text()
    retries, longest_wait = (int(re.findall(rf"{name}=(\d+)", program)[0]) for name in ("total", "retry_after_max"))
    return {
        "seconds of the timeout": {str(inspect.signature(connect_api.ConnectAPI).parameters["timeout"].default)},
        "bytes of a body": {str(connect_api.MAX_BODY)},
        "attempts of the policy": {str(retries + 1)},
        "seconds between the attempts": {str(retries * longest_wait)},
        "code of an error": {*guide["codes"], *guide["not_defined"], *FACTS["specification"]},
        "id in the sample": {str(element.text) for element in sample.iter("callback_type_id")},
        "digits of an error code": {digits[0]},
        "digits of an id": {digits[1]},
        "digits of a time": {digits[2]},
        "status that the mock sends with errors": {str(refused.status_code)},
        "status that a public client rejects": {FACTS["numbers"]["status that a public client rejects"]},
        "digits of a token": {FACTS["numbers"]["digits of a token"]},
        "failures before the captcha": {FACTS["numbers"]["failures before the captcha"]},
        "length of ip_address": {FACTS["numbers"]["length of ip_address"]},
        "oldest Python": {project["requires-python"].removeprefix(">=")},
        "major version of urllib3": {importlib.import_module("urllib3").__version__.split(".")[0]},
        "version of Zensical": {zensical.removeprefix("zensical==")},
        "version of MkDocs without plugins": {FACTS["numbers"]["version of MkDocs without plugins"]},
        "version of XML Schema": {FACTS["numbers"]["version of XML Schema"]},
        "start of Unix time": set(datetime.fromtimestamp(0, UTC).strftime("%Y %H:%M").split()),
        "HTTP status of a database that cannot be written": {str(HTTPStatus.SERVICE_UNAVAILABLE.value)},
        "HTTP status of a fault of the server": {str(HTTPStatus.INTERNAL_SERVER_ERROR.value)},
        "limit of a parameter": {number for row in FACTS["guides"]["create_connection"] for number in row[2].split()},
        "id of a type of connection": set(FACTS["guides"]["connection_types"]),
        "status that no source has": {f"{number:03}" for number in range(1, 15)} - set(FACTS["callback"]["status"]),
        "fields of a form": set(re.findall(r"max_num_fields=(\d+)", inspect.getsource(receive_callbacks))),
        "bytes of a callback": {str(receive_callbacks.MAX_CALLBACK)},
        "lines of a header": {str(http.client._MAXHEADERS)},  # type: ignore[attr-defined]
        "bytes of a line of a header": {str(http.client._MAXLINE)},  # type: ignore[attr-defined]
        "port of HTTPS": {str(http.client.HTTPS_PORT)},
        "address of this machine": {str(inspect.signature(mock_server.MockServer).parameters["host"].default)},
        "version of libxml2-wasm": {checker["libxml2-wasm"]},
        "version of libxml2 in the checker": {checker["libxml2 of the checker"]},
        "version of libxml2 under lxml": {checker["libxml2 of the tests"]},
        "version of lxml": {checker["lxml"]},
        "KiB of the checker's library": {str(round(library.stat().st_size / 1024))},
        "seconds of a check": set(re.findall(r'data-seconds="(\d+)"', form)),
        "characters of a token": set(re.findall(r"\{1,(\d+)\}$", connect_api._TOKEN.pattern)),
        "exit status": set(re.findall(r"(?:return|else|exit status) (\d)", inspect.getsource(receive_callbacks.main))),
        "seconds that the mock waits": set(re.findall(r"timeout=(\d+), allow", inspect.getsource(mock_server))),
        "version of the project": {project["version"]},
        "any free port": {str(inspect.signature(mock_server.MockServer).parameters["port"].default)},
    }


def wrong_numbers(
    path: str, spans: list[Span], ledger: Mapping[str, Mapping[str, object]], meanings: Mapping[str, set[str]]
) -> list[Problem]:
    """The numbers of a page that the ledger does not know, that count something else, or stand there more often."""
    found = Counter(span.text for span in spans if NUMBER.fullmatch(span.text))
    first = {span.text: span for span in reversed(spans)}
    problems = []
    for number in sorted({*found, *ledger}):
        entry = ledger.get(number)
        place = first.get(number, Span(Path(path), 1, number))
        if entry is None:
            problems.append(place.problem(f"`{number}` is not in tests/numbers.toml: what does it count?"))
        elif number not in meanings.get(str(entry["is"]), set()):
            problems.append(place.problem(f"`{number}` is not the {entry['is']}: {meanings.get(str(entry['is']))}"))
        elif found[number] != entry["times"]:
            problems.append(
                place.problem(f"`{number}` stands here {found[number]} times, in tests/numbers.toml {entry['times']}")
            )
    return problems


def bare_facts(
    prose: Iterator[tuple[int, str]], path: Path, names: Collection[str], exempt: Collection[str]
) -> list[Problem]:
    """Numbers and identifiers of the prose that are not set as code, where no test would see them.

    A description in the front matter and the name that begins an entry of a docstring hold no markup: they resolve.
    """
    problems = []
    for number, line in prose:
        if plain := _UNMARKED.match(line):
            unknown = [name for name in IDENTIFIER.findall(plain[0]) if name not in names]
            problems += [Problem(path, number, f"{name!r} names nothing that is there") for name in unknown]
            line = IDENTIFIER.sub(" ", plain[0]) + line[plain.end() :]
        text = without_code(line)
        for phrase in exempt:
            text = text.replace(phrase, " ")
        problems += [
            Problem(path, number, f"{match[0]!r} is a fact: set it as code, or write it without a number")
            for pattern in (DIGIT_OR_WORD, IDENTIFIER)
            for match in pattern.finditer(text)
        ]
    return problems


NAMES = vocabulary()
LEDGER = tomllib.loads((ROOT / "tests" / "numbers.toml").read_text())
EXEMPT: dict[str, str] = FACTS["exempt"]["names"]
PHRASES: dict[str, str] = FACTS["exempt"]["phrases"]


def outside_tables(prose: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Tables are compared cell by cell, in test_tables.py; directives and includes name a file or fail the build.

    What the front matter tells the search is no prose.
    """
    return ((number, line) for number, line in prose if not line.startswith(("|", ":::", "--8<--", "  boost:")))


def prose_of(path: Path) -> list[tuple[int, str]]:
    if path.suffix == ".md":
        prose = outside_tables(prose_lines(path, (ROOT / path).read_text().splitlines()))
        return [(number, line) for number, line in prose if not line.startswith("  boost: ")]  # of the search
    found: list[tuple[int, str]] = []
    for first, lines in docstrings(ROOT, path):
        found += prose_lines(path, lines, first)
    return found


PATHS = [page.path for page in SOURCE.pages] + [Path("snippets") / f"{name}.py" for name in MODULES]
ids = [path.as_posix() for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_names_resolve(path: Path) -> None:
    problems = unresolved(scan_spans(path, iter(prose_of(path))), NAMES, EXEMPT)
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_numbers_count_what_they_say(path: Path) -> None:
    spans = scan_spans(path, iter(prose_of(path)))
    problems = wrong_numbers(path.as_posix(), spans, LEDGER.get(path.as_posix(), {}), number_meanings())
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_facts_are_set_as_code(path: Path) -> None:
    problems = bare_facts(iter(prose_of(path)), path, NAMES, PHRASES)
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_inline_code_is_built_as_written(page: Page, site: Site) -> None:
    """What the tests read in the source is what the reader sees on the page."""
    elements = site.page(page.path.as_posix()).article.xpath(".//code[not(ancestor::pre)]")
    built, written = (
        Counter(element.text_content() for element in elements),
        Counter(span.text for span in page.spans()),
    )
    if any(line.startswith(":::") for line in page.lines):  # mkdocstrings adds the docstrings and names of its own
        assert written <= built, f"{page.path}: not on the page: {written - built}"
    else:
        assert written == built, f"{page.path}: {written - built} in the source, {built - written} on the page"


def test_no_exemption_is_stale() -> None:
    spans = {span.text for path in PATHS for span in scan_spans(path, iter(prose_of(path)))}
    text = "\n".join(line for path in PATHS for _, line in prose_of(path))
    stale = [name for name in EXEMPT if name not in spans or resolves(name, NAMES)]
    stale += [phrase for phrase in PHRASES if phrase not in text]
    stale += [path for path in LEDGER if path not in ids]
    assert not stale, f"take these out of tests/facts.toml or tests/numbers.toml: {stale}"


def test_documented_options_are_those_of_the_programs() -> None:
    """The options of the mock that its help prints are those that its source defines, which prose may name."""
    ended = subprocess.run(
        [sys.executable, SNIPPETS / "mock_server.py", "--help"], capture_output=True, text=True, check=True
    )
    defined = set(re.findall(r'"(--[a-z-]+)"', (SNIPPETS / "mock_server.py").read_text()))
    assert set(re.findall(r"--[a-z-]+", ended.stdout)) - {"--help"} == defined
