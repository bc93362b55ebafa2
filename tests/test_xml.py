"""The XML files, for readers who parse them: they say what the sources say, fit their schemas, and go over the wire."""

from __future__ import annotations

import hashlib
import re
import runpy
import socket
import sys
from typing import Any

import pytest
import urllib3.util.connection
from lxml import etree

from facts import DOWNLOADS, FACTS, SNIPPETS, XML
from mock_server import MockServer

FACT = {name: value for name, (value, _) in FACTS["facts"].items()}
SPECIFICATION_TIME = FACT["time of the specification's sample"]
MESSAGES = FACTS["user_guide_errors"] | FACTS["sample_errors"]
MESSAGES |= {code: message for code, (message, _) in FACTS["errors_of_this_call"].items()}
FILES = {path.relative_to(XML).as_posix() for path in XML.rglob("*.xml")}
CODES = {*FACTS["errors_of_this_call"], *(name[6:9] for name in FILES if name.startswith("error-"))}


def tags(**elements: str) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())


def response(action: str, time: str, *values: str, root: str = "CLICKATELLSDK") -> str:
    found = "".join(tags(Value=value) for value in values)
    return tags(**{root: tags(Action=action, Result="Success", Values=found, Timestamp=time)})


def error(action: str, *codes: str) -> str:
    pairs = "".join(tags(Error=code, Description=MESSAGES[code]) for code in codes)
    return tags(CLICKATELLSDK=tags(Action=action, Result="Error") + pairs)


CONNECTIONS = sorted((name, number) for number, (name, _) in FACTS["connection_types"].items())  # as recorded: by name
SIGN_IN = {"user": "sampleuser", "password": "samplepass1"}
CALLBACK = {"callback_url": "https://example.com/callback", "callback_type_id": "0"}
CALLBACK |= {"callback_username": "sampleservice", "callback_password": "samplesecret"}
IMAGE = str(etree.parse(XML / "get-captcha" / "response.xml").findtext("Values/Value/captcha_image"))
CAPTCHA = tags(captcha_id="c202a3fc98c50a5f8dccc8540077614e", captcha_image=IMAGE)
EMAIL = tags(Error="103", Description=MESSAGES["103"], Value=tags(Email="test@test.com"), Timestamp="1357731016")
NUMBER, API_ID = tags(Usernumber=FACT["recorded user number"]), tags(api_id=FACT["API id of the sample"])
NAMES = [(number, *names) for number, names in FACTS["callback_types"].items()]
SPECIFIED = [tags(callback_type_id=number, callback_type=name) for number, name, _ in NAMES if name]
RECORDED = [tags(callback_type_id=number, callback_type=name) for number, _, name in NAMES]
LIST = [tags(connection_type_id=number, connection_type=name) for name, number in CONNECTIONS]
DOCUMENTS = {
    "request.xml": tags(clickatellsdk=tags(action="get_list_callback")),
    "response.xml": response("get_list_callback", SPECIFICATION_TIME, *SPECIFIED, root="ClICKATELLSDK"),
    "recorded.xml": response("get_list_callback", FACT["time of the recorded list"], *RECORDED),
    "recorded-error-103.xml": tags(CLICKATELLSDK=tags(Result="Error") + EMAIL),
    "several-errors.xml": error("authenticate_user", "431", "432"),
    **{f"error-{code}.xml": error("get_list_callback", code) for code in CODES},
    "authenticate-user/request.xml": tags(clickatellsdk=tags(action="authenticate_user", **SIGN_IN)),
    "authenticate-user/response.xml": response("authenticate_user", "1357731930", NUMBER),
    "create-connection/request.xml": tags(clickatellsdk=tags(action="create_connection", **SIGN_IN, **CALLBACK)),
    "create-connection/response.xml": response("create_connection", SPECIFICATION_TIME, API_ID),
    "get-captcha/request.xml": tags(clickatellsdk=tags(action="get_captcha")),
    "get-captcha/response.xml": response("get_captcha", "1316511558", CAPTCHA, root="ClICKATELLSDK"),
    "get-list-connection/request.xml": tags(clickatellsdk=tags(action="get_list_connection")),
    "get-list-connection/response.xml": response("get_list_connection", "1357840239", *LIST),
}
"""What the sources say that each document contains, without its white space."""


def accepts(name: str, document: str) -> bool:
    """Whether the schema of the document with this name accepts this text."""
    schema = "request.xsd" if name == "request.xml" else f"{name.rpartition('/')[0]}/response.xsd".lstrip("/")
    return bool(etree.XMLSchema(file=str(XML / schema)).validate(etree.fromstring(document.encode())))


@pytest.mark.parametrize("name", sorted({*DOCUMENTS, *FILES}))
def test_document_says_what_its_source_says(name: str) -> None:
    text = (XML / name).read_text(encoding="utf-8")
    assert "/request" in name or accepts(name, text)
    if not name.startswith("recorded"):  # recorded responses stay as they are, byte for byte
        text = re.sub(r"\n *(<!--.*-->)?", "", text) + "\n"
    assert text.removeprefix('<?xml version="1.0"?>') == f"{DOCUMENTS[name]}\n"


@pytest.mark.parametrize(("name", "digest"), [("callback", "499f6beb1e81bac4"), ("callback_soap", "e859cb68402e79b5")])
def test_callback_is_the_sample_of_the_specification(name: str, digest: str) -> None:
    """The digest is that of the text on page 13 of the HTTP API Specification V2.5.3, without its white space."""
    text = "".join((DOWNLOADS / f"{name}.xml").read_text(encoding="utf-8").split())
    assert hashlib.sha256(text.encode()).hexdigest().startswith(digest)


OTHER_CALLS = ["authenticate-user", "create-connection", "get-captcha", "get-list-connection"]
CHANGED = ["response.xml", "error-007.xml", "recorded-error-103.xml", *(f"{call}/response.xml" for call in OTHER_CALLS)]


@pytest.mark.parametrize("call", OTHER_CALLS)
def test_schema_of_another_call(call: str, update: Any) -> None:
    """Its `Value` has other elements. The rest of its schema is that of `get_list_callback`."""
    schema = (XML / "response.xsd").read_text(encoding="utf-8").replace("get_list_callback", call.replace("-", "_"))
    schema = schema.replace("list of callback types", "list of results").replace("One callback type", "One result")
    value = re.compile(r'<xs:complexType name="Value">.*?</xs:complexType>', re.DOTALL)
    own = value.findall((XML / call / "response.xsd").read_text(encoding="utf-8"))
    update(XML / call / "response.xsd", value.sub("".join(own), schema))


@pytest.mark.parametrize("name", CHANGED)
def test_schema_finds_elements_that_are_misspelt_missing_or_doubled(name: str) -> None:
    document, is_error = DOCUMENTS[name], "error" in name
    optional = {"Action", "Value", "Timestamp"} if is_error else {"Action", "Value"}
    repeated = {"Error", "Description"} if is_error else {"Value"}
    for tag in set(re.findall(r"<(\w+)>", document)[1:]):
        element = f"<{tag}>.*?</{tag}>"
        assert not accepts(name, re.sub(rf"\b{tag}>", f"{tag}s>", document)), f"{tag}s"
        assert accepts(name, re.sub(element, "", document, count=1)) == (tag in optional), f"without {tag}"
        assert accepts(name, re.sub(f"({element})", r"\1\1", document, count=1)) == (tag in repeated), f"{tag} twice"


WRONG = """
request.xml                      action>        ACTION>
response.xml                     ClICKATELLSDK> ClickatellSDK>
response.xml                     >0<            >\u0663<
response.xml                     1316512313     2011-09-20
error-007.xml                    >007<          >7<
create-connection/response.xml   3334222        x
"""


def test_schema_accepts_spellings_and_rejects_wrong_values() -> None:
    for old, new in ("clickatellsdk", "CLICKATELLSDK"), ("action", "Action"):
        assert accepts("request.xml", DOCUMENTS["request.xml"].replace(f"{old}>", f"{new}>"))
    for name, old, new in map(str.split, WRONG.strip().splitlines()):
        assert not accepts(name, DOCUMENTS[name].replace(old, new)), new


def raw(first_line: str, headers: Any, body: bytes) -> str:
    """The text of a page: of the headers, those that belong to the call. HTTP libraries add others."""
    shown = [f"{name}: {headers[name]}" for name in ("Host", "Content-Type", "Content-Length") if name in headers]
    return "\n".join([first_line, *shown, "", body.decode()]).rstrip() + "\n"


@pytest.mark.parametrize(("name", "program"), [("exchange_get", "bare_call.py"), ("exchange_post", "list_types.py")])
def test_exchange(name: str, program: str, mock: MockServer, update: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows what the mock recorded when a program of this site called it by the service's name."""

    def to_the_mock(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        assert address == ("connect.clickatell.com", 443)
        return socket.create_connection(("127.0.0.1", mock.tls_port))

    monkeypatch.delenv("CONNECT_API_URL", raising=False)
    monkeypatch.setenv("CONNECT_API_TOKEN", "AUTHENTICATION_TOKEN")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mock.ca_file))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setattr(urllib3.util.connection, "create_connection", to_the_mock)
    runpy.run_path(str(SNIPPETS / program), run_name="__main__")
    (exchange,) = mock.exchanges
    sent = raw(f"{exchange.method} {exchange.target} HTTP/1.1", exchange.headers, exchange.body)
    update(SNIPPETS / f"{name}.request.http", sent)
    returned = raw(f"HTTP/1.1 {exchange.status} OK", exchange.response_headers, exchange.response)
    update(SNIPPETS / f"{name}.response.http", returned)
