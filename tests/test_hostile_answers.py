"""Whatever bytes come as an answer, the client returns or raises ConnectAPIError, and does nothing else."""

from __future__ import annotations

import gzip
import sys
import time
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from lxml import etree

from connect_api import (
    MAX_BODY,
    CallbackType,
    ConnectAPI,
    ConnectAPIError,
    MalformedResponse,
    Response,
    ServiceError,
    TransportError,
    parse_callback_types,
    parse_response,
)
from project import XML
from scripted_server import Script, answer, dripping, scripted, send

DOCUMENTS = {path.relative_to(XML).as_posix(): path.read_bytes() for path in sorted(XML.rglob("*.xml"))}
RESPONSE = DOCUMENTS["response.xml"]


def outcome(body: bytes) -> object:
    """What the client makes of a body; anything but a result or a ConnectAPIError fails the test."""
    raised = None
    try:
        types = parse_callback_types(body)
    except ConnectAPIError as error:
        raised = error
    if raised:
        assert len(str(raised)) < 200 or isinstance(raised, ServiceError)
        assert raised.__context__ is None
        return type(raised)
    assert all(type(found.id) is int and found.id >= 0 and found.name for found in types)
    return types


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_prefix(name: str) -> None:
    """An answer that is cut off anywhere is malformed, but for the white space at its end."""
    document = DOCUMENTS[name]
    for length in range(len(document.rstrip())):
        assert outcome(document[:length]) is MalformedResponse, f"the first {length} bytes of {name}"


def entities(depth: int) -> str:
    steps = [f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, depth)]
    return f"<!DOCTYPE CLICKATELLSDK [<!ENTITY e0 'ha'>{''.join(steps)}]>"


SECRET = Path(__file__)  # any file that is there
HOSTILE = {
    "entity expansion": f"{entities(12)}<CLICKATELLSDK><Result>&e11;</Result></CLICKATELLSDK>",
    "entity expansion in an attribute": f"{entities(12)}<CLICKATELLSDK a='&e11;'/>",
    "external entity": f'<!DOCTYPE a [<!ENTITY f SYSTEM "{SECRET.as_uri()}">]><CLICKATELLSDK>&f;</CLICKATELLSDK>',
    "entity from the network": '<!DOCTYPE a [<!ENTITY f SYSTEM "http://192.0.2.1/">]><CLICKATELLSDK>&f;</CLICKATELLSDK>',
    "parameter entity": f'<!DOCTYPE a [<!ENTITY % f SYSTEM "{SECRET.as_uri()}"> %f;]><CLICKATELLSDK/>',
    "external subset": f'<!DOCTYPE a SYSTEM "{SECRET.as_uri()}"><CLICKATELLSDK/>',
    "default attribute": "<!DOCTYPE a [<!ATTLIST CLICKATELLSDK x CDATA 'y'>]><CLICKATELLSDK/>",
    "unknown entity": "<CLICKATELLSDK><Result>&unknown;</Result></CLICKATELLSDK>",
    "deep nesting": f"{'<a>' * 100_000}{'</a>' * 100_000}",
    "deep nesting in Values": RESPONSE.decode().replace("<Values>", f"<Values>{'<a>' * 10_000}{'</a>' * 10_000}"),
    "100,000 attributes": "<CLICKATELLSDK " + " ".join(f"a{number}=''" for number in range(100_000)) + "/>",
    "100,000 namespaces": "<CLICKATELLSDK " + " ".join(f"xmlns:a{number}='u'" for number in range(100_000)) + "/>",
    "50 MB of text": f"<CLICKATELLSDK><Result>{'x' * 50_000_000}</Result></CLICKATELLSDK>",
    "50 MB of text between elements": RESPONSE.decode().replace("<Values>", f"{'x' * 50_000_000}<Values>"),
    "a long name": f"<{'a' * 1_000_000}/>",
    "a million elements in a Value": RESPONSE.decode().replace("<Value>", f"<Value>{'<a/>' * 1_000_000}", 1),
    "a million elements in a field": RESPONSE.decode().replace(">0<", f">0{'<a/>' * 1_000_000}<"),
    "include": f"<CLICKATELLSDK xmlns:x='http://www.w3.org/2001/XInclude'><x:include href='{SECRET.as_uri()}'/>",
    "stylesheet": f'<?xml-stylesheet href="{SECRET.as_uri()}"?><CLICKATELLSDK/>',
    "schema location": "<CLICKATELLSDK xmlns:x='http://www.w3.org/2001/XMLSchema-instance' x:schemaLocation='f'/>",
    "null in text": RESPONSE.decode().replace("HTTP", "HT\0TP"),
    "control character": RESPONSE.decode().replace("HTTP", "HT&#1;TP"),
    "surrogate": RESPONSE.decode().replace("HTTP", "HT&#xD800;TP"),
    "document twice": RESPONSE.decode() * 2,
    "text after the end": f"{RESPONSE.decode()}text",
    "JSON": '{"Action": "get_list_callback"}',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    started = time.monotonic()
    assert outcome(HOSTILE[name].encode()) is MalformedResponse
    assert time.monotonic() - started < 10  # far above what any of them takes


def test_a_million_unknown_elements_do_not_hurt() -> None:
    body = RESPONSE.decode().replace("<Values>", f"<Values>{'<a/>' * 1_000_000}").encode()
    assert outcome(body) == parse_callback_types(RESPONSE)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp500", "utf-7"]
)
@pytest.mark.parametrize("declared", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252", "no-such", None])
@pytest.mark.parametrize("declaration", ["", "<!DOCTYPE CLICKATELLSDK [<!ENTITY e 'x'>]>"])
def test_encodings(encoding: str, declared: str | None, declaration: str) -> None:
    """Right or wrong, an encoding gives the documented result or a MalformedResponse; a declared type never passes."""
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    found = outcome(f"{head}{declaration}{RESPONSE.decode()}".encode(encoding))
    allowed = [MalformedResponse] if declaration else [MalformedResponse, parse_callback_types(RESPONSE)]
    assert found in allowed


def test_comments_and_cdata_inside_values() -> None:
    body = RESPONSE.replace(b">0<", b"><!-- a -->0<?p?><![CDATA[]]><").replace(b"HTTP GET", b"<![CDATA[<HTTP>]]> & GET")
    body = body.replace(b" & ", b" &amp; ")
    assert parse_callback_types(body)[0] == CallbackType(0, "<HTTP> & GET")


@pytest.mark.parametrize(
    "identifier", ["1_0", "\u0663", "-1", "+1", "1.0", "0x1", "1e3", "7" * 5000, "", " ", "\u00b2"]
)
def test_identifiers_that_are_none(identifier: str) -> None:
    assert outcome(RESPONSE.decode().replace(">0<", f">{identifier}<").encode()) is MalformedResponse


@pytest.mark.parametrize(("text", "identifier"), [("007", 7), ("9" * 18, 10**18 - 1), ("\n 5\t", 5)])
def test_identifiers(text: str, identifier: int) -> None:
    assert parse_callback_types(RESPONSE.decode().replace(">0<", f">{text}<").encode())[0].id == identifier


@pytest.mark.parametrize("timestamp", ["", " ", "now", "-1", "1.5", "1e9", "9" * 12, "9" * 5000, "\u0661", "0x10"])
def test_timestamps_that_are_none(timestamp: str) -> None:
    assert outcome(RESPONSE.decode().replace("1316512313", timestamp).encode()) is MalformedResponse


@pytest.mark.parametrize("seconds", [0, 1316512313, 99999999999])
def test_timestamps(seconds: int) -> None:
    body = RESPONSE.decode().replace("1316512313", str(seconds)).encode()
    assert parse_response(body).timestamp.timestamp() == seconds
    assert parse_response(body).timestamp.tzinfo is UTC


# What comes over the network.

BROKEN = {
    "compressed bomb": answer(gzip.compress(b" " * (20 * MAX_BODY)), "200 OK", "Content-Encoding: gzip"),
    "bomb in a bomb": answer(
        gzip.compress(gzip.compress(b" " * (20 * MAX_BODY))), "200 OK", "Content-Encoding: gzip, gzip"
    ),
    "compressed and cut off": answer(gzip.compress(RESPONSE)[:-20], "200 OK", "Content-Encoding: gzip"),
    "unknown compression": answer(zlib.compress(RESPONSE), "200 OK", "Content-Encoding: no-such"),
    "wrong chunk": send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + RESPONSE),
    "header without end": send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000),
    "long header": send(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n"),
    "continue for ever": send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "status that is no number": send(b"HTTP/1.1 abc OK\r\n\r\n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_transport(name: str) -> None:
    with scripted(BROKEN[name]) as url, pytest.raises((TransportError, MalformedResponse)) as raised:
        ConnectAPI("AUTHENTICATION_TOKEN", url, timeout=2).list_callback_types()
    assert raised.value.__context__ is None


GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n"
DRIPPING: dict[str, Script] = {
    "name of a compressed file": dripping(GZIP + b"\x1f\x8b\x08\x08" + bytes(6), b"a"),
    "compressed parts without text": dripping(GZIP, gzip.compress(b"")),
}


@pytest.mark.parametrize("name", DRIPPING)
def test_deadline_holds_for_compressed_bodies(name: str) -> None:
    started = time.monotonic()
    with scripted(DRIPPING[name]) as url, pytest.raises(TransportError, match="not complete after"):
        ConnectAPI("AUTHENTICATION_TOKEN", url, timeout=0.3).list_callback_types()
    assert time.monotonic() - started < 10  # far below what the server takes


def test_bytes_after_a_compressed_body_count() -> None:
    body = gzip.compress(RESPONSE) + b"x" * MAX_BODY
    with (
        scripted(answer(body, "200 OK", "Content-Encoding: gzip")) as url,
        pytest.raises(TransportError, match="larger than"),
    ):
        ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types()


@pytest.mark.parametrize("encoding", ["gzip", " GZIP "])
def test_compressed_answer(encoding: str) -> None:
    with scripted(answer(gzip.compress(RESPONSE), "200 OK", f"Content-Encoding:{encoding}")) as url:
        types = ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types()
    assert types == parse_callback_types(RESPONSE)


def test_memory_grows_with_the_length_of_the_answer() -> None:
    """Per byte of the answer, a long one takes what a short one takes."""
    value = RESPONSE[RESPONSE.index(b"<Value>") : RESPONSE.index(b"</Value>") + len(b"</Value>")]
    peaks = []
    for times in (2_000, 16_000):
        body = RESPONSE.replace(value, value * times)
        tracemalloc.start()
        try:
            parse_callback_types(body)
            peaks.append(tracemalloc.get_traced_memory()[1] / len(body))
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_length_that_is_none() -> None:
    """Of a negative length, urllib3 makes an unknown one: the body ends with the connection."""
    with scripted(send(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n" + RESPONSE)) as url:
        assert ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types() == parse_callback_types(RESPONSE)


def test_bomb_takes_little_memory() -> None:
    tracemalloc.start()
    try:
        with scripted(BROKEN["compressed bomb"]) as url, pytest.raises(TransportError, match="larger than"):
            ConnectAPI("AUTHENTICATION_TOKEN", url, timeout=5).list_callback_types()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MAX_BODY


# What Hypothesis finds.

tags = some.sampled_from(["Action", "Result", "Values", "Value", "Error", "Description", "Timestamp", "x"])
fields = some.sampled_from(["callback_type_id", "callback_type", "api_id", "y"])
texts = some.sampled_from(["", "0", "6", "Success", "Error", "get_list_callback", "HTTP GET", "1316512313", "007"]) | (
    some.text(some.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
)


@some.composite
def trees(draw: some.DrawFn, depth: int = 0) -> etree._Element:
    element = etree.Element(
        draw(tags | fields) if depth else draw(some.sampled_from(["CLICKATELLSDK", "clickatellSDK"]))
    )
    element.text = draw(texts.filter(is_xml))
    for _ in range(draw(some.integers(0, 3)) if depth < 3 else 0):
        child = draw(trees(depth + 1))
        child.tail = draw(texts.filter(is_xml))
        element.append(child)
    return element


def is_xml(text: str) -> bool:
    return all(character >= " " and character not in "\ufffe\uffff" for character in text)


slow = settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck), derandomize=True)


@settings(slow, max_examples=60)
@given(trees())
def test_any_tree(tree: etree._Element) -> None:
    outcome(etree.tostring(tree))


@slow
@given(some.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    outcome(body)


@slow
@given(some.data())
def test_any_change_of_an_answer(data: some.DataObject) -> None:
    """Bytes taken away, put in or changed: the result stays one of the allowed."""
    body = bytearray(data.draw(some.sampled_from(list(DOCUMENTS.values()))))
    for _ in range(data.draw(some.integers(1, 5))):
        place = data.draw(some.integers(0, len(body) - 1))
        body[place : place + data.draw(some.integers(0, 3))] = data.draw(some.binary(max_size=3))
    outcome(bytes(body))


rows = some.lists(some.tuples(some.integers(0, 10**18 - 1), some.text(min_size=1).filter(is_xml).filter(str.strip)))


@slow
@given(rows, some.integers(0, 10**11 - 1))
def test_what_is_written_is_read(types: list[tuple[int, str]], seconds: int) -> None:
    root = etree.Element("CLICKATELLSDK")
    etree.SubElement(root, "Action").text = "get_list_callback"
    etree.SubElement(root, "Result").text = "Success"
    values = etree.SubElement(root, "Values")
    for identifier, name in types:
        value = etree.SubElement(values, "Value")
        etree.SubElement(value, "callback_type_id").text = str(identifier)
        etree.SubElement(value, "callback_type").text = name
    etree.SubElement(root, "Timestamp").text = str(seconds)
    body = etree.tostring(root)
    stripped = [CallbackType(identifier, name.strip(" \t\r\n")) for identifier, name in types]
    if all(found.name for found in stripped):
        assert parse_callback_types(body) == stripped
        response = parse_response(body)
        assert isinstance(response, Response)
        assert response.timestamp == datetime(1970, 1, 1, tzinfo=UTC) + (
            response.timestamp - datetime.fromtimestamp(0, UTC)
        )
        assert int(response.timestamp.timestamp()) == seconds


def test_no_limit_of_python_is_changed() -> None:
    assert sys.get_int_max_str_digits() == 4300
