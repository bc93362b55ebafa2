"""Every table of every page: header and cells are compared with what the table describes, and none is left out."""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from lxml import etree
from werkzeug.test import Client, TestResponse

import connect_api
import mock_server
import receive_callbacks
import test_hosting
from connect_api import ServiceError, parse_callback_types
from harness.site import Page, Problem, Site, Table
from mock_server import Callback, MockConnectAPI, MockServer
from project import ERROR_CODES, FACTS, ROOT, SOURCE, XML, meanings
from receive_callbacks import MessageStatus

Rows = list[tuple[str, ...]]
ACTION = re.compile(rb"<Action>[^<]*</Action>")
XS = "{http://www.w3.org/2001/XMLSchema}"
ERRORS = "docs/callback-types/errors.md"
UG_CODES: dict[str, str] = FACTS["user_guide"]["codes"]
SPEC_CODES: dict[str, list[str]] = FACTS["specification"]


def differing(table: Table, expected: Rows) -> list[Problem]:
    """The cells of a table that are not what they should be, each with its line."""
    problems = []
    for number, row in enumerate(table.rows):
        wanted = expected[number] if number < len(expected) else None
        if wanted is None:
            problems.append(table.problem(f"nothing is known of this row: {' | '.join(row)}", number))
        elif row != wanted:
            cells = [f"{cell!r} should be {right!r}" for cell, right in zip(row, wanted, strict=False) if cell != right]
            problems.append(table.problem("; ".join(cells) or f"the row should be {wanted}", number))
    missing = [table.problem(f"this row is missing: {' | '.join(row)}") for row in expected[len(table.rows) :]]
    return problems + missing


# What each table should be, computed from what it describes.


def fields_of_a_type() -> Rows:
    meanings = {path.rpartition("/")[2]: row[3] for path, row in schema_fields().items()}
    answer = etree.parse(XML / "response.xml")
    return [
        ("Field", "Meaning", "Known values"),
        *(
            (name, meanings[name], ", ".join(str(element.text) for element in answer.iter(name)))
            for name in ("callback_type_id", "callback_type")
        ),
    ]


def endpoint() -> Rows:
    rows: Rows = [tuple(row) for row in FACTS["endpoint"]["rows"]]
    values = {row[0]: row[1] for row in rows}
    assert values["Endpoint"] == etree.parse(XML / "request.xml").findtext("action")
    assert values["URL"] == f"{connect_api.SERVICE_URL}AUTHENTICATION_TOKEN"
    return [("Property", "Value", "Source"), *rows]


def parameters() -> Rows:
    (element,) = list(etree.parse(XML / "request.xml").getroot())
    values = etree.parse(XML / "request.xsd").xpath("//*[@name='Action']//*[local-name()='enumeration']/@value")
    assert isinstance(values, list)
    assert values == [element.text]
    name = str(element.tag)
    return [("Name", "Parameter", "Restricted values"), (name.capitalize(), name, str(element.text))]


def schema_fields() -> dict[str, tuple[str, ...]]:
    """The rows of the field table, read from the schema and the sample: path to path, type, count, meaning, example."""
    schema = etree.parse(XML / "response.xsd").getroot()
    sample = etree.parse(XML / "response.xml")
    types = {child.get("name"): child for child in schema if child.get("name") and child.tag != f"{XS}element"}

    def kind(name: str) -> str:
        simple = types.get(name)
        if simple is None:
            return "text"
        if simple.tag == f"{XS}complexType":
            return "elements"
        values = [str(item.get("value")) for item in simple.iter(f"{XS}enumeration")]
        if values:
            return " or ".join(values)
        for pattern in simple.iter(f"{XS}pattern"):
            digits = re.fullmatch(r"\[0-9\]\{(?:1,)?(\d+)\}", str(pattern.get("value")))
            assert digits, f"a pattern that no word stands for: {pattern.get('value')}"
            at_most = "{1," in str(pattern.get("value"))
            return f"ASCII digits, at most {digits[1]}" if at_most else f"ASCII digits, {digits[1]} of them"
        return "text, not empty" if list(simple.iter(f"{XS}minLength")) else "text"

    def count(element: etree._Element) -> str:
        repeated = element.get("maxOccurs") == "unbounded"
        if element.get("minOccurs") == "0" and repeated:
            return "any number of times"
        words = "once or more" if repeated else "once"
        branches = [step for choice in schema.iter(f"{XS}choice") for step in choice if element in step.iter()]
        if branches:
            succeeds = branches[-1].find(f"{XS}element[@name='Values']") is not None
            words += " on success" if succeeds else " on failure"
        return words

    rows: dict[str, tuple[str, ...]] = {}

    def walk(type_name: str, path: str) -> None:
        for element in types[type_name].iter(f"{XS}element"):
            here = f"{path}{element.get('name')}"
            if here in rows:  # Timestamp stands in both branches; the first is the documented one
                continue
            of_type = str(element.get("type"))
            found = sample.find(f"./{here}")
            is_tree = kind(of_type) == "elements"
            example = "see errors" if found is None else "elements" if is_tree else str(found.text)
            meaning = element.findtext(f"{XS}annotation/{XS}documentation")
            rows[here] = (here, kind(of_type), count(element), str(meaning), example)
            if is_tree:
                walk(of_type, f"{here}/")

    walk("Answer", "")
    return rows


def response_fields() -> Rows:
    rows = schema_fields()
    order = [path for path in rows if path.rpartition("/")[2] not in ("Error", "Description")]
    failure = [path for path in rows if path not in order]
    return [
        ("XPath from the root", "Type", "How often", "Meaning", "Example"),
        *(rows[path] for path in order + failure),
    ]


def errors() -> Rows:
    rows: Rows = [("Code", "Message", "Description", "See also")]
    for code, (message, description, discrepancy) in SPEC_CODES.items():
        with pytest.raises(ServiceError) as raised:
            parse_callback_types((XML / f"error-{code}.xml").read_bytes())
        assert raised.value.errors == ((code, message),), f"docs/xml/error-{code}.xml says {raised.value}"
        rows.append((code, message, description, discrepancy))
    return rows


def meanings_of_004() -> Rows:
    return [
        ("Source", "Code", "Message"),
        ("Specification", "004", SPEC_CODES["004"][0]),
        ("User Guide", "002", UG_CODES["002"]),
        ("User Guide", "004", UG_CODES["004"]),
    ]


def meanings_of_008() -> Rows:
    return [
        ("Source", "Code", "Message"),
        ("Specification", "008", SPEC_CODES["008"][0]),
        ("User Guide", "008", UG_CODES["008"]),
    ]


def any_code() -> Rows:
    rows: Rows = [("Code", "Message", "Source")]
    for code in sorted([*UG_CODES, *FACTS["user_guide"]["not_defined"]]):
        rows += [(code, meaning.message or "not defined", meaning.sources) for meaning in meanings(code)]
    return rows


def mock_cases(receiver: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Each row of the mock's table: what it is about, its source, and what sets a request apart that it speaks of.

    The receiver is a URL at which somebody answers a delivery status.
    """
    user, (password, _) = next(iter(mock_server.ACCOUNTS.items()))

    def call(action: str, **elements: str) -> dict[str, Any]:
        return {"XML": connect_api.build_request(action, user=user, password=password, **elements).decode()}

    choice, guide = "choice of this mock", "User Guide"
    deliver = {"path": "/_mock/deliver", "callback": receiver}
    return [
        ("method other than GET and POST", choice, {"method": "PUT"}),
        ("body larger than MAX_REQUEST", choice, {"data": b"x" * (mock_server.MAX_REQUEST + 1)}),
        ("/_mock/deliver, where no delivery status can be sent", choice, {**deliver, "callback": "http://192.0.2.1/"}),
        ("/_mock/deliver, where the receiver gives no answer", choice, {**deliver, "callback": "http://127.0.0.1:9/"}),
        ("/_mock/deliver, where it answers, with whatever HTTP status", choice, deliver),
        ("no token, or a path with more parts", choice, {"path": "/a/b"}),
        ("any token, over plain HTTP", "Specification", {"base_url": "http://localhost"}),
        ("not XML, or no parameter XML, or several", choice, {"XML": "text"}),
        ("no action", choice, {"XML": "<clickatellsdk/>"}),
        ("token error-CODE, where no file exists", choice, {"path": "/error-000"}),
        ("token error-CODE, where the file exists", choice, {"path": "/error-007"}),
        ("token several-errors", choice, {"path": "/several-errors"}),
        ("token request", choice, {"path": "/request"}),
        ("get_list_callback", "Specification", {"XML": (XML / "request.xml").read_text()}),
        (
            "authenticate_user with the user and the password of an activated account",
            guide,
            call("authenticate_user"),
        ),
        (
            "create_connection with such a user and password, and values that it takes",
            guide,
            call("create_connection", callback_url="http://127.0.0.1:9/callback"),
        ),
        (
            "authenticate_user or create_connection with anything else",
            guide,
            call("create_connection", callback_url="x"),
        ),
        ("any other action", guide, call("no_such_call")),
    ]


def ask_mock(mock: MockConnectAPI, case: dict[str, Any]) -> TestResponse:
    """Send the mock a documented request, but for what sets this case apart."""
    mock.reset()
    mock.callbacks.append(Callback(case.get("callback", ""), "HTTP GET", "", ""))
    return Client(mock).open(
        case.get("path", "/any-token"),
        method=case.get("method", "POST" if "data" in case else "GET"),
        base_url=case.get("base_url", "https://localhost"),
        query_string={"XML": case.get("XML", (XML / "request.xml").read_text())},
        data=case.get("data"),
    )


def mock_answers() -> Rows:
    """Send the mock what each row speaks of, and see what it answers."""
    mock = MockConnectAPI()
    files = {
        ACTION.sub(b"", path.read_bytes()): path.relative_to(XML).as_posix() for path in sorted(XML.rglob("*.xml"))
    }
    rows: Rows = [("Request", "HTTP status", "Answer", "Source")]
    with MockServer() as receiver:
        for request, source, case in mock_cases(f"{receiver.http_url}/callback"):
            response = ask_mock(mock, case)
            otherwise = "each code and its message" if response.mimetype == "text/xml" else "plain text"
            answer = files.get(ACTION.sub(b"", response.data), otherwise)
            if "error-CODE" in request:
                answer = answer.replace("007", "CODE")
            answer += ", as the sandbox does" if answer == "request.xml" else ""
            assert (answer == "plain text") == (response.mimetype == "text/plain")
            rows.append((request, str(response.status_code), answer, source))
    return rows


def test_the_first_row_that_fits_holds_for_the_mock() -> None:
    """A request that is set apart in more than one way gets the answer of the row that stands first."""
    mock = MockConnectAPI()

    def ask(case: dict[str, Any]) -> tuple[int, bytes]:
        answer = ask_mock(mock, case)
        return answer.status_code, ACTION.sub(b"", answer.data)

    mixed = 0
    with MockServer() as receiver:
        cases = mock_cases(f"{receiver.http_url}/callback")
        for number, (request, _, first) in enumerate(cases):
            for other, _, later in cases[number + 1 :]:
                if all(first.get(name, value) == value for name, value in later.items()):
                    mixed += 1
                    message = f"docs/reference/mock.md: {request!r} stands before {other!r}, and yet does not win"
                    assert ask({**later, **first}) == ask(first), message
    assert mixed > len(cases)


@pytest.mark.parametrize("asked", ["get_list_callback", "a & b", ""])
@pytest.mark.parametrize(
    "case",
    [{"path": "/error-007"}, {"path": "/several-errors"}, {"base_url": "http://localhost"}, {}],
    ids=lambda case: "".join(case.values()),
)
def test_the_mock_repeats_the_action_and_sends_all_else_as_it_is(asked: str, case: dict[str, str]) -> None:
    document = connect_api.build_request(asked).decode()
    answer = ask_mock(MockConnectAPI(), {**case, "XML": document}).data
    if b"<Result>Error</Result>" in answer:
        assert etree.fromstring(answer).findtext("Action", "") == asked
    assert ACTION.sub(b"", answer) in {ACTION.sub(b"", path.read_bytes()) for path in XML.glob("*.xml")}


def sources() -> Rows:
    return [("Source", "What it is", "Date"), *(tuple(row) for row in FACTS["sources"].values())]


def checks() -> Rows:
    rows: Rows = [tuple(row) for row in FACTS["how_tested"]["checks"]]
    for row in rows:
        assert (ROOT / row[2]).is_file(), f"{row[2]} is not there"
    return [("What stands on a page", "What the tests do with it", "Test"), *rows]


def places() -> Rows:
    rows: Rows = [tuple(row) for row in FACTS["how_tested"]["places"]]
    for row in rows:
        for path in ", ".join(row).split(", "):
            assert (ROOT / path).is_file(), f"{path} is not there"
    return [("Page", "Programs and documents", "Test"), *rows]


def call_parameters(action: str) -> Rows:
    """The parameters of a call; the client can send each of them, and none besides."""
    rows: Rows = [tuple(row) for row in FACTS["guides"][action]]
    method = getattr(connect_api.ConnectAPI, action)
    sent = set(inspect.signature(method).parameters) - {"self", "captcha"} | {"captcha_id", "captcha_code"}
    assert {row[0].lower() for row in rows} == sent
    return [("Parameter", "Required", "Limits"), *rows]


def call_errors(action: str) -> Rows:
    rows = FACTS["guides"][f"{action}_errors"]
    return [("Code", "Message", "What you do"), *((code, UG_CODES[code], advice) for code, advice in rows)]


def retries() -> Rows:
    rows: Rows = [tuple(row) for row in FACTS["guides"]["retries"]]
    named = {row[0].split()[0] for row in rows}
    errors = {
        name for name, thing in vars(connect_api).items() if inspect.isclass(thing) and name in connect_api.__all__
    }
    assert named == {name for name in errors if issubclass(getattr(connect_api, name), connect_api.ConnectAPIError)} - {
        "ConnectAPIError"
    }
    return [("What you get", "Retry"), *rows]


def provoke() -> Rows:
    """Each row is carried out in test_integration_guide.py."""
    return [("You want", "You do"), *(tuple(row) for row in FACTS["guides"]["provoke"])]


def callback_fields() -> Rows:
    rows = FACTS["callback"]["fields"]
    assert [name for name, _ in rows] == list(mock_server.STATUS)
    return [("Field", "Meaning", "Sample"), *((name, meaning, mock_server.STATUS[name]) for name, meaning in rows)]


def callback_forms() -> Rows:
    """The numbers are those of the receiver; what lies at and beyond each is tried in test_receive_callbacks.py."""
    rows: Rows = [tuple(row) for row in FACTS["callback"]["forms"]]
    times = receive_callbacks._TIMES
    for name, form in rows:
        limits = re.findall(r"\{(?:0,)?(\d+)(?:,(\d+))?\}", receive_callbacks._FIELDS[name].pattern)
        numbers = [number for limit in limits for number in limit if number]
        if name == "timestamp":
            numbers += [str(datetime.fromtimestamp(seconds, UTC).year) for seconds in (times[0], times[-1])]
        assert re.findall(r"\d+", form) == numbers, f"the receiver has other limits for {name}: {numbers}"
    assert [row[0] for row in rows] == list(receive_callbacks._FIELDS)
    return [("Field", "Form"), *rows]


def callback_statuses() -> Rows:
    rows: Rows = [("Status", "Meaning", "Member")]
    for code, meaning in FACTS["callback"]["status"].items():
        rows.append((code, meaning, MessageStatus(code).name))
    assert len(rows) == len(MessageStatus) + 1
    return rows


def receiver_answers() -> Rows:
    """Send a receiver what each row speaks of, and see what it answers and stores."""
    sample = dict(mock_server.STATUS)
    basic = {"Authorization": "Basic dTpw"}  # u and p
    path = "/callback"
    declared = b"<!DOCTYPE callback><callback/>"
    cases: list[tuple[str, dict[str, Any]]] = [
        ("a callback with all fields", {"query_string": sample}),
        ("the same apiMsgId and status again", {"query_string": sample}),
        ("a status that is not in the table below", {"query_string": {**sample, "status": "999"}}),
        ("a field that is missing, repeated or malformed", {"query_string": {**sample, "apiMsgId": "x", "to": ""}}),
        ("a document type declaration", {"method": "POST", "data": declared, "content_type": "text/xml"}),
        ("a wrong user name or password", {"query_string": {**sample, "apiMsgId": "x"}, "headers": {}}),
        ("another method", {"method": "PUT", "query_string": {**sample, "apiMsgId": "x"}}),
        ("more than MAX_CALLBACK bytes", {"method": "POST", "data": b"x" * (receive_callbacks.MAX_CALLBACK + 1)}),
        ("another content type", {"method": "POST", "data": b"{}", "content_type": "application/json"}),
    ]
    found: Rows = [("What comes", "HTTP status", "What is stored")]
    with TemporaryDirectory() as folder:
        database = Path(folder) / "callbacks.db"
        app = receive_callbacks.create_app(database, "u", "p")
        client = app.test_client()

        def count() -> int:
            with contextlib.closing(sqlite3.connect(database)) as reader:
                number: int = reader.execute("SELECT count(*) FROM delivery_status").fetchone()[0]
                return number

        for words, arguments in cases:
            before = count()
            response = client.open(path, **{"method": "GET", "headers": basic, **arguments})
            again = "nothing new" if response.status_code == 200 else "nothing"
            found.append((words, str(response.status_code), "one row" if count() > before else again))
        app.extensions["receive_callbacks"].close()
        response = client.get(path, query_string={**sample, "apiMsgId": "y"}, headers=basic)
        assert count() == 2
    words = "any callback while the database cannot be written"
    return [*found, (words, str(response.status_code), "nothing")]


def benchmark_table(number: int, name: str) -> Rows:
    """One of the tables that the benchmark printed when its output was recorded."""
    recorded = (ROOT / "tests" / "benchmark.txt").read_text()
    table = re.findall(r"(?:^\|.*\n)+", recorded, re.MULTILINE)[number].strip().splitlines()
    head, _, *rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table]
    assert all(
        f'"{row[0].split(",")[0].split(".")[0]}' in (ROOT / "tests" / "benchmark.py").read_text() for row in rows
    )
    return [(name, *head[1:]), *rows]


def failing_checks() -> Rows:
    rows = FACTS["contributing"]["checks"]
    for message, _, path in rows:
        assert message in (ROOT / path).read_text(), f"{path} says {message!r} no more"
    return [("The check says", "What it wants", "Where it is"), *map(tuple, rows)]


def hosting_types() -> Rows:
    types = test_hosting.content_types()
    return [("Ending", "Content type"), *((", ".join(endings), kind) for kind, endings in types.items())]


def hosting_headers() -> Rows:
    """The headers that the configuration adds, each with what it is for; test_hosting.py receives them."""
    fallback, hashed = test_hosting.cache_rules().values()
    words = {
        "Cache-Control": f"{hashed} for names with a hash, {fallback} for all else",
        "Content-Security-Policy": "the directives below",
    }
    reasons = FACTS["hosting"]["headers"]
    headers = test_hosting.added_headers()
    return [
        ("Header", "Value", "What for"),
        *((name, words.get(name, value), reasons[name]) for name, value in headers.items()),
    ]


def hosting_policy() -> Rows:
    rows: Rows = [("Directive", "Value", "What for")]
    for name, values in test_hosting.policy().items():
        words = [value for value in values if not value.startswith("'sha")]
        words += ["the hash of each script within the pages"] if len(words) < len(values) else []
        rows.append((name, ", ".join(words), FACTS["hosting"]["policy"][name]))
    return rows


def mutations() -> Rows:
    """What tests/mutate.py printed when its output was recorded."""
    recorded = (ROOT / "tests" / "mutation.txt").read_text()
    (table,) = re.findall(r"(?:^\|.*\n)+", recorded, re.MULTILINE)
    head, _, *rows = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()]
    return [head, *rows]


def machinery() -> Rows:
    """The files of the harness, each with the first line of its docstring."""
    rows: Rows = [("File", "What it is for")]
    for path in sorted((ROOT / "tests" / "harness").glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        assert docstring, f"{path.name} does not say what it is for"
        rows.append((path.relative_to(ROOT).as_posix(), docstring.splitlines()[0].rstrip(".")))
    return rows


def successor_differences() -> Rows:
    """Each row is measured in test_successor.py."""
    return [
        ("What", "With MkDocs", "With Zensical", "What it means"),
        *(tuple(row) for row in FACTS["successor"]["differences"]),
    ]


def pages_not_run() -> Rows:
    """Every page of the navigation stands there as not run, until its script has read a report that says otherwise."""
    entries = re.findall(r"^ +- (.+): \S+\.md$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    return [("Page", "Verdict"), *((name, "not run") for name in entries)]


OWNERS: dict[tuple[str, str], Callable[[], Rows]] = {
    ("docs/callback-types/resource.md", "what-a-callback-type-holds"): fields_of_a_type,
    ("docs/callback-types/endpoint.md", "at-a-glance"): endpoint,
    ("docs/callback-types/endpoint.md", "parameters"): parameters,
    ("docs/callback-types/response.md", "fields"): response_fields,
    (ERRORS, "errors-of-this-call"): errors,
    (ERRORS, "error-004"): meanings_of_004,
    (ERRORS, "error-008"): meanings_of_008,
    (ERRORS, "any-code-you-may-meet"): any_code,
    ("docs/reference/mock.md", "what-it-answers"): mock_answers,
    ("docs/discrepancies.md", "sources"): sources,
    ("docs/guides/authenticate-user.md", "the-request"): lambda: call_parameters("authenticate_user"),
    ("docs/guides/authenticate-user.md", "when-it-fails"): lambda: call_errors("authenticate_user"),
    ("docs/guides/configure-callback.md", "the-request"): lambda: call_parameters("create_connection"),
    ("docs/guides/configure-callback.md", "when-it-fails"): lambda: call_errors("create_connection"),
    ("docs/guides/production.md", "retry-what-may-be-retried"): retries,
    ("docs/guides/test-your-integration.md", "provoke-each-error"): provoke,
    ("docs/guides/receive-status.md", "the-fields"): callback_fields,
    ("docs/guides/receive-status.md", "what-it-accepts"): callback_forms,
    ("docs/guides/receive-status.md", "what-it-answers"): receiver_answers,
    ("docs/guides/receive-status.md", "read-a-status"): callback_statuses,
    ("docs/hosting.md", "what-any-host-has-to-send"): hosting_types,
    ("docs/hosting.md", "headers"): hosting_headers,
    ("docs/hosting.md", "policy"): hosting_policy,
    ("docs/how-tested.md", "what-is-checked"): checks,
    ("docs/how-tested.md", "how-fast-the-parser-is"): lambda: benchmark_table(0, "Time"),
    ("docs/how-tested.md", "how-fast-the-parser-is-1"): lambda: benchmark_table(1, "Memory"),
    ("docs/how-tested.md", "where-things-are"): places,
    ("docs/how-tested.md", "what-the-tests-notice"): mutations,
    ("docs/how-tested.md", "do-the-same-for-your-own-api"): machinery,
    ("docs/successor.md", "what-differs"): successor_differences,
    ("docs/verification.md", "what-is-verified"): pages_not_run,
    ("docs/contributing.md", "what-a-failing-check-wants"): failing_checks,
}
"""Page and heading of each table, and what computes what it should be."""


def problems_of_tables(page: Page, owners: dict[tuple[str, str], Callable[[], Rows]]) -> list[Problem]:
    problems = []
    for table in page.tables():
        owner = owners.get((page.path.as_posix(), table.anchor))
        if owner is None:
            problems.append(table.problem("no test owns this table"))
        else:
            problems += differing(table, owner())
    return problems


@pytest.mark.parametrize("path", [page.path.as_posix() for page in SOURCE.pages])
def test_tables(path: str, site: Site) -> None:
    problems = problems_of_tables(site.page(path), OWNERS)
    assert not problems, "\n".join(map(str, problems))


def test_every_owner_has_its_table(site: Site) -> None:
    there = {(page.path.as_posix(), table.anchor) for page in site.pages for table in page.tables()}
    assert set(OWNERS) == there


def test_every_code_leads_to_its_row_or_section(site: Site) -> None:
    """`ServiceError.help_url` ends in `#error-CODE`: there is such a place for every code, and one alone."""
    article = site.page(ERRORS).article
    for code in {*UG_CODES, *FACTS["user_guide"]["not_defined"], *SPEC_CODES}:
        places = article.xpath(f".//*[@id='error-{code}']")
        assert len(places) == 1, f"{ERRORS}: {len(places)} places have the id error-{code}"
        assert code in places[0].text_content(), f"{ERRORS}: the place with the id error-{code} speaks of another"
    for link in article.xpath(".//td/a[starts-with(@href, '#error-')]"):
        assert link.get("href") == f"#error-{link.text_content()}", f"{ERRORS}: a code links to another's section"


def test_every_error_document_is_in_a_table() -> None:
    assert set(ERROR_CODES) == {*SPEC_CODES, "430"}
    assert {Path(f"error-{code}.xml") for code in ERROR_CODES} <= {Path(path.name) for path in XML.iterdir()}
