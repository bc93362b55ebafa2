"""The calls around get_list_callback: what the client checks and sends, what the mock answers, what is kept secret."""

from __future__ import annotations

import contextlib
import functools
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from lxml import etree

import mock_server
from connect_api import Captcha, ConnectAPI, ConnectAPIError, InvalidRequest, MalformedResponse, ServiceError
from harness.run import clean_environment, inside
from mock_server import ACCOUNTS, CAPTCHA, STATUS, MockServer
from project import FACTS, ROOT, XML, structure
from scripted_server import answer, scripted

USER, (PASSWORD, _) = next(iter(ACCOUNTS.items()))
Sign = Callable[..., str]


@pytest.fixture
def api(mock: MockServer, session: requests.Session) -> ConnectAPI:
    mock.application.reset()
    return ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session)


def codes(call: Callable[[], object]) -> list[str]:
    with pytest.raises(ServiceError) as raised:
        call()
    return [code for code, _ in raised.value.errors]


# What is sent.


def test_authenticate_user_sends_the_documented_request(api: ConnectAPI, mock: MockServer) -> None:
    assert api.authenticate_user("sampleuser", "samplepass1") == "1234567"
    exchange = mock.exchanges[-1]
    assert (exchange.method, exchange.target) == ("POST", "/AUTHENTICATION_TOKEN")
    assert structure(str(exchange.document)) == structure((XML / "authenticate-user" / "request.xml").read_bytes())
    assert exchange.answer == (XML / "authenticate-user" / "response.xml").read_bytes()


def test_create_connection_sends_the_documented_request(api: ConnectAPI, mock: MockServer) -> None:
    number = api.create_connection(
        "sampleuser",
        "samplepass1",
        callback_url="https://example.com/callback",
        callback_type_id=0,
        callback_username="sampleservice",
        callback_password="samplesecret",
    )
    assert number == 3334222
    exchange = mock.exchanges[-1]
    assert exchange.method == "POST"
    assert structure(str(exchange.document)) == structure((XML / "create-connection" / "request.xml").read_bytes())
    assert exchange.answer == (XML / "create-connection" / "response.xml").read_bytes()


def test_every_documented_parameter_can_be_sent(api: ConnectAPI, mock: MockServer) -> None:
    api.create_connection(
        USER,
        PASSWORD,
        callback_url="https://example.com/",
        callback_type_id=0,
        callback_username="u",
        callback_password="p",
        connection_id=2,
        ftp_password="f",
        api_description="a description",
        ip_address="192.0.2.1, 2001:db8::1",
        dial_prefix="44",
        captcha=Captcha(*CAPTCHA),
    )
    sent = [str(element.tag) for element in etree.fromstring(str(mock.exchanges[-1].document))]
    assert sorted(sent[1:]) == sorted(row[0] for row in FACTS["guides"]["create_connection"])


# What is refused before anything is sent.

LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("user", {"user": ""}),
    ("user", {"user": "a b"}),
    ("user", {"user": "a" * 129}),
    ("user", {"user": None}),
    ("password", {"password": "short"}),
    ("password", {"password": "a" * 33}),
    ("password", {"password": "with space"}),
    ("password", {"password": 123456}),
    ("captcha", {"captcha": ("12345", "abc123")}),
    ("captcha", {"captcha": Captcha("", "abc123")}),
    ("captcha", {"captcha": Captcha("12345", "abc12")}),
    ("ftp_password", {"ftp_password": "a" * 11}),
    ("ip_address", {"ip_address": "example.com"}),
    ("ip_address", {"ip_address": "192.0.2.1,"}),
    ("ip_address", {"ip_address": 7}),
    ("callback_url", {"callback_url": "example.com"}),
    ("callback_url", {"callback_url": ""}),
    ("callback_url", {"callback_url": "ftp://example.com"}),
    ("callback_url", {"callback_url": "https://[::1"}),
    ("callback_url", {"callback_url": "https://exa mple.com"}),
    ("callback_type_id", {"callback_type_id": -1}),
    ("callback_type_id", {"callback_type_id": "0"}),
    ("callback_type_id", {"callback_type_id": True}),
    ("callback_type_id", {"callback_type_id": 10**18}),
    ("connection_id", {"connection_id": 1.5}),
    ("callback_username", {"callback_username": "a" * 65}),
    ("callback_password", {"callback_password": "a" * 65}),
    ("api_description", {"api_description": "a\x00"}),
    ("Dial_prefix", {"dial_prefix": b"44"}),
]


@pytest.mark.parametrize(("name", "arguments"), LIMITS)
def test_limits_are_checked_before_anything_is_sent(
    name: str, arguments: dict[str, Any], api: ConnectAPI, mock: MockServer
) -> None:
    with pytest.raises(InvalidRequest, match=name) as raised:
        api.create_connection(**{"user": USER, "password": PASSWORD, **arguments})
    assert not mock.exchanges
    (value,) = arguments.values()
    if isinstance(value, str) and value:
        assert value not in str(raised.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"user": "a" * 128},
        {"callback_username": "a" * 64, "callback_password": "p" * 64},
        {"ftp_password": "a" * 10},
        {"ip_address": ",".join(["192.0.2.1"] * 20)},
        {"api_description": "no limit " * 1000},
    ],
)
def test_values_at_the_limit_are_sent(arguments: dict[str, Any], api: ConnectAPI, mock: MockServer) -> None:
    with contextlib.suppress(ServiceError):  # of a user that the mock does not know
        api.create_connection(**{"user": USER, "password": PASSWORD, **arguments})
    assert mock.exchanges


# What the mock answers.


def test_failed_attempts_want_a_captcha_until_a_success(api: ConnectAPI) -> None:
    def sign(password: str, captcha: Captcha | None = None) -> str:
        return api.authenticate_user(USER, password, captcha)

    assert codes(lambda: sign("wrongpass")) == ["404"]
    assert sign(PASSWORD), "one failure does not block"
    for _ in range(2):
        assert codes(lambda: sign("wrongpass")) == ["404"]
    assert codes(lambda: sign(PASSWORD)) == ["004"]
    assert codes(lambda: sign(PASSWORD, Captcha("99999", CAPTCHA[1]))) == ["400"]
    assert codes(lambda: sign(PASSWORD, Captcha(CAPTCHA[0], "zzzzzz"))) == ["401"]
    assert codes(lambda: sign("wrongpass", Captcha(*CAPTCHA))) == ["404"]
    assert sign(PASSWORD, Captcha(*CAPTCHA))
    assert sign(PASSWORD), "a success clears the count"


def test_many_failed_attempts_block_the_address(api: ConnectAPI) -> None:
    for number in range(10):
        assert codes(functools.partial(api.authenticate_user, f"user{number}", "wrongpass")) == ["404"]
    assert codes(lambda: api.authenticate_user(USER, PASSWORD)) == ["003"]
    assert api.authenticate_user(USER, PASSWORD, Captcha(*CAPTCHA))
    assert api.authenticate_user(USER, PASSWORD)


def test_the_address_comes_before_the_user(api: ConnectAPI) -> None:
    for user in [USER, USER, *(f"user{number}" for number in range(8))]:
        assert codes(functools.partial(api.authenticate_user, user, "wrongpass")) == ["404"]
    assert codes(lambda: api.authenticate_user(USER, PASSWORD)) == ["003"]


def test_account_that_is_not_activated(api: ConnectAPI) -> None:
    (user,) = [user for user, (_, activated) in ACCOUNTS.items() if not activated]
    assert codes(lambda: api.authenticate_user(user, ACCOUNTS[user][0])) == ["103"]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ("", ["431", "432"]),
        ("<user>sampleuser</user>", ["432"]),
        ("<password>samplepass1</password>", ["431"]),
        ("<User>sampleuser</User><Password>samplepass1</Password>", []),
    ],
)
def test_elements_of_a_raw_request(
    elements: str, expected: list[str], mock: MockServer, session: requests.Session
) -> None:
    mock.application.reset()
    document = f"<clickatellsdk><action>authenticate_user</action>{elements}</clickatellsdk>"
    body = session.post(f"{mock.url}/t", data={"XML": document}, timeout=10).content
    assert [element.text for element in etree.fromstring(body).iter("Error")] == expected


@pytest.mark.parametrize("number", FACTS["guides"]["connection_types"])
def test_documented_types_of_connection_are_taken(number: str, api: ConnectAPI) -> None:
    assert api.create_connection(USER, PASSWORD, connection_id=int(number))


@pytest.mark.parametrize(
    ("element", "value", "code"),
    [
        ("connection_id", "99", "419"),
        ("ftp_password", "a" * 11, "420"),
        ("Dial_prefix", "x", "421"),
        ("ip_address", "example.com", "422"),
        ("callback_url", "example.com", "423"),
        ("callback_type_id", "5", "424"),
        ("callback_username", "a" * 65, "425"),
        ("callback_password", "a" * 65, "426"),
    ],
)
def test_refused_connections(element: str, value: str, code: str, mock: MockServer, session: requests.Session) -> None:
    mock.application.reset()
    sign_in = f"<user>{USER}</user><password>{PASSWORD}</password>"
    document = (
        f"<clickatellsdk><action>create_connection</action>{sign_in}<{element}>{value}</{element}></clickatellsdk>"
    )
    body = session.post(f"{mock.url}/t", data={"XML": document}, timeout=10).content
    assert [item.text for item in etree.fromstring(body).iter("Error")] == [code]
    assert not mock.application.callbacks


SIGN_IN = {
    **dict.fromkeys(["003", "004", "400", "401", "402", "403"], "captcha wanted"),
    **dict.fromkeys(["103", "104"], "not activated"),
    **dict.fromkeys(["404", "440"], "wrong credentials"),
}
MESSAGES = [*FACTS["user_guide"]["codes"].items(), ("004", FACTS["specification"]["004"][0])]


@pytest.mark.parametrize(("code", "message"), [pair for pair in MESSAGES if pair[0] != "001"])
def test_program_of_the_guide_decides_by_the_message(code: str, message: str, home: Path, mock: MockServer) -> None:
    """It raises again what the user cannot mend, and what is no error of this call."""
    mock.application.reset()
    environment = clean_environment(
        home, CONNECT_API_TOKEN="AUTHENTICATION_TOKEN", CONNECT_API_URL=mock.url, REQUESTS_CA_BUNDLE=str(mock.ca_file)
    )
    with inside(home, environment):
        sign_in = runpy.run_path(str(ROOT / "snippets" / "sign_in_failures.py"))["sign_in"]
    body = (XML / "error-007.xml").read_text().replace("007", code).replace("Command not allowed", message)
    with scripted(answer(body.encode())) as url:
        sign_in.__globals__["api"] = ConnectAPI("AUTHENTICATION_TOKEN", url)
        if code in SIGN_IN and message != FACTS["specification"]["004"][0]:
            assert sign_in(USER, PASSWORD) == f"{SIGN_IN[code]}: error {code}: {message}"
        else:
            with pytest.raises(ServiceError, match=re.escape(message)):
                sign_in(USER, PASSWORD)


def test_messages_are_those_of_the_user_guide() -> None:
    messages = mock_server._MESSAGES
    assert messages == {code: FACTS["user_guide"]["codes"][code] for code in messages}


@pytest.mark.parametrize("call", ["authenticate-user", "create-connection"])
def test_sample_answers_have_the_time_of_the_specification(call: str) -> None:
    times = [etree.parse(path).findtext("Timestamp") for path in (XML / call / "response.xml", XML / "response.xml")]
    assert times[0] == times[1]


def test_sample_status_is_that_of_the_page() -> None:
    sample = etree.parse(ROOT / "snippets" / "callback.xml").getroot()
    assert {str(element.tag): element.text for element in sample} == STATUS


# What is kept secret.


@pytest.mark.parametrize("secret", ["samplepass1", "samplesecret", "ftpsecret"])
def test_passwords_are_not_repeated(secret: str, session: requests.Session) -> None:
    """Not even where the service repeats them."""
    body = f"<CLICKATELLSDK><Result>Error</Result><Error>404</Error><Description>{secret}</Description></CLICKATELLSDK>"
    for document in (body, f"<CLICKATELLSDK><Result>{secret}</Result></CLICKATELLSDK>"):
        with scripted(answer(document.encode())) as url, pytest.raises(ConnectAPIError) as raised:
            ConnectAPI("AUTHENTICATION_TOKEN", url, session=session).create_connection(
                USER,
                "samplepass1",
                callback_url="https://example.com",
                callback_password="samplesecret",
                ftp_password="ftpsecret",
            )
        assert secret not in f"{raised.value} {raised.value!r}"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ((XML / "response.xml").read_bytes(), "expected authenticate_user in Action"),
        ((XML / "authenticate-user" / "response.xml").read_bytes().replace(b"Usernumber", b"Number"), "Usernumber"),
        ((XML / "authenticate-user" / "response.xml").read_bytes().replace(b"1234567", b" "), "Usernumber"),
    ],
)
def test_malformed_answers(body: bytes, message: str, session: requests.Session) -> None:
    with scripted(answer(body)) as url, pytest.raises(MalformedResponse, match=message):
        ConnectAPI("AUTHENTICATION_TOKEN", url, session=session).authenticate_user(USER, PASSWORD)


def test_api_id_is_a_number(session: requests.Session) -> None:
    body = (XML / "create-connection" / "response.xml").read_bytes().replace(b"3334222", b"33x")
    with scripted(answer(body)) as url, pytest.raises(MalformedResponse, match="ASCII digits in api_id"):
        ConnectAPI("AUTHENTICATION_TOKEN", url, session=session).create_connection(USER, PASSWORD)
