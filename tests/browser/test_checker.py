"""The response checker: what it reads in a document is what lxml reads, and its page does what a reader expects."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from playwright.sync_api import Browser, Page, expect

DOCS = Path(__file__).resolve().parents[2] / "docs"
XML, VENDORED = DOCS / "xml", DOCS / "assets" / "checker" / "libxml2-wasm"
PUBLISHED = {path.relative_to(XML).as_posix(): path.read_bytes() for path in sorted(XML.rglob("*.xml"))}
RESPONSE, ERROR = (PUBLISHED[name].decode() for name in ("response.xml", "error-007.xml"))
TYPE = "<Value><callback_type_id>0</callback_type_id><callback_type>HTTP GET</callback_type></Value>"


def answer(values: str, timestamp: str = "1316512313") -> str:
    head = "<CLICKATELLSDK><Action>get_list_callback</Action><Result>Success</Result>"
    return f"{head}<Values>{values.replace('TYPE', TYPE)}</Values><Timestamp>{timestamp}</Timestamp></CLICKATELLSDK>"


def cases() -> Iterator[tuple[str, bytes | str, str, str]]:
    """Yield name, document (bytes as in a file, or text as it is pasted), verdict, and a part of the sentences."""
    tables = tomllib.loads((Path(__file__).parent / "checker_cases.toml").read_text(encoding="utf-8"))
    for name, body in PUBLISHED.items():
        yield name, body, "", ""
    for kind, source in (("response", RESPONSE), ("error", ERROR)):
        for name, (old, new, verdict, sentence) in tables[kind].items():
            yield f"{kind}: {name}", source.replace(old, new), verdict, sentence
    for name, (values, time, verdict, sentence) in tables["values"].items():
        yield f"values: {name}", answer(values, time), verdict, sentence
    for name, (text, verdict, sentence) in tables["text"].items():
        yield f"text: {name}", text, verdict, sentence
    for name, (text, encoding, verdict) in tables["file"].items():
        yield f"file: {name}", text.replace("RESPONSE", RESPONSE).encode(encoding), verdict, ""
    yield "deep", "<a>" * 1000, "Not well-formed XML: line 1", ""
    yield "many lines", f"<a>{chr(10) * 70_000}<a></b>", "Not well-formed XML: line 70001", ""
    entities = "".join(f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, 12))
    yield "many entities", f"<!DOCTYPE a [<!ENTITY e0 'ha'>{entities}]><a>&e11;</a>", "Not well-formed XML", ""


CASES = {name: (document, verdict, sentence) for name, document, verdict, sentence in cases()}
COUNT_WORKERS = """window.running = 0; window.Worker = class extends Worker {
  constructor(url, ...rest) { super(url, ...rest); running += this.own = /checker.worker.js$/.test(url); }
  terminate() { super.terminate(); running -= this.own; }
};"""
CHECK_ALL = """async ([base, documents]) => {
  const { Engine } = await import(`${base}assets/checker/engine.js`);
  const engine = new Engine(), bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const reports = [];
  for (const [text, encoded] of documents) reports.push((await engine.check(text ?? bytes(encoded), 60)).report);
  return reports;
}"""


@pytest.fixture
def page(browser: Browser, hosted: str) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        page, faults = context.new_page(), list[str]()
        page.on("console", lambda message: faults.append(message.text) if message.type != "log" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(hosted) else faults.append(request.url))
        page.add_init_script(COUNT_WORKERS)
        page.goto(f"{hosted}checker/")
        yield page
        assert not faults


@pytest.fixture(scope="module")
def reports(browser: Browser, hosted: str) -> dict[str, Any]:
    documents = [
        [document, None] if isinstance(document, str) else [None, base64.b64encode(document).decode()]
        for document, _, _ in CASES.values()
    ]
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(hosted)
        return dict(zip(CASES, page.evaluate(CHECK_ALL, [hosted, documents]), strict=True))


def parsed(document: bytes | str) -> etree._Element | tuple[int, int]:
    """Return the root element, or line and column of the first error. Pasted text is UTF-8, whatever it declares."""
    if isinstance(document, str):
        document = re.sub(r"(<\?xml[^>]* encoding=)'[\w-]+'", r"\1'UTF-8'", document).encode()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        return etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        return error.position


def texts(parent: etree._Element, path: str) -> list[str]:
    return [str(found.xpath("string()")).strip() for found in parent.iterfind(path)]


@pytest.mark.parametrize("name", CASES)
def test_the_report_is_what_lxml_reads(name: str, reports: dict[str, Any]) -> None:
    report, (document, verdict, sentence) = reports[name], CASES[name]
    assert report["verdict"].startswith(verdict)
    assert sentence in " ".join([report.get("advice") or "", *report["unusual"]])
    root = parsed(document)
    if isinstance(root, tuple):
        assert (report["problem"]["line"], report["problem"]["column"]) == root
        assert report["kind"] == "bad"
        return
    assert report["wellFormed"] is True
    actions = texts(root, "Action") + texts(root, "action")
    call = actions[0] if actions else "get_list_callback"
    file = "request.xsd" if actions and root.find("Result") is None else "response.xsd"
    if call != "get_list_callback":
        file = f"{call.replace('_', '-')}/{file}"
    if b"<!DOCTYPE" in etree.tostring(root.getroottree()):
        assert not report["facts"]
        return
    if root.tag == "html" or not (XML / file).exists():
        assert report["schema"] is None
    else:
        agrees = etree.XMLSchema(file=str(XML / file)).validate(root)
        assert (report["schema"]["file"], report["schema"]["agrees"]) == (file, agrees)
    if file.endswith("request.xsd"):
        fields = [(str(field.tag), field.text) for field in root if field.tag.lower() != "action"]
        assert report["values"]["rows"] == [[n, "(not shown)" if "password" in n else text] for n, text in fields]
    facts = {row[0]: row[1:] for row in report["facts"]}
    assert facts["Root element"] == [etree.QName(root).localname]
    for path in ("Action", "Result", "Timestamp"):
        assert ([facts[path][0]] if path in facts else []) == (texts(root, path) or texts(root, path.lower()))[:1]
    for seconds in texts(root, "Timestamp"):
        if len(seconds) < 12 and seconds.isdigit():
            assert facts["Timestamp"][1] == f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M:%S} UTC"
    if texts(root, "Result") == ["Success"]:
        values = report["values"]
        found = [{key: text for key, text in zip(values["header"], row, strict=True) if text} for row in values["rows"]]
        assert [{key: text[:200] for key, text in row.items()} for row in found] == [
            {str(field.tag): text[:200] for field in value if (text := texts(value, str(field.tag))[0])}
            for value in root.iterfind("Values/Value")
        ]
    if texts(root, "Result") == ["Error"]:
        pairs = zip_longest(texts(root, "Error"), texts(root, "Description"), fillvalue="")
        assert [(error["code"], error["message"]) for error in report["errors"]] == [pair for pair in pairs if pair[0]]


def verdict_of(page: Page) -> str:
    status = page.locator("#checker-status[role=status]")
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
          field.dispatchEvent(new Event("input"));
        }""",
        [text, seconds],
    )
    return verdict_of(page)


def test_a_sample_is_chosen_by_words_and_its_verdict_is_under_the_field(page: Page, hosted: str) -> None:
    options = page.locator("#checker-sample option").all()
    assert sorted(str(option.get_attribute("value")) for option in options) == sorted(PUBLISHED)
    assert not [option.inner_text() for option in options if re.search(r"[/_.]", option.inner_text())]
    page.select_option("#checker-sample", "several-errors.xml")
    page.get_by_role("button", name="Check sample").press("Enter")
    assert verdict_of(page) == "! 2 errors: 431 and 432"
    tops = [page.evaluate(f"document.querySelector('{part}').offsetTop") for part in ("#checker", ".checker-note")]
    assert tops == sorted(tops)
    links = [link.get_attribute("href") for link in page.locator("#checker-report p a").all()]
    assert links == [f"{hosted}callback-types/errors/#error-{code}" for code in ("431", "432")]


HOSTILE = {  # time limit, text, verdict
    "10 MiB": (60, "x" * (10 * 1024 * 1024 + 1), "✗ Not checked: larger than 10 MiB"),
    "lines": (60, "\n" * 20_000 + RESPONSE, "✓ Success: 2 callback types"),
    "values": (60, answer("TYPE" * 50_000), "✓ Success: 50,000 callback types"),
    "markup": (60, answer("<img/>&lt;img src=x onerror=alert()&gt;"), "! Success: 0 callback types, with differences"),
    "slow schema": (5, ERROR.replace("<Error>", "<Error>x</Error>" * 200_000 + "<Error>"), "! 200,001 errors: x, x,"),
    "late": (0.001, answer("TYPE" * 50_000), "No verdict: the check took more than 0.001 seconds"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_a_short_report(name: str, page: Page) -> None:
    seconds, text, verdict = HOSTILE[name]
    assert paste(page, text, seconds).startswith(verdict)
    assert page.locator("#checker-report *").count() < 2000
    assert not page.locator("#checker-report img").count()
    assert len(page.input_value("#checker-source")) < 200_000
    assert "Error 007" in paste(page, ERROR)
    assert page.evaluate("running") == 1


def test_a_verdict_is_never_about_another_text(page: Page) -> None:
    page.get_by_label("The XML that you received").fill(RESPONSE)
    page.keyboard.press("Control+Enter")
    page.locator("#checker-source").press_sequentially("<")
    expect(page.locator("#checker-status")).to_have_text("The text has changed. Check it again.")
    page.keyboard.press("Control+Enter")
    assert "✗ Not well-formed XML: line 17, column 1" in verdict_of(page)
    page.get_by_role("button", name="Show line 17").click()
    assert page.evaluate("getSelection().toString()") == "<"
    body = f"<?xml version='1.0' encoding='UTF-16'?>{RESPONSE}".encode("utf-16")
    page.set_input_files("#checker-file", {"name": "body.xml", "mimeType": "text/xml", "buffer": body})
    assert verdict_of(page) == "✓ Success: 2 callback types"
    expect(page.locator("#checker-report")).to_contain_text("UTF-16")


def test_the_library_comes_with_the_first_check_and_its_absence_is_reported(browser: Browser, hosted: str) -> None:
    with browser.new_context() as context:
        page, found = context.new_page(), list[str]()
        page.on("request", lambda request: found.append(request.url))
        context.route("**/libxml2raw.js", lambda route: route.abort())
        page.goto(f"{hosted}checker/", wait_until="networkidle")
        assert not [url for url in found if "libxml2" in url]
        assert paste(page, RESPONSE).startswith("No verdict: the checker failed:")
        context.unroute_all()
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator("#checker-status")).to_have_text("✓ Success: 2 callback types", timeout=60_000)


@pytest.mark.parametrize("from_disk", [False, True])
def test_the_page_says_what_is_missing(from_disk: bool, browser: Browser, hosted: str, tmp_path: Path) -> None:
    with browser.new_context(java_script_enabled=from_disk) as context:
        page, url = context.new_page(), f"{hosted}checker/"
        if from_disk:
            shutil.copytree(VENDORED.parent, tmp_path / "assets" / "checker")
            (tmp_path / "checker").mkdir()
            (tmp_path / "checker" / "index.html").write_text(context.request.get(url).text(), encoding="utf-8")
            url = (tmp_path / "checker" / "index.html").as_uri()
        page.goto(url)
        expect(page.locator("#checker-status")).to_contain_text("The checker needs JavaScript and a web server")
        expect(page.locator("#checker-source")).to_be_disabled()


def test_vendored_files_have_their_checksums() -> None:
    lines = (VENDORED / "SHA256SUMS.txt").read_text().splitlines()
    found = {f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in VENDORED.glob("*[!S].*")}
    assert set(lines) == found
