"""The response checker and the console: they read in a document what lxml reads, and do what a reader expects."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import Visit
from lxml import etree
from playwright.sync_api import Browser, Page, expect

from docs_runner.build import Site
from facts import ROOT

XML, VENDORED = ROOT / "docs" / "xml", ROOT / "docs" / "assets" / "checker" / "libxml2-wasm"
PUBLISHED = {path.relative_to(XML).as_posix(): path.read_bytes() for path in sorted(XML.rglob("*.xml"))}
RESPONSE, ERROR = (PUBLISHED[name].decode() for name in ("response.xml", "error-007.xml"))
TYPE = "<Value><callback_type_id>0</callback_type_id><callback_type>HTTP GET</callback_type></Value>"


def response(values: str, timestamp: str = "1316512313") -> str:
    head = "<CLICKATELLSDK><Action>get_list_callback</Action><Result>Success</Result>"
    return f"{head}<Values>{values.replace('TYPE', TYPE)}</Values><Timestamp>{timestamp}</Timestamp></CLICKATELLSDK>"


def cases() -> Iterator[tuple[str, bytes | str, str, str]]:
    """Yield name, document (bytes as in a file, or text as it is pasted), verdict, and what the report says too."""
    tables = tomllib.loads((Path(__file__).parent / "checker_cases.toml").read_text(encoding="utf-8"))
    documents: dict[str, Callable[..., bytes | str]] = {
        "response": RESPONSE.replace,
        "error": ERROR.replace,
        "values": response,
        "text": str,
        "file": lambda text, encoding: text.replace("RESPONSE", RESPONSE).encode(encoding),
    }
    for kind, document in documents.items():
        for name, (*parts, verdict, sentence) in tables[kind].items():
            yield f"{kind}: {name}", document(*parts), verdict, sentence
    for name, body in PUBLISHED.items():
        yield name, body, "", ""
    yield "deep", "<a>" * 1000, "Not well-formed XML: line 1", ""
    yield "many lines", f"<a>{chr(10) * 70_000}<a></b>", "Not well-formed XML: line 70001", ""
    entities = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 12))
    yield "far difference", RESPONSE.replace("<Value>", "\n" * 70_000 + "<Value><x/>"), "Success: 2", "x in Value"
    yield "many entities", f"<!DOCTYPE a [<!ENTITY e0 'ha'>{entities}]><a>&e11;</a>", "Not well-formed XML", ""


CASES = {name: (document, verdict, sentence) for name, document, verdict, sentence in cases()}
CHECK_ALL = """async ([base, documents]) => {
  const worker = new Worker(`${base}assets/checker/worker.js`, { type: "module" }), reports = [];
  for (const [text, isText] of documents) {
    worker.postMessage(isText ? text : Uint8Array.from(text, (byte) => byte.charCodeAt(0)));
    reports.push(await new Promise((resolve) => {
      let last = null;
      worker.onmessage = ({ data: { report, done } }) => done ? resolve(last) : (last = report);
    }));
  }
  return reports;
}"""


@pytest.fixture(scope="module")
def reports(browser: Browser, sandbox: str) -> dict[str, Any]:
    bodies = [case[0] for case in CASES.values()]
    documents = [[body, True] if isinstance(body, str) else [body.decode("latin-1"), False] for body in bodies]
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(sandbox)
        return dict(zip(CASES, page.evaluate(CHECK_ALL, [sandbox, documents]), strict=True))


def parsed(document: bytes | str) -> etree._Element | tuple[int, int]:
    """Return the root element, or line and column of the first error. Pasted text is UTF-8, whatever it declares."""
    body, encoding = (document.encode(), "UTF-8") if isinstance(document, str) else (document, None)
    try:
        return etree.fromstring(body, etree.XMLParser(resolve_entities=False, remove_pis=True, encoding=encoding))
    except etree.XMLSyntaxError as error:
        return error.position


def texts(parent: etree._Element, path: str) -> list[str]:
    found: Any = parent.xpath(path)
    return [node.xpath("string()").strip() for node in found]


def words(part: Any) -> str:
    """Return the words of a part of a report, as its reader sees them."""
    if isinstance(part, dict):
        part = part.get("items") or part.get("code") or part.get("text") or ""
    return part if isinstance(part, str) else " ".join(map(words, part))


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_what_lxml_reads(name: str, reports: dict[str, Any]) -> None:
    report, (document, verdict, sentence) = reports[name], CASES[name]
    tables = {table["caption"]: table for table in report["tables"]}
    facts = {row[0]: row[1:] for row in report.get("facts", [])}
    assert report["verdict"].startswith(verdict)
    said = [report.get("advice") or "", report["unusual"], [table["rows"] for table in report["tables"]]]
    assert sentence in words([*said, list(facts.values())])
    root = parsed(document)
    if isinstance(root, tuple):
        assert report["problem"].startswith("Line {}, column {}: ".format(*root))
        assert report["kind"] == "bad"
        return
    assert ("problem" in report, "facts" in report) == (False, root.getroottree().docinfo.internalDTD is None)
    if not facts:
        return
    actions = texts(root, "Action | action")
    call = actions[0] if actions else "get_list_callback"
    folder = "" if call == "get_list_callback" else f"{call.replace('_', '-')}/"
    file = f"{folder}{'request' if actions and root.find('Result') is None else 'response'}.xsd"
    if root.tag == "html" or not (XML / file).exists():
        assert "schema" not in report
    else:
        schema = etree.XMLSchema(file=str(XML / file))
        schema.validate(root)
        log: Any = schema.error_log
        assert (report["schema"]["file"], report["schema"]["count"]) == (file, len(log))
        lines = [problem.partition(":")[0] for problem in report["schema"].get("problems", [])]
        assert lines == [f"Line {error.line}" for error in log][:20]
    fields = [[str(field.tag), str(field.text)] for field in root if file.endswith("request.xsd")][1:]
    shown = [list(map(words, row)) for row in tables.get("Parameters", {"rows": []})["rows"]]
    assert shown == [[name, "(not shown)" if "password" in name else text] for name, text in fields]
    assert facts["Root element"][0] == etree.QName(root).localname
    for path in ("Action", "Result", "Timestamp"):
        assert ([facts[path][0]] if path in facts else []) == texts(root, f"{path} | {path.lower()}")[:1]
    for seconds in texts(root, "Timestamp"):
        if len(seconds) < 12 and seconds.isdigit():
            assert facts["Timestamp"][1].startswith(f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %X} UTC")
    values = tables.get("Values", {"header": [], "rows": []})
    rows = [dict(zip(values["header"], map(words, row), strict=True)) for row in values["rows"]]
    found = [{key: text[:200] for key, text in row.items() if text and key != "In the sources"} for row in rows]
    nodes: Any = root.xpath("Values/Value | Value")
    expected = [[(field.tag, texts(field, ".")[0][:200]) for field in node] for node in nodes]
    assert found == [{key: text for key, text in fields if text} for fields in expected]
    assert name not in PUBLISHED or all(row.get("In the sources", "Yes") == "Yes" for row in rows)
    pairs = zip_longest(texts(root, "Error"), texts(root, "Description"), fillvalue="")
    errors = [tuple(map(words, row[:2])) for row in tables.get("Errors", {"rows": []})["rows"]]
    assert errors == [pair for pair in pairs if pair[0]]


def verdict_of(page: Page, form: str = "checker") -> str:
    status = page.locator(f"#{form}-status[role=status]")
    expect(status).to_have_class(re.compile("checker-(good|note|bad)"), timeout=60_000)
    return status.inner_text()


def paste(page: Page, text: str, seconds: float = 60) -> str:
    page.evaluate(
        """([text, seconds]) => {
          document.getElementById("checker").dataset.seconds = seconds;
          const clipboardData = new DataTransfer(), field = document.getElementById("checker-source");
          clipboardData.setData("text/plain", text);
          const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
          if (!field.dispatchEvent(event)) return;
          field.value = text; // what the browser does
          field.dispatchEvent(new InputEvent("input", { inputType: "insertFromPaste" }));
        }""",
        [text, seconds],
    )
    return verdict_of(page)


@pytest.fixture
def page(visit: Callable[..., Visit], sandbox: str) -> Iterator[Page]:
    opened = visit("checker/")
    yield opened.page
    assert (opened.faults, [url for url in opened.requests if not url.startswith(sandbox)]) == ([], [])


def test_a_sample_is_chosen_by_words_and_its_verdict_is_under_the_field(page: Page, sandbox: str) -> None:
    options = page.locator("#checker-sample option").all()
    assert sorted(str(option.get_attribute("value")) for option in options) == sorted(PUBLISHED)
    assert not [option.inner_text() for option in options if re.search(r"[/_.]", option.inner_text())]
    page.select_option("#checker-sample", "several-errors.xml")
    page.get_by_role("button", name="Check sample").press("Enter")
    assert verdict_of(page) == page.locator("#checker + #checker-status").inner_text() == "! 2 errors: 431, 432"
    report = page.locator("#checker-report")
    rows = ["Code Message In the sources"] + [
        f"{code} Invalid or missing {name} User Guide: Invalid or missing {name}"
        for code, name in (("431", "username"), ("432", "password"))
    ]
    assert [" ".join(row.split()) for row in report.locator("table").first.locator("tr").all_inner_texts()] == rows
    expect(report).to_contain_text("Agrees with authenticate-user/response.xsd")
    assert [link.get_attribute("href") for link in report.get_by_role("link").all()] == [
        *(f"{sandbox}callback-types/errors/#error-{code}" for code in ("431", "432")),
        f"{sandbox}xml/authenticate-user/response.xsd",
    ]


HOSTILE = {  # time limit, text, verdict
    "10 MiB": (60, "x" * (10 * 1024 * 1024 + 1), "✗ Not checked: larger than 10 MiB"),
    "lines": (60, "\n" * 20_000 + RESPONSE, "✓ Success: 2 callback types"),
    "values": (60, response("TYPE" * 50_000), "✓ Success: 50,000 callback types"),
    "markup": (60, response("<img/>&lt;img src=x onerror=alert()&gt;"), "! Success: 0 callback types, with diff"),
    "slow schema": (5, ERROR.replace("<Error>", "<Error>x</Error>" * 200_000 + "<Error>"), "! 200,001 errors: x, x,"),
    "late": (0.001, response("TYPE" * 50_000), "✗ No verdict: the check took more than 0.001 seconds"),
}
COUNT_WORKERS = """() => {
  const page = document.documentElement.dataset;
  window.Worker = class extends Worker {
    constructor(...all) { super(...all); page.workers = Number(page.workers ?? 0) + 1; }
    terminate() { super.terminate(); page.workers -= 1; }
  };
}"""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_a_short_report(name: str, page: Page) -> None:
    seconds, text, verdict = HOSTILE[name]
    page.evaluate(COUNT_WORKERS)
    assert paste(page, text, seconds).startswith(verdict)
    expect(page.locator("html")).to_have_attribute("data-workers", "0")
    assert page.locator("#checker-report *").count() < 2000
    assert not page.locator("#checker-report img").count()
    assert len(page.input_value("#checker-source")) < 200_000
    assert "Error 007" in paste(page, ERROR)


def test_a_verdict_is_never_about_another_text(page: Page) -> None:
    page.evaluate(COUNT_WORKERS)
    page.get_by_label("The XML that you received").fill(RESPONSE)
    page.keyboard.press("Control+Enter")
    page.locator("#checker-source").press_sequentially("<")
    expect(page.locator("html")).to_have_attribute("data-workers", "0", timeout=60_000)  # the old text was read
    expect(page.locator("#checker-status")).to_have_text("The text has changed. Check it again.")
    page.keyboard.press("Control+Enter")
    assert "✗ Not well-formed XML: line 17, column 1" in verdict_of(page)
    page.get_by_role("button", name="Show line 17").click()
    assert page.evaluate("getSelection().toString()") == "<"
    body = f"<?xml version='1.0' encoding='UTF-16'?>{RESPONSE}".encode("utf-16")
    page.set_input_files("#checker-file", {"name": "body.xml", "mimeType": "text/xml", "buffer": body})
    assert verdict_of(page) == "✓ Success: 2 callback types"
    expect(page.locator("#checker-report")).to_contain_text("UTF-16")


def test_the_library_comes_with_the_first_check_and_its_absence_is_reported(visit: Callable[..., Visit]) -> None:
    opened = visit("checker/")
    opened.page.route("**/libxml2raw.js", lambda route: route.abort())
    opened.page.wait_for_load_state("networkidle")
    assert not [url for url in opened.requests if "libxml2" in url]
    assert paste(opened.page, RESPONSE).startswith("✗ No verdict: the checker failed:")
    opened.page.unroute_all()
    opened.page.get_by_role("button", name="Check", exact=True).click()
    expect(opened.page.locator("#checker-status")).to_have_text("✓ Success: 2 callback types", timeout=60_000)


@pytest.mark.parametrize("from_disk", [False, True])
def test_the_page_says_what_is_missing(from_disk: bool, visit: Callable[..., Visit], site: Site, sandbox: str) -> None:
    base = f"{site.output.as_uri()}/" if from_disk else sandbox
    page = visit("checker/index.html", scripts=from_disk, base=base).page
    expect(page.locator("#checker-status")).to_contain_text("The checker needs JavaScript and a web server")
    expect(page.locator("#checker-source")).to_be_disabled()


def test_vendored_files_have_their_checksums() -> None:
    lines = (VENDORED / "SHA256SUMS.txt").read_text().splitlines()
    found = {f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in VENDORED.glob("*[!S].*")}
    assert set(lines) == found


def blocks(page: Page) -> dict[str, str]:
    """Return the texts of the console's code blocks, those in tabs that are not chosen included."""
    found = {name: page.locator(f".console .language-{name} code") for name in ("http", "sh", "python", "xml")}
    return {name: str(block.text_content()) for name, block in found.items()}


@pytest.mark.parametrize("path", ["", "callback-types/request/"])
@pytest.mark.parametrize("name", ["response.xml", "recorded.xml", "error-004.xml"])
def test_the_console_shows_what_was_sent_and_received(
    path: str, name: str, visit: Callable[..., Visit], sandbox: str
) -> None:
    opened = visit(path)
    page = opened.page
    page.wait_for_load_state("networkidle")
    assert not [url for url in opened.requests if re.search(r"libxml2|engine\.js|report\.js|worker\.js", url)]
    page.focus("#console-response")
    page.select_option("#console-response", name)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    root = etree.fromstring(PUBLISHED[name])
    types = texts(root, "Values/Value/callback_type")
    expected = f"✓ Success: {len(types)} callback types" if types else f"! Error {root.findtext('Error')}: "
    assert verdict_of(page, "console").startswith(expected)
    for text in [*types, *texts(root, "Error"), *texts(root, "Description")]:
        expect(page.locator(".console > div").last).to_contain_text(text)
    (url,) = [url for url in opened.requests if f"/{name}?" in url]
    shown, parts = blocks(page), urlsplit(url)
    assert shown["http"].splitlines() == [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    assert shown["xml"].encode() == PUBLISHED[name]
    expect(page.locator(".console-head")).to_have_text("HTTP status 200 OK Content-Type: application/xml")
    assert (opened.faults, [url for url in opened.requests if not url.startswith(sandbox)]) == ([], [])
    environment = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    for program in (["sh", "-eu", "-c", shown["sh"]], [sys.executable, "-c", shown["python"]]):
        ran = subprocess.run(program, capture_output=True, check=True, timeout=60, env=environment)
        assert ran.stdout == PUBLISHED[name]


def test_without_a_script_the_example_stands_with_a_response_for_each_document(visit: Callable[..., Visit]) -> None:
    page = visit("", scripts=False).page
    options = page.locator("#console-response option").all()
    documents = {name for name in PUBLISHED if re.match("error-|response|recorded.xml", name)}
    assert {option.get_attribute("value") for option in options} == documents
    expect(page.locator("#console-status")).to_have_text(re.compile("^Sending needs JavaScript and a web server"))
    expect(page.locator("#console button")).to_be_disabled()
    static = blocks(page)
    assert static["xml"] == RESPONSE
    assert static["http"].startswith("GET /xml/response.xml?XML=%3Cclickatellsdk%3E%3Caction%3Eget_list_callback%3C%2F")
