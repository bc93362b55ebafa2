"""The page "Where the sources disagree", for integrators: what each entry says of the programs and documents is so."""

from __future__ import annotations

import re
import runpy
import sys
from collections.abc import Callable
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from lxml import etree

from connect_api import CallbackType, Captcha, ConnectAPI, ServiceError, build_request, parse_callback_types
from facts import DOWNLOADS, FACTS, ROOT, SNIPPETS, XML
from mock_server import MockServer
from receive_callbacks import MessageStatus, parse_fields
from scripted_server import answer, scripted
from tables import TABLES

RESPONSE = (XML / "response.xml").read_bytes()
TOKEN = "AUTHENTICATION_TOKEN"


def errors(code: str, message: str) -> tuple[tuple[str, str], ...]:
    """What the client reads in a response with this error."""
    document = (XML / "error-999.xml").read_text(encoding="utf-8")
    with pytest.raises(ServiceError) as raised:
        parse_callback_types(document.replace("999", code).replace("Unknown error", message).encode())
    return raised.value.errors


@pytest.fixture
def api(mock: MockServer, session: requests.Session) -> ConnectAPI:
    return ConnectAPI(TOKEN, mock.url, session=session)


def test_d1_no_sign_in_before_the_call(api: ConnectAPI, mock: MockServer) -> None:
    api.list_callback_types()
    assert [exchange.action for exchange in mock.exchanges] == ["get_list_callback"]


@pytest.mark.parametrize("name", ["ClICKATELLSDK", "CLICKATELLSDK", "clickatellsdk", "ClickatellSDK"])
def test_d2_root_element_in_any_case(name: str) -> None:
    assert parse_callback_types(RESPONSE.replace(b"ClICKATELLSDK", name.encode())) == parse_callback_types(RESPONSE)


def test_d3_dots_are_ignored() -> None:
    printed = re.sub(rb"<!--.*?-->", b"...", RESPONSE)
    assert b"..." in printed
    assert parse_callback_types(printed) == [CallbackType(0, "HTTP GET"), CallbackType(6, "SOAP POST")]
    assert len(parse_callback_types((XML / "recorded.xml").read_bytes())) == 6


def test_d4_error_008_has_either_message() -> None:
    specified, guide = FACTS["errors_of_this_call"]["008"][0], FACTS["user_guide_errors"]["008"]
    assert specified != guide
    for message in (specified, guide):
        assert errors("008", message) == (("008", message),)


def test_d5_error_004_is_told_apart_by_its_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that signs in asks for a captcha for one meaning of the code, and gives up for the other."""
    specified, guide = FACTS["errors_of_this_call"]["004"][0], FACTS["user_guide_errors"]["004"]
    assert FACTS["user_guide_errors"]["002"].casefold() == specified.casefold()
    monkeypatch.setenv("CONNECT_API_TOKEN", TOKEN)
    sign_in = Mock(side_effect=ServiceError([("004", guide)]))
    monkeypatch.setattr(ConnectAPI, "authenticate_user", sign_in)
    runpy.run_path(str(SNIPPETS / "sign_in_failures.py"))
    assert "show a captcha" in capsys.readouterr().out
    sign_in.side_effect = ServiceError([("004", specified)])
    with pytest.raises(ServiceError, match="address"):
        runpy.run_path(str(SNIPPETS / "sign_in_failures.py"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_d6_get_and_post_get_the_same_response(method: str, mock: MockServer, session: requests.Session) -> None:
    parameter = {"XML": build_request("get_list_callback")}
    query, form = (parameter, None) if method == "GET" else (None, parameter)
    response = session.request(method, f"{mock.url}/{TOKEN}", params=query, data=form, timeout=10)
    assert response.content == RESPONSE


def test_d7_the_id_is_looked_up_by_name() -> None:
    assert CallbackType(0, "HTTP GET") in parse_callback_types(RESPONSE)
    default = FACTS["facts"]["default of callback_type_id"][0]
    assert not default.endswith(FACTS["callback_types"][default[0]][1])


def test_d8_any_code_is_a_service_error() -> None:
    for code in FACTS["user_guide_lists"]["get_list_callback"]:
        assert errors(code, "a message") == ((code, "a message"),)


def test_d9_any_name_is_accepted() -> None:
    assert parse_callback_types(RESPONSE.replace(b"HTTP GET", b"JSON RAW HTTP POST"))[0].name == "JSON RAW HTTP POST"


@pytest.mark.parametrize("status", [200, 302, 403, 404, 500, 503])
def test_d10_an_error_response_counts_at_any_http_status(status: int, session: requests.Session) -> None:
    script = answer((XML / "error-007.xml").read_bytes(), f"{status} Any")
    with scripted(script) as url, pytest.raises(ServiceError, match="007"):
        ConnectAPI(TOKEN, url, session=session).list_callback_types()


def test_d11_the_parameter_is_sent_once(api: ConnectAPI, mock: MockServer, session: requests.Session) -> None:
    api.list_callback_types()
    query = parse_qs(urlsplit(mock.exchanges[-1].target).query)
    assert [len(values) for values in query.values()] == [1]
    twice = {"XML": [build_request("get_list_callback")] * 2}
    response = session.get(f"{mock.url}/{TOKEN}", params=twice, timeout=10)
    assert etree.fromstring(response.content).findtext("Error") == "430"


def test_d12_undefined_codes_are_service_errors() -> None:
    for code in FACTS["user_guide_lists"]["undefined"]:
        assert code not in FACTS["user_guide_errors"]
        assert errors(code, "a message") == ((code, "a message"),)


def test_d13_a_list_of_addresses_can_be_sent(api: ConnectAPI, mock: MockServer) -> None:
    addresses = "192.0.2.1,192.0.2.2,192.0.2.3"
    assert len(addresses) > int(FACTS["facts"]["length of ip_address"][0])
    api.create_connection("sampleuser", "samplepass1", ip_address=addresses)
    assert f"<ip_address>{addresses}</ip_address>" in str(mock.exchanges[-1].document)


def test_d14_parameter_names_are_sent_as_the_samples_have_them(api: ConnectAPI, mock: MockServer) -> None:
    api.create_connection("sampleuser", "samplepass1", dial_prefix="44")
    document = etree.fromstring(str(mock.exchanges[-1].document))
    assert [element.tag for element in document] == ["action", "user", "password", "Dial_prefix"]


@pytest.mark.parametrize("document", ["response.xml", "recorded.xml"])
def test_d15_a_type_is_found_in_any_case(document: str) -> None:
    types = parse_callback_types((XML / document).read_bytes())
    assert [found.id for found in types if found.name.casefold() == "soap post"] == [6]


@pytest.mark.parametrize(("name", "code"), [("error-007.xml", "007"), ("recorded-error-103.xml", "103")])
def test_d16_both_forms_of_an_error_response_are_read(
    name: str, code: str, mock: MockServer, session: requests.Session
) -> None:
    body = (XML / name).read_bytes()
    with pytest.raises(ServiceError, match=code):
        parse_callback_types(body)
    sent = {"XML": build_request("get_list_callback")}
    assert session.get(f"{mock.url}/{name}", params=sent, timeout=10).content == body
    assert (b"<Action>" in body) == (code == "007")


def test_d17_a_user_name_can_be_an_address(api: ConnectAPI, mock: MockServer) -> None:
    with pytest.raises(ServiceError, match="404"):
        api.authenticate_user("some.one@example.com", "pass word-1")
    assert "<user>some.one@example.com</user>" in str(mock.exchanges[-1].document)


def test_d18_any_captcha_id_is_sent(api: ConnectAPI, mock: MockServer) -> None:
    challenge = api.get_captcha()
    assert re.fullmatch(r"[0-9a-f]{32}", challenge.id)
    api.authenticate_user("sampleuser", "samplepass1", Captcha(challenge.id, mock.captchas[challenge.id].code))
    with pytest.raises(ServiceError, match="400"):
        api.authenticate_user("sampleuser", "samplepass1", Captcha("any id: 1", "abc123"))


def test_d19_the_connection_type_id_is_sent_as_connection_id(api: ConnectAPI, mock: MockServer) -> None:
    found = next(found for found in api.list_connection_types() if found.name == "SMTP API")
    response = etree.fromstring(mock.exchanges[-1].response)
    assert f"{found.id}" in [element.text for element in response.iter("connection_type_id")]
    api.create_connection("sampleuser", "samplepass1", connection_id=found.id)
    sent = etree.fromstring(str(mock.exchanges[-1].document))
    assert sent.findtext("connection_id") == f"{found.id}"
    assert sent.find("connection_type_id") is None


def test_d20_the_lists_of_final_statuses() -> None:
    entry = (ROOT / "docs/discrepancies.md").read_text(encoding="utf-8").partition("{ #d20 }")[2].partition("## ")[0]
    assert list(MessageStatus) == list(FACTS["delivery_statuses"])
    older, newer = FACTS["callback_statuses"].values()
    agreed = [code for code in older["final"] if code in newer["final"]]
    listed = [older["intermediate"], older["final"], newer["intermediate"], newer["final"], agreed]
    assert [codes for line in entry.splitlines() if (codes := re.findall(r"`(\d+)`", line))] == listed
    assert re.findall(r"^\| `(\d+)` .* Yes \|$", TABLES["delivery-statuses"](), re.MULTILINE) == agreed


@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_d21_field_names_in_any_case(change: Callable[[str], str]) -> None:
    soap = (DOWNLOADS / "callback_soap.xml").read_text(encoding="utf-8")
    assert [f"<{name.lower()} " in soap for name in FACTS["callback_fields"]] == [True] * 7
    assert parse_fields((change(name), text) for name, (_, text) in FACTS["callback_fields"].items()).problems == ()


def test_every_entry_has_its_test() -> None:
    page = (ROOT / "docs" / "discrepancies.md").read_text(encoding="utf-8")
    tests = {match[1] for name in dir(sys.modules[__name__]) if (match := re.match(r"test_(d\d+)_", name))}
    assert set(re.findall(r"\{ #(d\d+) \}", page)) == tests
    assert page.count("**What to do:**") == len(tests)
