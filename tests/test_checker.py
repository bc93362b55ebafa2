"""The response checker: its files are what the project's scripts write, and its page does what a reader expects."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree, html
from playwright.sync_api import Browser, Page, expect

import checker_facts
from checker_corpus import ERROR, RESPONSE, failure
from connect_api import MAX_BODY, CallbackType, ConnectAPIError, parse_callback_types
from harness.browser import SCHEMES, WIDTHS, Visit, visit
from harness.run import cannot_run
from project import ROOT, XML
from test_hostile_answers import HOSTILE

CHECKER = ROOT / "docs" / "assets" / "checker"
VENDORED = CHECKER / "libxml2-wasm"
DOCUMENTS = [path.relative_to(XML).as_posix() for path in sorted(XML.rglob("*.xml"))]
SCHEMA = etree.XMLSchema(file=str(XML / "response.xsd"))


# The files.


def test_facts_are_those_of_the_sources() -> None:
    """The versions are those of the last writing: a newer lxml on this machine does not make the file wrong."""
    expected, found = checker_facts.facts(), json.loads(checker_facts.PATH.read_text())
    recorded = found.pop("libraries")
    running = expected.pop("libraries")
    assert found == expected, "run: python tests/checker_facts.py"
    for name in ("libxml2-wasm", "libxml2 of the checker"):
        assert recorded[name] == running[name], "run: python tests/checker_facts.py"
    for name, version in recorded.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name}: {version}"


def checksums(folder: Path) -> dict[str, str]:
    lines = (folder / "SHA256SUMS.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_vendored_files_have_their_checksums() -> None:
    expected = checksums(VENDORED)
    assert {path.name for path in VENDORED.iterdir()} == {*expected, "SHA256SUMS.txt"}
    assert {"LICENSE.txt", "LICENSE-libxml2.txt"} <= expected.keys()
    for name, digest in expected.items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest, f"{name}: run .ci/vendor-libxml2"


def test_vendored_files_are_what_the_script_makes(tmp_path: Path) -> None:
    if not shutil.which("npm"):
        cannot_run("no npm here: install the package `npm`")
    ended = subprocess.run([ROOT / ".ci" / "vendor-libxml2", tmp_path], capture_output=True, text=True, check=False)
    if "is not the package" in ended.stderr:
        pytest.fail(ended.stderr)
    if ended.returncode:
        cannot_run(f"npm could not fetch the package:\n{ended.stderr[-500:]}")
    for path in VENDORED.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), f"{path.name}: run .ci/vendor-libxml2"


def test_scripts_are_files_that_a_strict_policy_allows() -> None:
    """No script or style in the page, and nothing that a Content-Security-Policy would have to allow beside 'self'."""
    form = html.fromstring((ROOT / "docs" / ".theme" / "checker-form.html").read_text())
    for element in form.iter(etree.Element):
        assert not [name for name in element.attrib if str(name).startswith("on") or name == "style"], element.attrib
    assert not list(form.iter("script")), (
        "the front matter of docs/checker.md names the script: each generator finds it"
    )
    for path in CHECKER.glob("*.js"):
        forbidden = re.findall(r"innerHTML|insertAdjacentHTML|\beval\(|new Function|https?://", path.read_text())
        assert not forbidden, f"{path.name}: {forbidden}"


# The page.


@pytest.fixture
def opened(browser: Browser, sandbox: str) -> Iterator[Visit]:
    with visit(browser, f"{sandbox}checker/") as found:
        yield found
        assert not found.errors, found.errors


def verdict(page: Page) -> tuple[str, str]:
    """Wait for a verdict; return the sentence that is announced and the whole report."""
    expect(page.locator("#checker-status")).to_have_text(re.compile("^(Checked|No verdict)"), timeout=60_000)
    return page.inner_text("#checker-status"), page.inner_text("#checker-report") if page.is_visible(
        "#checker-report"
    ) else ""


def load(page: Page, name: str) -> None:
    page.click(f'[data-document="{name}"]')


def paste(page: Page, text: str) -> None:
    page.evaluate(
        """(text) => {
          const clipboardData = new DataTransfer();
          clipboardData.setData("text/plain", text);
          const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
          const field = document.getElementById("checker-source");
          if (field.dispatchEvent(event)) field.value = text;  // what the browser does
        }""",
        text,
    )


def test_there_is_a_button_for_each_documented_document(opened: Visit) -> None:
    buttons = opened.page.locator("[data-document]").all()
    assert sorted(str(button.get_attribute("data-document")) for button in buttons) == DOCUMENTS
    assert all(button.text_content() == button.get_attribute("data-document") for button in buttons)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documented_document(name: str, opened: Visit, sandbox: str) -> None:
    body = (XML / name).read_bytes()
    page = opened.page
    load(page, name)
    announced, report = verdict(page)
    assert announced.startswith(f"Checked {name}: well-formed;")
    assert ("the schema agrees" in announced) == SCHEMA.validate(etree.fromstring(body))
    assert page.input_value("#checker-source") == body.decode()
    raised: ConnectAPIError | None = None
    types: list[CallbackType] = []
    try:
        types = parse_callback_types(body)
    except ConnectAPIError as error:
        raised = error
    assert raised is None or f"raises {type(raised).__name__}" in report
    assert raised is None or str(raised) in report
    for code, message in getattr(raised, "errors", ()):
        assert f"Error {code}: {message}" in report
        leads_to = page.locator("#checker-report a", has_text=f"All about error {code}").get_attribute("href")
        assert leads_to == f"{sandbox}callback-types/errors/#error-{code}"
    rows = page.locator("table", has_text="Callback types").locator("tbody tr").all()
    cells = [tuple(row.locator("td").all_inner_texts()) for row in rows]
    assert cells == [(str(found.id), found.name) for found in types]
    assert not types or "2011-09-20 09:51:53 UTC" in report
    assert not [url for url in opened.requests if urlsplit(url).netloc != urlsplit(sandbox).netloc]


def test_what_is_not_well_formed_is_shown_with_its_place(opened: Visit) -> None:
    page = opened.page
    paste(page, RESPONSE.replace("</Action>", "<Action>"))
    announced, report = verdict(page)
    assert "not well-formed" in announced
    assert re.search(r"Line \d+, column \d+: Opening and ending tag mismatch", report)
    page.click("text=Show line")
    selected = page.evaluate("getSelection().toString()")
    assert selected in RESPONSE.splitlines()


def test_what_is_unusual_is_said_in_words(opened: Visit) -> None:
    odd = (
        RESPONSE.replace("<Values>", "<Count>2</Count><Values>")
        .replace(">6<", ">0<")
        .replace("ClICKATELLSDK", "Clickatellsdk")
    )
    paste(opened.page, f'<?xml version="1.0" encoding="ISO-8859-1"?>{odd}'.replace("1316512313", "99999999999"))
    _, report = verdict(opened.page)
    for words in (
        "The declaration says ISO-8859-1",
        "No source prints the root element as Clickatellsdk",
        "No source names these elements: Count in Clickatellsdk",
        "5138-11-16 09:46:39 UTC, is in the future",
        "These ids stand there more than once: 0",
    ):
        assert words in report, report


def test_nothing_is_loaded_before_it_is_wanted(opened: Visit, browser: Browser, sandbox: str) -> None:
    opened.page.wait_for_load_state("networkidle")
    assert not [url for url in opened.requests if "libxml2" in url or url.endswith("/checker/worker.js")]
    opened.page.focus("#checker-source")
    expect(opened.page.locator("#checker-source")).to_be_focused()
    load(opened.page, "response.xml")
    verdict(opened.page)
    assert [url for url in opened.requests if url.endswith("/xml/response.xsd")]
    with visit(browser, sandbox) as home:
        home.page.wait_for_load_state("networkidle")
        assert not [url for url in home.requests if "/checker/" in url]


def test_the_time_limit_ends_a_check(opened: Visit) -> None:
    """However short the limit, the page says so, and the next check has a worker of its own."""
    page = opened.page
    load(page, "response.xml")
    verdict(page)
    page.evaluate("document.getElementById('checker').dataset.seconds = '0.001'")
    paste(page, RESPONSE.replace("<Values>", f"<Values>{'<a/>' * 200_000}"))
    announced, report = verdict(page)
    assert announced == "No verdict: the text took more than 0.001 s, so the check was ended."
    assert not report
    page.evaluate("document.getElementById('checker').dataset.seconds = '60'")
    load(page, "error-007.xml")
    assert "the client raises ServiceError for error 007" in verdict(page)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x" * (MAX_BODY + 1), f"the body is larger than {MAX_BODY} bytes"),
        ("<a>" * 1_000_000, "Excessive depth"),
        ("\0\x01\x02" * 100_000, "not well-formed"),
        (HOSTILE["entity expansion"], "XML without a document type declaration, found one"),
        (RESPONSE.replace(">0<", f">{'7' * 5000}<"), "ASCII digits in callback_type_id"),
    ],
    ids=["10 MB", "deep", "binary", "entities", "digits"],
)
def test_hostile_text_gets_a_verdict(text: str, said: str, opened: Visit) -> None:
    paste(opened.page, text)
    announced, report = verdict(opened.page)
    assert said in announced + report
    assert len(opened.page.input_value("#checker-source")) < 200_000
    assert len(report) < 20_000


def test_many_errors_are_counted_and_not_all_shown(opened: Visit) -> None:
    pairs = "".join(f"<Error>{number % 1000:03}</Error><Description>x</Description>" for number in range(200_000))
    paste(opened.page, failure(pairs))
    announced, report = verdict(opened.page)
    assert announced.endswith("the client raises ServiceError for errors 000, 001, 002 and 199,997 others.")
    assert "Error 019: x" in report
    assert "Error 020: x" not in report
    assert "And 199,980 others." in report
    assert opened.page.locator("#checker-report *").count() < 500
    remarks = opened.page.locator("#checker-report li", has_text="error 0").all_inner_texts()
    assert len(remarks) == len(set(remarks)) == 20, remarks


@pytest.mark.parametrize("text", ["\n" * 20_000, "<a/>\n" * 20_000, "<a/>\r" * 20_000], ids=["LF", "lines", "CR"])
def test_many_lines_are_not_put_into_the_field(text: str, opened: Visit) -> None:
    paste(opened.page, RESPONSE + text)
    announced, _ = verdict(opened.page)
    assert opened.page.input_value("#checker-source") == ""
    assert "which is too long to show here" in opened.page.inner_text("#checker-held")
    assert announced.startswith("Checked the text: ")
    load(opened.page, "response.xml")
    verdict(opened.page)
    assert opened.page.is_hidden("#checker-held")


def test_the_page_folds_nothing_up_with_details(opened: Visit) -> None:
    """With a closed `details` on the page, Chromium takes minutes for a text field with many lines."""
    assert not opened.page.locator("details").count()


CHANGE_WHILE_CHECKING = """async ([text, other, event]) => {
  const [source, status] = ["checker-source", "checker-status"].map((id) => document.getElementById(id));
  const said = [];
  new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
  source.value = text;
  source.form.requestSubmit();
  source.value = other;
  if (event) source.dispatchEvent(new Event("input"));
  await new Promise((resume) => setTimeout(resume));
  const atOnce = status.textContent;
  const { Engine } = await import("../assets/checker/engine.js");
  await new Engine().check("<a/>", 60); // it starts later than the page's own engine, and has all to load itself
  return [atOnce, said];
}"""


@pytest.mark.parametrize("event", [True, False], ids=["typed", "without an event"])
def test_a_verdict_is_never_about_another_text(event: bool, opened: Visit) -> None:
    page, changed = opened.page, "The text has changed since it was checked."
    at_once, said = page.evaluate(CHANGE_WHILE_CHECKING, [RESPONSE, "<broken", event])
    assert at_once == (changed if event else "Checking the text…")
    expect(page.locator("#checker-status")).to_have_text(changed)
    assert not [sentence for sentence in said if sentence.startswith("Checked")]
    assert page.is_hidden("#checker-report")
    page.focus("#checker-source")
    page.keyboard.press("Control+Enter")
    assert "not well-formed" in verdict(page)[0]


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (1280, 900)])
def test_the_verdict_is_in_view_and_moves_nothing(width: int, height: int, browser: Browser, sandbox: str) -> None:
    with visit(browser, f"{sandbox}checker/") as found:
        page = found.page
        page.set_viewport_size({"width": width, "height": height})
        page.focus("#checker-source")
        top = "document.getElementById('checker-source').getBoundingClientRect().top"
        before = page.evaluate(top)
        for document in (RESPONSE, ERROR):
            paste(page, document)
            verdict(page)
            assert page.evaluate(top) == before, "the sentence has more lines than checker.css keeps free for it"
        place = page.locator("#checker-status").bounding_box()
        assert place is not None
        assert place["y"] >= 0
        assert place["y"] + place["height"] <= before


def test_a_file_that_has_changed_is_not_checked_as_it_was(opened: Visit, tmp_path: Path) -> None:
    page, path = opened.page, tmp_path / "answer.xml"
    path.write_text(RESPONSE)
    page.set_input_files("#checker-file", path)
    assert verdict(page)[0].startswith("Checked answer.xml: well-formed; the schema agrees")
    page.click("#checker [type=submit]")
    assert verdict(page)[0].startswith("Checked answer.xml: well-formed; the schema agrees")
    path.write_text(ERROR + " ")
    page.click("#checker [type=submit]")
    expect(page.locator("#checker-status")).to_have_text(
        re.compile("^(Checked answer.xml: .* error 007|No verdict: answer.xml cannot be read. If it has changed)")
    )
    page.set_input_files("#checker-file", path)  # the same one again
    expect(page.locator("#checker-status")).to_have_text(re.compile("^Checked answer.xml: .* error 007"))
    assert page.input_value("#checker-file") == ""
    page.focus("#checker-source")
    page.keyboard.type("<broken")
    assert page.is_hidden("#checker-held")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#checker-status")).to_have_text(re.compile("^Checked the text: not well-formed"))


def test_a_file_dropped_beside_the_field_is_checked(opened: Visit) -> None:
    prevented = opened.page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "dropped.xml"));
          const place = document.querySelector(".checker-actions");
          return ["dragover", "drop"].map((name) => !place.dispatchEvent(
            new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true })));
        }""",
        RESPONSE,
    )
    assert prevented == [True, True], "the browser leaves the page for the file"
    assert verdict(opened.page)[0].startswith("Checked dropped.xml: well-formed")


BEGINNINGS = {
    "empty": ("", "It is empty or holds white space alone"),
    "white space": (" \n ", "It is empty or holds white space alone"),
    "HTML": ("\n<!doctype html><p>Sign in", "It begins as an HTML page does"),
    "JSON": ('{"error": "007"}', "It begins as JSON does"),
    "JSON list": ("[{}]", "It begins as JSON does"),
    "entities": (RESPONSE.replace("<", "&lt;").replace(">", "&gt;"), "Its tags are written with entities, “&lt;”"),
    "status line": (f"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{RESPONSE}", "It begins with HTTP headers"),
    "headers": (f"Content-Type: text/xml\n\n{RESPONSE}", "It begins with HTTP headers"),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_what_is_no_xml_is_named(name: str, opened: Visit) -> None:
    text, said = BEGINNINGS[name]
    paste(opened.page, text)
    _, report = verdict(opened.page)
    assert said in report
    content = text.encode("utf-16")
    opened.page.set_input_files("#checker-file", {"name": "x", "mimeType": "text/xml", "buffer": content})
    expect(opened.page.locator("#checker-status")).to_have_text(re.compile("^Checked x:"), timeout=60_000)
    assert said in opened.page.inner_text("#checker-report")


@pytest.mark.parametrize("text", [RESPONSE, ERROR, "x", "[info] <a/>", "Error: <a/>"])
def test_no_other_text_is_named_so(text: str, opened: Visit) -> None:
    paste(opened.page, text)
    _, report = verdict(opened.page)
    assert not [said for _, said in BEGINNINGS.values() if said in report]


def test_a_file_is_read_as_bytes(opened: Visit) -> None:
    content = f'<?xml version="1.0" encoding="UTF-16"?>{RESPONSE}'.encode("utf-16")
    opened.page.set_input_files("#checker-file", {"name": "body.xml", "mimeType": "text/xml", "buffer": content})
    announced, report = verdict(opened.page)
    assert announced.startswith("Checked body.xml: well-formed; the schema agrees")
    assert "UTF-16" in report
    assert "The declaration says" not in report


def test_the_keyboard_is_enough(opened: Visit) -> None:
    page = opened.page
    page.focus("#checker-source")
    page.keyboard.insert_text("<CLICKATELLSDK/>")
    page.keyboard.press("Control+Enter")
    announced, report = verdict(page)
    assert "the client raises MalformedResponse" in announced
    assert "expected one element Result, found none" in report
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Check"


def test_what_a_document_holds_never_becomes_a_part_of_the_page(opened: Visit) -> None:
    paste(
        opened.page, RESPONSE.replace("HTTP GET", "&lt;img src=x onerror=alert()&gt;").replace("SOAP POST", "&lt;b&gt;")
    )
    _, report = verdict(opened.page)
    assert "<img src=x onerror=alert()>" in report
    assert not opened.page.locator("#checker-report img, #checker-report b").count()


def test_the_last_of_several_wishes_is_shown(opened: Visit) -> None:
    names = ["response.xml", "several-errors.xml", "error-007.xml"]
    opened.page.evaluate(
        "names => names.forEach(name => document.querySelector(`[data-document='${name}']`).click())", names
    )
    announced, report = verdict(opened.page)
    assert announced.startswith("Checked error-007.xml")
    assert "Command not allowed" in report


def test_a_library_that_does_not_come_is_reported(browser: Browser, sandbox: str) -> None:
    with visit(browser, f"{sandbox}checker/") as found:
        found.page.context.route("**/libxml2raw.js", lambda route: route.abort())
        load(found.page, "response.xml")
        announced, _ = verdict(found.page)
        assert announced == "No verdict on response.xml: the checker itself failed (its files could not be loaded)."
        found.page.context.unroute_all()
        found.page.click("#checker [type=submit]")
        expect(found.page.locator("#checker-status")).to_contain_text("Checked the text: well-formed", timeout=60_000)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_report_fits(width: int, scheme: str, browser: Browser, sandbox: str) -> None:
    with visit(browser, f"{sandbox}checker/", width=width, scheme=scheme) as found:
        load(found.page, "error-004.xml")
        verdict(found.page)
        assert found.page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_scripts_the_page_says_what_is_missing(browser: Browser, sandbox: str) -> None:
    with visit(browser, f"{sandbox}checker/", scripts=False) as found:
        assert "The checker needs JavaScript" in found.page.inner_text("article")
        assert found.page.locator("#checker-source").is_disabled()
