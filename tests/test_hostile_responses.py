"""Any bytes as a response: the client returns a result or raises its own typed error, and does nothing else."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import connect_api as client
from connect_api import MAX_BODY, ConnectAPI, ConnectAPIError, MalformedResponse, ServiceError, parse_callback_types
from scripted_server import answer, scripted

XML = Path(__file__).resolve().parent.parent / "docs" / "xml"
DOCUMENTS = {path.relative_to(XML).as_posix(): path.read_bytes() for path in sorted(XML.rglob("*.xml"))}
RESPONSE = DOCUMENTS["response.xml"]
TEXT = RESPONSE.decode()
TYPES = [client.CallbackType(0, "HTTP GET"), client.CallbackType(6, "SOAP POST")]
OWN = Path(__file__).as_uri()


def outcome(body: bytes) -> object:
    """What the client makes of a body: the types, or the class of its own error. Any other error fails the test."""
    try:
        types = parse_callback_types(body)
    except (MalformedResponse, ServiceError) as error:
        return type(error)
    assert all(type(found.id) is int and found.id >= 0 and found.name for found in types)
    return types


def replaced(old: str, new: str) -> bytes:
    assert old in TEXT
    return TEXT.replace(old, new).encode()


HARMLESS = [replaced("<Values>", "<!-- c --><?p i?>text<Values>stray"), replaced("HTTP GET", "\n HTTP GET\t")]
HARMLESS += [replaced("HTTP GET", "<!-- c -->HTTP<?p?> <![CDATA[GET]]>"), replaced("ClICK", "CLICK")]
HARMLESS += [replaced("<Values>", "<U><deep/></U><Values><U/>"), replaced("<Timestamp>", "<Timestamp a='b'>")]
HARMLESS += [replaced("<callback_type_id>", "<u>x</u><callback_type_id>"), RESPONSE.replace(b"\n", b"\r\n")]
HARMLESS += [b"\xef\xbb\xbf" + RESPONSE, replaced("<Values>", f"<Values>{'<a/>' * 1_000_000}")]


@pytest.mark.parametrize("number", range(len(HARMLESS)))
def test_harmless(number: int) -> None:
    assert outcome(HARMLESS[number]) == TYPES


def error(*parts: str) -> bytes:
    """Build an error response of codes (digits) and descriptions."""
    tags = ["Error" if part.isdigit() else "Description" for part in parts]
    inner = "".join(f"<{tag}>{part}</{tag}>" for tag, part in zip(tags, parts, strict=True))
    return f"<CLICKATELLSDK><Result>Error</Result>{inner}</CLICKATELLSDK>".encode()


ERRORS = """007 a = 007 a; 103 a 104 b = 103 a 104 b; 103 104 a b = 103 a 104 b; a 103 b 104 = 103 a 104 b; 007 = 007 -;
103 104 = 103 - 104 -; 103 104 b = 103 - 104 b; 103 a 104 = 103 a 104 -; 007 a b = 007 a; 007 <b>a</b> = 007 a"""


@pytest.mark.parametrize("case", ERRORS.replace("\n", " ").split("; "))
def test_codes_count_whatever_their_messages(case: str) -> None:
    """The elements Error and Description in this order give these codes and messages; `-` is an empty message."""
    parts, _, pairs = case.partition(" = ")
    expected = pairs.replace("-", "").split(" ")
    with pytest.raises(ServiceError) as raised:
        client.parse_response(error(*parts.split()))
    assert list(raised.value.errors) == list(zip(expected[::2], expected[1::2], strict=True))
    assert [raised.value.code, raised.value.message] == expected[:2]
    assert raised.value.help_url == f"http://127.0.0.1:8000/callback-types/errors/#error-{expected[0]}"
    assert not str(raised.value).strip().endswith(":")


def bomb(depth: int) -> str:
    steps = [f'<!ENTITY e{number} "{f"&e{number - 1};" * 10}">' for number in range(1, depth)]
    return f"<!DOCTYPE CLICKATELLSDK [<!ENTITY e0 'ha'>{''.join(steps)}]>"


EMPTY, HTML = "well-formed XML, found an empty body", "a Connect API response, found an HTML page"
BROKEN, DECLARED = "well-formed XML, found an error in line ", "XML without a document type declaration, found one"
ROOT, TWICE = "the root element CLICKATELLSDK, found ", "each element once in Value, found one of them repeated"
DIGITS, SECONDS = "ASCII digits in callback_type_id, found ", "seconds since 1970 in Timestamp, found "
ID, SDK = "<callback_type_id>", "<CLICKATELLSDK>"
NO_NUMBERS = ["1_0", "\u0663", "-1", "+1", "0x1", "1.5", "1e9", "7" * 19, "9" * 5000, "", "now", "\u00b2"]
MANY = [" ".join(f"a{n}=''" for n in range(100_000)), " ".join(f"xmlns:a{n}='u'" for n in range(100_000))]
MALFORMED: list[tuple[str, Sequence[str | bytes]]] = [
    (EMPTY, ["", " \n"]),
    (HTML, ["<!DOCTYPE html><html><body>504</body></html>", "\ufeff <HTML></HTML>"]),
    (BROKEN, ["Service Unavailable", '{"Action": 1}', bytes(range(256)), TEXT[:-10], TEXT * 2, f"{TEXT}text"]),
    (BROKEN, [replaced("HTTP", "HT\0TP"), replaced("HTTP", "HT&#1;TP"), replaced("HTTP", "HT&#xD800;TP")]),
    (BROKEN, ['<?xml version="1.0" encoding="no-such"?><CLICKATELLSDK/>', replaced("HTTP", "&unknown;")]),
    (BROKEN, [SDK + "<a>" * 100_000, f"{SDK}<Result>{'x' * 50_000_000}</Result></CLICKATELLSDK>"]),
    ("", [f"<{'a' * 1_000_000}/>", f"<a {MANY[0]}/>", f"<a {MANY[1]}/>"]),
    ("", [f"{bomb(12)}{SDK}<Result>&e11;</Result></CLICKATELLSDK>", f"{bomb(12)}<CLICKATELLSDK a='&e11;'/>"]),
    ("", [f'<!DOCTYPE a [<!ENTITY % f SYSTEM "{OWN}"> %f;]><CLICKATELLSDK/>']),
    (DECLARED, [f"<!DOCTYPE a>{TEXT}", f"<!DOCTYPE a>{TEXT}".encode("utf-16"), f'<!DOCTYPE a SYSTEM "{OWN}"><a/>']),
    (
        DECLARED,
        [f'<!DOCTYPE a [<!ENTITY f SYSTEM "{url}">]>{SDK}&f;</CLICKATELLSDK>' for url in (OWN, "http://[::1]/")],
    ),
    (DECLARED, ["<!DOCTYPE a [<!ATTLIST CLICKATELLSDK x CDATA 'y'>]><CLICKATELLSDK/>"]),
    (ROOT, ["<other/>", "<CL\u0131CKATELLSDK/>", "<CLICKATELLSDK xmlns='u'/>"]),
    ("one element Result, found none", ["<CLICKATELLSDK/>", "<CLICKATELLSDK><a><Result/></a></CLICKATELLSDK>"]),
    ("one element Result, found 2", [replaced("<Values>", "<Result/><Values>")]),
    ("Success or Error in Result, found 'Maybe'", [replaced("Success", "Maybe")]),
    ("text in Result, found elements", [replaced("Success", "<b>Success</b>")]),
    ("one element Values, found none", [replaced("Values", "Others")]),
    ("one element Values, found 2", [replaced("<Timestamp>", "<Values/><Timestamp>")]),
    ("get_list_callback in Action, found 'other'", [replaced(">get_list_callback<", ">other<")]),
    ("one element Action, found none", [replaced("Action", "Faction")]),
    ("one element Timestamp, found none", [replaced("Timestamp", "Time")]),
    (SECONDS, [replaced("1316512313", text) for text in NO_NUMBERS]),
    (DIGITS, [replaced(">0<", f">{text}<") for text in NO_NUMBERS] + [replaced("callback_type_id", "id")]),
    ("text in callback_type, found ''", [replaced("HTTP GET", " "), replaced("callback_type>", "type>")]),
    (TWICE, [replaced(ID, f"<u/><u/>{ID}"), replaced(ID, f"{'<a/>' * 1_000_000}{ID}")]),
    ("text in u, found elements", [replaced(ID, f"<u><b/></u>{ID}")]),
    ("text in callback_type_id, found elements", [replaced(">0<", f">0{'<a/>' * 1_000_000}<")]),
    ("three ASCII digits in Error, found ''", [error("text"), error()]),
    ("three ASCII digits in Error, found '07'", [error("103", "07")]),
]
CASES = [(message, body) for message, bodies in MALFORMED for body in bodies]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_malformed(number: int) -> None:
    message, body = CASES[number]
    with pytest.raises(MalformedResponse) as raised:
        parse_callback_types(body.encode() if isinstance(body, str) else body)
    assert str(raised.value).startswith(f"expected {message}")
    assert len(str(raised.value)) < 200
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_text_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match=r"response\.content"):
        client.parse_response(TEXT)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_prefix(name: str) -> None:
    """A response that is cut off anywhere is malformed, but for the white space at its end."""
    for length in range(len(DOCUMENTS[name].rstrip())):
        assert outcome(DOCUMENTS[name][:length]) is MalformedResponse, f"the first {length} bytes of {name}"


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp500", "utf-7"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("declared", ["UTF-8", "UTF-16", "ISO-8859-1", "windows-1252", "UTF-7", "no-such", None])
@pytest.mark.parametrize("declaration", ["", "<!DOCTYPE CLICKATELLSDK [<!ENTITY e 'x'>]>"])
def test_encodings(encoding: str, declared: str | None, declaration: str) -> None:
    """Right or wrong, an encoding gives the documented result or is malformed. A type declaration never passes."""
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    found = outcome(f"{head}{declaration}{TEXT}".encode(encoding))
    assert found is MalformedResponse or (found == TYPES and not declaration)


@pytest.mark.parametrize(("text", "number"), [("007", 7), ("9" * 18, 10**18 - 1), ("\n 5\t", 5)])
def test_numbers(text: str, number: int) -> None:
    assert parse_callback_types(replaced(">0<", f">{text}<"))[0].id == number
    assert client.parse_response(replaced("1316512313", "99999999999")).timestamp.year == 5138


# What comes over the network.

SPACES, GZIP, REST = gzip.compress(b" " * (20 * MAX_BODY)), gzip.compress(RESPONSE), gzip.compress(RESPONSE[50:])
ENCODED: list[tuple[str, object, list[bytes]]] = [
    ("gzip", TYPES, [GZIP, gzip.compress(RESPONSE[:50]) + REST, gzip.compress(b"") * 1000 + GZIP]),
    (" X-GZIP ", TYPES, [GZIP]),
    ("identity", TYPES, [RESPONSE]),
    ("gzip", "ends early", [GZIP[:-20], GZIP + GZIP[:-1], GZIP[:5], b"\x1f\x8b\x08\x08" + b"a" * (MAX_BODY - 10)]),
    ("gzip", "the body isn't", [RESPONSE, GZIP[:-8] + bytes(8), GZIP[:30] + b"\xff" * 99, GZIP + b"more"]),
    ("gzip", "an empty body", [b"", gzip.compress(b"") * 50_000]),
    ("gzip", "larger than", [SPACES]),
    ("gzip, gzip", "well-formed", [gzip.compress(SPACES)]),
    ("deflate", "well-formed", [zlib.compress(RESPONSE)]),
]
BODIES = [(encoding, expected, body) for encoding, expected, bodies in ENCODED for body in bodies]


@pytest.mark.parametrize("number", range(len(BODIES)))
def test_compressed(number: int) -> None:
    encoding, expected, body = BODIES[number]
    tracemalloc.start()
    try:
        with scripted(answer(body, "200 OK", f"Content-Encoding:{encoding}")) as url:
            found: object = ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types()
    except ConnectAPIError as raised:
        found = str(raised)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert found == expected or (isinstance(expected, str) and expected in str(found))
    assert peak < 8 * MAX_BODY


START = b"HTTP/1.1 200 OK\r\n"
CHUNKED = START + b"Transfer-Encoding: chunked\r\n\r\n"
TRANSPORT = [CHUNKED + b"zz\r\n" + RESPONSE, CHUNKED + b"-5\r\n" + RESPONSE, CHUNKED + b"5;" + b"x" * 1_000_000]
TRANSPORT += [START + b"X: y\r\n" * 1000, START + b"X: " + b"y" * 200_000, b"HTTP/1.1 100 Continue\r\n\r\n" * 1000]
TRANSPORT += [b"HTTP/1.1 abc OK\r\n\r\n", START + b"Content-Length: 1\r\nContent-Length: 9\r\n\r\n" + RESPONSE]


@pytest.mark.parametrize("number", range(len(TRANSPORT)))
def test_broken_transport(number: int) -> None:
    with scripted(TRANSPORT[number]) as url, pytest.raises((client.TransportError, MalformedResponse)) as raised:
        ConnectAPI("AUTHENTICATION_TOKEN", url, timeout=2).list_callback_types()
    assert raised.value.__context__ is None


# What Hypothesis finds.

found = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@found
@given(some.data())
def test_any_change_of_a_response(data: some.DataObject) -> None:
    body = bytearray(data.draw(some.sampled_from(list(DOCUMENTS.values()))))
    for _ in range(data.draw(some.integers(1, 5))):
        place = data.draw(some.integers(0, len(body) - 1))
        body[place : place + data.draw(some.integers(0, 3))] = data.draw(some.binary(max_size=3))
    outcome(bytes(body))
    outcome(data.draw(some.binary(max_size=200)))
