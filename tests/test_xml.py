"""The XML files: they say what the sources say, fit their schemas, and are what goes over the wire."""

from __future__ import annotations

import re
import runpy
import socket
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch
from urllib.parse import unquote_to_bytes

import pytest
import urllib3.util.connection
from lxml import etree

from facts import FACTS, SNIPPETS, XML
from mock_server import Exchange, MockServer

Update = Callable[[Path, str], None]
FACT = {name: value for name, (value, _) in FACTS["facts"].items()}
SPECIFICATION_TIME = FACT["time of the specification's sample"]
MESSAGES = {
    **FACTS["user_guide_errors"],
    **{code: message for code, (message, _) in FACTS["errors_of_this_call"].items()},
}
ERROR_DOCUMENTS = sorted(path.stem[-3:] for path in XML.glob("error-*.xml"))


def parse(name: str) -> etree._Element:
    return etree.parse(XML / name).getroot()


def tags(**elements: str) -> str:
    return "".join(f"<{name}>{text}</{name}>" for name, text in elements.items())


def response(action: str, time: str, *values: str, root: str = "CLICKATELLSDK") -> str:
    found = "".join(tags(Value=value) for value in values)
    return tags(**{root: tags(Action=action, Result="Success", Values=found, Timestamp=time)})


def error(action: str, *codes: str) -> str:
    pairs = "".join(tags(Error=code, Description=MESSAGES[code]) for code in codes)
    return tags(CLICKATELLSDK=tags(Action=action, Result="Error") + pairs)


def request(action: str, **elements: str) -> str:
    return tags(clickatellsdk=tags(action=action, **elements))


def types(column: int) -> list[str]:
    """The callback types that have a name in this column of the facts."""
    named = [(number, names[column]) for number, names in FACTS["callback_types"].items() if names[column]]
    return [tags(callback_type_id=number, callback_type=name) for number, name in named]


CONNECTIONS = sorted((name, number) for number, (name, _) in FACTS["connection_types"].items())  # as recorded: by name
SIGN_IN = {"user": "sampleuser", "password": "samplepass1"}
CALLBACK = {"callback_url": "https://example.com/callback", "callback_type_id": "0"}
CALLBACK |= {"callback_username": "sampleservice", "callback_password": "samplesecret"}
IMAGE = str(parse("get-captcha/response.xml").findtext("Values/Value/captcha_image"))
CAPTCHA = tags(captcha_id="c202a3fc98c50a5f8dccc8540077614e", captcha_image=IMAGE)
EMAIL = tags(Error="103", Description=MESSAGES["103"], Value=tags(Email="test@test.com"), Timestamp="1357731016")
NUMBER, API_ID = tags(Usernumber=FACT["recorded user number"]), tags(api_id=FACT["API id of the sample"])
LIST = [tags(connection_type_id=number, connection_type=name) for name, number in CONNECTIONS]
DOCUMENTS = {
    "request.xml": request("get_list_callback"),
    "response.xml": response("get_list_callback", SPECIFICATION_TIME, *types(0), root="ClICKATELLSDK"),
    "recorded.xml": response("get_list_callback", FACT["time of the recorded list"], *types(1)),
    "recorded-error-103.xml": tags(CLICKATELLSDK=tags(Result="Error") + EMAIL),
    "several-errors.xml": error("authenticate_user", "431", "432"),
    **{f"error-{code}.xml": error("get_list_callback", code) for code in ERROR_DOCUMENTS},
    "authenticate-user/request.xml": request("authenticate_user", **SIGN_IN),
    "authenticate-user/response.xml": response("authenticate_user", "1357731930", NUMBER),
    "create-connection/request.xml": request("create_connection", **SIGN_IN, **CALLBACK),
    "create-connection/response.xml": response("create_connection", SPECIFICATION_TIME, API_ID),
    "get-captcha/request.xml": request("get_captcha"),
    "get-captcha/response.xml": response("get_captcha", "1316511558", CAPTCHA, root="ClICKATELLSDK"),
    "get-list-connection/request.xml": request("get_list_connection"),
    "get-list-connection/response.xml": response("get_list_connection", "1357840239", *LIST),
}
"""What the sources say that each document contains, without its white space."""

RESPONSES = [name for name in DOCUMENTS if not name.endswith("request.xml")]


def test_every_document_is_here() -> None:
    assert sorted(DOCUMENTS) == sorted(path.relative_to(XML).as_posix() for path in XML.rglob("*.xml"))
    assert set(FACTS["errors_of_this_call"]) <= set(ERROR_DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_says_what_its_source_says(name: str) -> None:
    text = (XML / name).read_text(encoding="utf-8")
    if name == "recorded.xml":  # recorded responses stay as they are, byte for byte
        assert text == f'<?xml version="1.0"?>{DOCUMENTS[name]}\n'
    elif name.startswith("recorded"):
        assert text == f"{DOCUMENTS[name]}\n"
    else:
        assert re.sub(r"\n *(<!--.*-->)?", "", text) == DOCUMENTS[name]


def test_picture_of_the_captcha() -> None:
    """It is a whole PNG file whose `+` means a space, so a decoder that ignores this damages it."""
    assert "+" in IMAGE
    image = unquote_to_bytes(IMAGE.replace("+", " "))
    signature, rest, chunks = image[:8], image[8:], {}
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        assert struct.unpack(">I", rest[8 + size : 12 + size]) == (zlib.crc32(rest[4 : 8 + size]),)
        chunks[rest[4:8]], rest = rest[8 : 8 + size], rest[12 + size :]
    width, height, depth = struct.unpack(">IIB", chunks[b"IHDR"][:9])
    assert (signature, depth, list(chunks)) == (b"\x89PNG\r\n\x1a\n", 1, [b"IHDR", b"IDAT", b"IEND"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (width // 8 + 1)


# The schemas.

VALUES = {
    "authenticate-user": [("Usernumber", "Text", "The number of the user")],
    "create-connection": [("api_id", "Identifier", "The API id of the new connection")],
    "get-captcha": [
        ("captcha_id", "Text", "The id of the captcha, which you send with its code"),
        ("captcha_image", "Text", "The picture with the code: a PNG file, URL-encoded"),
    ],
    "get-list-connection": [
        ("connection_type_id", "Identifier", "The id of the connection type, which you send as connection_id"),
        ("connection_type", "Text", "The name of the connection type"),
    ],
}
"""The elements in each `Value` of the other calls: name, type in the schema, and meaning."""


@pytest.mark.parametrize("call", VALUES)
def test_schema_of_another_call(call: str, update: Update) -> None:
    """Its response has other values. The rest of its schema is that of `get_list_callback`."""
    schema = (XML / "response.xsd").read_text(encoding="utf-8").replace("get_list_callback", call.replace("-", "_"))
    schema = schema.replace("The list of callback types", "The list of results").replace(
        "One callback type", "One result"
    )
    elements = "".join(
        f'      <xs:element name="{name}" type="{kind}">\n'
        f"        <xs:annotation><xs:documentation>{meaning}</xs:documentation></xs:annotation>\n"
        "      </xs:element>\n"
        for name, kind, meaning in VALUES[call]
    )
    value = re.compile(r'(<xs:complexType name="Value">\n    <xs:sequence>\n).*?(    </xs:sequence>)', re.DOTALL)
    update(XML / call / "response.xsd", value.sub(lambda match: f"{match[1]}{elements}{match[2]}", schema))


def accepts(schema: str, document: str) -> bool:
    return bool(etree.XMLSchema(file=str(XML / schema)).validate(etree.fromstring(document.encode())))


def schema_of(name: str) -> str:
    folder = name.rpartition("/")[0]
    return f"{folder}/response.xsd" if folder else "response.xsd"


@pytest.mark.parametrize("root", ["ClICKATELLSDK", "CLICKATELLSDK"])
@pytest.mark.parametrize("name", RESPONSES)
def test_schema_accepts_the_response(name: str, root: str) -> None:
    assert accepts(schema_of(name), re.sub("(?i)clickatellsdk>", f"{root}>", DOCUMENTS[name]))


@pytest.mark.parametrize("root", ["clickatellsdk", "CLICKATELLSDK"])
@pytest.mark.parametrize("action", ["action", "Action"])
def test_schema_accepts_the_request(root: str, action: str) -> None:
    document = DOCUMENTS["request.xml"]
    assert accepts("request.xsd", document.replace("clickatellsdk", root).replace("action>", f"{action}>"))


def paths(element: etree._Element, above: str = "") -> list[str]:
    """The path of each element below this one, once."""
    found = [f"{above}{child.tag}" for child in element.iterchildren("*")]
    below = [path for child in element.iterchildren("*") for path in paths(child, f"{above}{child.tag}/")]
    return list(dict.fromkeys(found + below))


CHANGED = ["response.xml", "error-007.xml", "recorded-error-103.xml", *(f"{call}/response.xml" for call in VALUES)]
OPTIONAL = {
    "without": {"Action", "Values/Value", "error Value", "error Timestamp"},
    "doubled": {"Values/Value", "error Error", "error Description"},
}
"""The changes that the schema accepts. `error` stands for an error response."""


@pytest.mark.parametrize("change", ["misspelt", "without", "doubled"])
@pytest.mark.parametrize(("name", "path"), [(name, path) for name in CHANGED for path in paths(parse(name))])
def test_schema_finds_a_change(name: str, path: str, change: str) -> None:
    root = etree.fromstring(DOCUMENTS[name].encode())
    element = root.find(path)
    assert element is not None
    parent = element.getparent()
    assert parent is not None
    if change == "misspelt":
        element.tag = f"{element.tag}s"
    elif change == "without":
        parent.remove(element)
    else:
        parent.insert(parent.index(element), etree.fromstring(etree.tostring(element)))
    allowed = OPTIONAL.get(change, set())
    expected = path in allowed or ("error" in name and f"error {path}" in allowed)
    assert accepts(schema_of(name), etree.tostring(root, encoding="unicode")) == expected


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("request.xml", "get_list_callback", "get_list_callbacks"),
        ("request.xml", "action>", "ACTION>"),
        ("request.xml", "clickatellsdk>", "ClickatellSDK>"),
        ("request.xml", "<action>get_list_callback</action>", ""),
        ("request.xml", "</action>", "</action><other/>"),
        ("response.xml", "ClICKATELLSDK>", "ClickatellSDK>"),
        ("response.xml", "Success", "success"),
        ("response.xml", ">0<", ">zero<"),
        ("response.xml", ">0<", ">-1<"),
        ("response.xml", ">0<", ">\u0663<"),
        ("response.xml", ">0<", f">{'1' * 19}<"),
        ("response.xml", "HTTP GET", " "),
        ("response.xml", SPECIFICATION_TIME, "2011-09-20"),
        ("response.xml", SPECIFICATION_TIME, "9" * 12),
        ("response.xml", "<Values>", "<Other/><Values>"),
        ("error-007.xml", ">007<", ">7<"),
        ("error-007.xml", ">007<", ">\u0660\u0660\u0667<"),
        ("recorded-error-103.xml", "Email>", "Other>"),
        ("create-connection/response.xml", "3334222", "x"),
        ("get-captcha/response.xml", IMAGE, ""),
    ],
)
def test_schema_rejects_a_wrong_value(name: str, old: str, new: str) -> None:
    schema = "request.xsd" if name == "request.xml" else schema_of(name)
    assert accepts(schema, DOCUMENTS[name])
    assert not accepts(schema, DOCUMENTS[name].replace(old, new))


@pytest.mark.parametrize("schema", sorted(path.relative_to(XML).as_posix() for path in XML.rglob("*.xsd")))
def test_every_element_is_explained(schema: str) -> None:
    """The tables of fields show this text."""
    declared = parse(schema).iterfind(".//{*}complexType//{*}element")
    assert not [element.get("name") for element in declared if not element.findtext("{*}annotation/{*}documentation")]


# What goes over the wire.

SHOWN = ("Host", "Content-Type", "Content-Length")
"""The headers that belong to the call. HTTP libraries add others."""


def raw(first_line: str, exchange: Exchange, part: str) -> str:
    headers = exchange.headers if part == "request" else exchange.response_headers
    body = exchange.body if part == "request" else exchange.response
    lines = [f"{name}: {headers[name]}" for name in SHOWN if name in headers]
    return "\n".join([first_line, *lines, "", body.decode()]).rstrip() + "\n"


@pytest.mark.parametrize(("name", "program"), [("exchange_get", "bare_call.py"), ("exchange_post", "post_form.py")])
def test_raw_exchange(
    name: str, program: str, mock: MockServer, update: Update, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows what the mock recorded when a program of this site called it by the service's name."""

    def to_the_mock(address: tuple[str, int], *_: object, **__: object) -> socket.socket:
        assert address == ("connect.clickatell.com", 443)
        return socket.create_connection(("127.0.0.1", mock.tls_port))

    monkeypatch.delenv("CONNECT_API_URL", raising=False)
    monkeypatch.setenv("CONNECT_API_TOKEN", "AUTHENTICATION_TOKEN")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(mock.ca_file))
    monkeypatch.setenv("NO_PROXY", "*")
    with patch.object(urllib3.util.connection, "create_connection", to_the_mock):
        runpy.run_path(str(SNIPPETS / program), run_name="__main__")
    (exchange,) = mock.exchanges
    update(
        SNIPPETS / f"{name}.request.http",
        raw(f"{exchange.method} {exchange.target} HTTP/1.1", exchange, "request"),
    )
    update(SNIPPETS / f"{name}.response.http", raw(f"HTTP/1.1 {exchange.status} OK", exchange, "response"))
