"""Each entry of the page of known discrepancies: what it says of the client, the mock or the documents is so."""

from __future__ import annotations

import inspect
import re
import sys
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from lxml import etree

from connect_api import (
    CallbackType,
    ConnectAPI,
    ServiceError,
    build_request,
    parse_callback_types,
)
from harness.site import Site
from mock_server import MockServer
from project import FACTS, ROOT, XML

PAGE = ROOT / "docs" / "discrepancies.md"
RESPONSE = (XML / "response.xml").read_bytes()


def error(code: str, message: str) -> bytes:
    document = (XML / "error-999.xml").read_text()
    return document.replace("999", code).replace("Unknown error", message).encode()


def test_d1_no_sign_in_before_the_call(mock: MockServer, session: requests.Session) -> None:
    before = len(mock.exchanges)
    ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session).list_callback_types()
    assert [exchange.action for exchange in mock.exchanges[before:]] == ["get_list_callback"]


@pytest.mark.parametrize("name", ["ClICKATELLSDK", "CLICKATELLSDK", "clickatellsdk", "ClickatellSDK"])
def test_d2_root_element_in_any_case(name: str) -> None:
    assert parse_callback_types(RESPONSE.replace(b"ClICKATELLSDK", name.encode())) == parse_callback_types(RESPONSE)


def test_d3_dots_are_passed_over() -> None:
    printed = re.sub(rb"<!--.*?-->", b"...", RESPONSE)
    assert b"..." in printed
    assert parse_callback_types(printed) == [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]


def test_d4_error_008_either_message() -> None:
    specified, guide = FACTS["specification"]["008"][0], FACTS["user_guide"]["codes"]["008"]
    assert specified != guide
    for message in (specified, guide):
        with pytest.raises(ServiceError) as raised:
            parse_callback_types(error("008", message))
        assert raised.value.errors == (("008", message),)


def test_d5_error_004_is_told_apart_by_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program of the page does another thing for each meaning of the same code."""
    specified, guide = FACTS["specification"]["004"][0], FACTS["user_guide"]["codes"]["004"]
    assert FACTS["user_guide"]["codes"]["002"].lower() == specified.lower()
    program = compile((ROOT / "snippets" / "error_004.py").read_text(), "error_004.py", "exec")
    monkeypatch.setenv("CONNECT_API_TOKEN", "AUTHENTICATION_TOKEN")
    said = []
    for message in (specified, guide, "something else"):

        def refuse(_: ConnectAPI, message: str = message) -> None:
            raise ServiceError([("004", message)])

        monkeypatch.setattr(ConnectAPI, "list_callback_types", refuse)
        exec(program, {})
        said.append(capsys.readouterr().out)
    assert "ask for the source address" in said[0]
    assert "the account wants a captcha" in said[1]
    assert "read the text: error 004: something else" in said[2]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_d6_get_and_post_are_answered_alike(method: str, mock: MockServer, session: requests.Session) -> None:
    url, parameter = f"{mock.url}/AUTHENTICATION_TOKEN", {"XML": build_request("get_list_callback")}
    if method == "GET":
        answer = session.get(url, params=parameter, timeout=10)
    else:
        answer = session.post(url, data=parameter, timeout=10)
    assert answer.content == RESPONSE


def test_d7_the_id_is_looked_up_by_name() -> None:
    """The program of the quickstart names the type and no id."""
    assert (CallbackType(0, "HTTP GET")) in parse_callback_types(RESPONSE)
    program = (ROOT / "snippets" / "find_callback_type.py").read_text()
    assert 'wanted = "SOAP POST"' in program
    assert not re.search(r"\b6\b", program)


@pytest.mark.parametrize("code", ["001", "046", "047", "048", "049", "123"])
def test_d8_any_code_is_a_service_error(code: str) -> None:
    with pytest.raises(ServiceError) as raised:
        parse_callback_types(error(code, "a message"))
    assert raised.value.code == code


@pytest.mark.parametrize("name", ["XML GET", "XML POST", "SOAP GET", "JSON RAW HTTP POST", "anything at all"])
def test_d9_any_name_is_accepted(name: str) -> None:
    types = parse_callback_types(RESPONSE.replace(b"HTTP GET", name.encode()))
    assert types[0].name == name


@pytest.mark.parametrize("status", [200, 302, 403, 404, 500, 503])
def test_d10_error_answer_at_any_http_status(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (XML / "error-007.xml").read_bytes()
    monkeypatch.setattr(ConnectAPI, "_send", lambda *_: (status, body))
    with pytest.raises(ServiceError, match="007"):
        ConnectAPI("AUTHENTICATION_TOKEN").list_callback_types()


def test_d11_the_parameter_is_sent_once(mock: MockServer, session: requests.Session) -> None:
    ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session).list_callback_types()
    query = parse_qs(urlsplit(mock.exchanges[-1].target).query)
    assert [len(values) for values in query.values()] == [1]
    twice = {"XML": [build_request("get_list_callback")] * 2}
    answer = session.get(f"{mock.url}/AUTHENTICATION_TOKEN", params=twice, timeout=10)
    assert etree.fromstring(answer.content).findtext("Error") == "430"


@pytest.mark.parametrize("code", ["010", "012"])
def test_d12_undefined_codes_are_service_errors(code: str) -> None:
    assert code not in FACTS["user_guide"]["codes"]
    assert code in FACTS["user_guide"]["not_defined"]
    with pytest.raises(ServiceError) as raised:
        parse_callback_types(error(code, "a message"))
    assert raised.value.code == code


def test_d13_a_list_of_addresses_can_be_sent(mock: MockServer, session: requests.Session) -> None:
    addresses = "192.0.2.1,192.0.2.2,192.0.2.3"
    assert len(addresses) > int(FACTS["numbers"]["length of ip_address"])
    api = ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session)
    api.create_connection("sampleuser", "samplepass1", ip_address=addresses)
    assert f"<ip_address>{addresses}</ip_address>" in str(mock.exchanges[-1].document)
    assert FACTS["user_guide"]["codes"]["422"] == "Invalid ip_address"


def test_d14_parameter_names_are_sent_as_given(mock: MockServer, session: requests.Session) -> None:
    api = ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session)
    api.create_connection("sampleuser", "samplepass1", dial_prefix="44")
    document = etree.fromstring(str(mock.exchanges[-1].document))
    assert [element.tag for element in document] == ["action", "user", "password", "Dial_prefix"]


# The page itself.


def entries() -> dict[str, str]:
    parts = re.split(r"^## `(D\d+)` ", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def functions_by_id() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, _ in inspect.getmembers(sys.modules[__name__], inspect.isfunction):
        if match := re.match(r"test_d(\d+)_", name):
            found.setdefault(f"D{match[1]}", []).append(name)
    return found


def test_every_entry_has_its_test_and_every_test_its_entry() -> None:
    assert set(entries()) == set(functions_by_id()) == {f"D{number}" for number in range(1, 15)}
    for identifier, text in entries().items():
        (name,) = functions_by_id()[identifier]
        assert f"Shown by `{name}`." in text, f"{PAGE.relative_to(ROOT)}: {identifier} does not name {name}"
        assert f"{{ #{identifier.lower()} }}" in text, f"{identifier} has no anchor of its own"


@pytest.mark.parametrize("identifier", entries())
def test_every_entry_is_complete(identifier: str) -> None:
    text = entries()[identifier]
    said = re.findall(r"^- \*\*(.+?):\*\*", text, re.MULTILINE)
    names = {row[0] for row in FACTS["sources"].values()}
    assert set(said[:-2]) <= names, f"{identifier} names a source that is not in the table: {set(said[:-2]) - names}"
    assert said[:-2], f"{identifier} names no source"
    assert said[-2:] == ["This site", "Your code"]
    (reason,) = re.findall(r"^- \*\*This site:\*\* (.*)", text, re.MULTILINE)
    assert re.search(r"because", reason), f"{identifier} does not say why this site documents what it does"


def test_entries_are_linked_from_the_pages(site: Site) -> None:
    """A reader who meets an affected row is led to the entry: each id is linked from another page."""
    linked = {
        link.get("href").partition("#")[2]
        for page in site.pages
        if page.path.name != PAGE.name
        for link in page.article.xpath(".//a[contains(@href, 'discrepancies/#d')]")
    }
    assert linked == {identifier.lower() for identifier in entries()}
