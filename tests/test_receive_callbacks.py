"""The receiver of callbacks: it stores what it acknowledges, once, and refuses what is not documented."""

from __future__ import annotations

import base64
import contextlib
import hmac
import http.client
import io
import logging
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse, create_environ

import receive_callbacks
from harness.run import clean_environment, run_process, run_shell
from project import SNIPPETS, structure
from receive_callbacks import MAX_CALLBACK, MalformedCallback, MessageStatus, create_app, parse_fields
from simulate_callbacks import (
    AUTHORIZATION,
    PASSWORD,
    RECEIVER,
    USER,
    Receiver,
    Row,
    check,
    document,
    generate,
    simulate,
)

SAMPLE = {
    "apiMsgId": "996411ad91fa211e7d17bc873aa4a41d",
    "cliMsgId": "abc123",
    "timestamp": "1218008129",
    "to": "279995631564",
    "from": "27833001171",
    "charge": "0.300000",
    "status": "004",
}
ROW = ("996411ad91fa211e7d17bc873aa4a41d", "abc123", 1218008129, "279995631564", "27833001171", "0.300000", "004")
CODES = {
    "001": "MESSAGE_UNKNOWN",
    "002": "QUEUED",
    "003": "DELIVERED_TO_GATEWAY",
    "004": "RECEIVED_BY_RECIPIENT",
    "005": "ERROR_WITH_MESSAGE",
    "006": "USER_CANCELLED_DELIVERY",
    "007": "ERROR_DELIVERING_MESSAGE",
    "008": "RECEIVED_BY_GATEWAY",
    "009": "ROUTING_ERROR",
    "010": "MESSAGE_EXPIRED",
    "011": "QUEUED_FOR_LATER_DELIVERY",
    "012": "OUT_OF_CREDIT",
    "014": "MAXIMUM_MT_LIMIT_EXCEEDED",
}
NUMBERS = ["", " ", "nobody", "-1", "+1", "1.5", "٣", "27999563156٣", "1\n", " 1", "1_0", "0x1", "²"]
WRONG = {
    "apiMsgId": ["", " ", "two ids", "ï", "a\n", "a\0", "9" * 65],
    "cliMsgId": ["two\nlines", "\0", "\x7f", "\x85", "\ud800", "x" * 129],
    "timestamp": [
        *NUMBERS,
        "121800812٣",
        "0",
        "1",
        "-1218008129",
        "946684799",
        "4102444800",
        "99999999999",
        "9" * 5000,
        "1e9",
    ],
    "to": [*NUMBERS, "9" * 21],
    "from": [*NUMBERS, "9" * 21],
    "charge": [
        *NUMBERS,
        "0.3",
        "1",
        ".300000",
        "0,300000",
        "-0.300000",
        "0.3000000",
        "NaN",
        "1e6",
        "9999999999.000000",
    ],
    "status": [*NUMBERS, "4", "04", "0004", "00٤", "004\n", "abc", "-04", "+04", "1e1"],
}
WRONG_VALUES = [(name, value) for name, values in WRONG.items() for value in values]
FORM = "application/x-www-form-urlencoded"
Deliver = Callable[..., TestResponse]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "callbacks.db"


@pytest.fixture
def app(database: Path) -> Iterator[Flask]:
    app = create_app(database, USER, PASSWORD)
    app.testing = True  # an exception in the application is one in the test
    yield app
    app.extensions["receive_callbacks"].close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = AUTHORIZATION
    return client


def stored(database: Path) -> list[Row]:
    """What another connection sees, and so nothing that is not committed."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows: list[Row] = connection.execute("SELECT * FROM delivery_status ORDER BY rowid").fetchall()
    return rows


def send(client: FlaskClient, transport: str, pairs: list[tuple[str, str]]) -> TestResponse:
    if transport == "get":
        return client.get(f"/callback?{urlencode(pairs)}")
    if transport == "post":
        return client.post("/callback", data=urlencode(pairs), content_type=FORM)
    return client.post("/callback", data=document(pairs), content_type=transport)


TRANSPORTS = ["get", "post", "text/xml", "application/xml", "text/xml; charset=utf-8"]
every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


# What a callback says


def test_sample() -> None:
    status = parse_fields(SAMPLE)
    assert status == parse_fields(reversed(SAMPLE.items()))
    assert (status.api_msg_id, status.cli_msg_id) == (ROW[0], ROW[1])
    assert (status.to_number, status.from_number) == ("279995631564", "27833001171")
    assert status.timestamp == datetime(2008, 8, 6, 7, 35, 29, tzinfo=UTC)
    assert status.timestamp.utcoffset() is not None
    assert isinstance(status.charge, Decimal)
    assert str(status.charge) == "0.300000"
    assert status.status is MessageStatus.RECEIVED_BY_RECIPIENT
    with pytest.raises(AttributeError):
        status.status = "005"  # type: ignore[misc]


def test_codes() -> None:
    assert {code.value: code.name for code in MessageStatus} == CODES
    for code in CODES:
        assert parse_fields({**SAMPLE, "status": code}).status is MessageStatus(code)


@pytest.mark.parametrize("code", ["000", "013", "015", "999"])
def test_an_unknown_code_is_kept(code: str, client: FlaskClient, database: Path) -> None:
    status = parse_fields({**SAMPLE, "status": code}).status
    assert (status, type(status)) == (code, str)
    assert send(client, "get", list({**SAMPLE, "status": code}.items())).status_code == 200
    assert stored(database) == [(*ROW[:6], code)]


@pytest.mark.parametrize("name", SAMPLE)
def test_missing_and_repeated_fields(name: str) -> None:
    pairs = list(SAMPLE.items())
    with pytest.raises(MalformedCallback, match=f"^The field {name} is missing.$"):
        parse_fields([pair for pair in pairs if pair[0] != name])
    for again in (SAMPLE[name], "another"):
        with pytest.raises(MalformedCallback, match=f"^The field {name} is repeated.$"):
            parse_fields([*pairs, (name, again)])
    with pytest.raises(MalformedCallback, match=f"^The field {name} is missing.$"):
        parse_fields([(key.upper() if key == name else key, value) for key, value in pairs if key != "x"])


@pytest.mark.parametrize(("name", "value"), WRONG_VALUES, ids=lambda value: ascii(value)[:20])
def test_wrong_values(name: str, value: str) -> None:
    with pytest.raises(MalformedCallback, match=rf"^The field {name} is (malformed|out of range)\.$") as raised:
        parse_fields({**SAMPLE, name: value})
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("value", [None, 1218008129, b"004", Decimal("0.3")])
def test_values_that_are_no_text(value: object) -> None:
    for name in SAMPLE:
        with pytest.raises(MalformedCallback):
            parse_fields({**SAMPLE, name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timestamp", "946684800"),
        ("timestamp", "4102444799"),
        ("cliMsgId", ""),
        ("cliMsgId", "käse 🧀 ٣"),
        ("cliMsgId", "x" * 128),
        ("charge", "0.000000"),
        ("charge", "0.000001"),
        ("charge", "999999999.999999"),
        ("to", "0"),
        ("to", "00279995631564"),
    ],
)
@every_transport
def test_values_at_the_edge(name: str, value: str, transport: str, client: FlaskClient, database: Path) -> None:
    assert send(client, transport, list({**SAMPLE, name: value}.items())).status_code == 200
    row = list(ROW)
    at = list(SAMPLE).index(name)
    row[at] = int(value) if name == "timestamp" else value
    assert stored(database) == [tuple(row)]


# How a callback comes


@every_transport
def test_a_callback_is_stored_once(transport: str, client: FlaskClient, database: Path) -> None:
    for _ in range(3):
        answer = send(client, transport, list(SAMPLE.items()))
        assert (answer.status_code, answer.get_data()) == (200, b"OK\n")
        assert stored(database) == [ROW]
    assert send(client, transport, list({**SAMPLE, "status": "003"}.items())).status_code == 200
    assert [row[6] for row in stored(database)] == ["004", "003"]


@every_transport
def test_other_fields_are_passed_over(transport: str, client: FlaskClient, database: Path) -> None:
    pairs = [("api_id", "3334222"), *SAMPLE.items(), ("extra", "1"), ("extra", "2"), ("STATUS", "xyz")]
    assert send(client, transport, pairs).status_code == 200
    assert stored(database) == [ROW]


@pytest.mark.parametrize("transport", ["get", "post", "text/xml"])
@pytest.mark.parametrize("name", SAMPLE)
def test_malformed_callbacks(transport: str, name: str, client: FlaskClient, database: Path) -> None:
    pairs = list(SAMPLE.items())
    wrong = [[pair for pair in pairs if pair[0] != name], [*pairs, (name, SAMPLE[name])]]
    values = [value for value in WRONG[name] if value != "\ud800"]  # which cannot be encoded
    wrong += [[(key, value if key == name else text) for key, text in pairs] for value in values]
    for sent in wrong:
        answer = send(client, transport, sent)
        assert answer.status_code == 400, sent
        assert answer.mimetype == "text/plain"
        if not (transport == "text/xml" and answer.text == "The XML is not well-formed.\n"):
            assert re.fullmatch(rf"The field {name} is (missing|repeated|malformed|out of range)\.\n", answer.text)
    assert stored(database) == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "&&&=",
        "apiMsgId",
        f"{urlencode(SAMPLE)}&x=%FF",
        urlencode(SAMPLE).replace("abc123", "%E4"),
        urlencode(SAMPLE) + "&x" * 100,
        urlencode(SAMPLE).replace("004", "0%30%00"),
        urlencode(SAMPLE).replace("&", ";"),
    ],
)
def test_malformed_forms(query: str, client: FlaskClient, database: Path) -> None:
    assert client.get(f"/callback?{query}").status_code == 400
    assert client.post("/callback", data=query, content_type=FORM).status_code == 400
    assert client.post(f"/callback?{urlencode(SAMPLE)}", data=query, content_type=FORM).status_code == 400
    assert stored(database) == []


def test_a_post_without_a_readable_byte(client: FlaskClient) -> None:
    raw = urlencode(SAMPLE).replace("abc123", "").encode() + b"\xff"
    assert client.post("/callback", data=raw, content_type=FORM).status_code == 400


PLAIN = document(SAMPLE.items()).decode()
LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))
BODY = PLAIN.partition("?>")[2]
DOCUMENTS = {
    "nothing": b"",
    "not XML": b"apiMsgId=1",
    "cut off": PLAIN[:-1].encode(),
    "two roots": PLAIN.encode() + b"<callback/>",
    "another root": PLAIN.replace("callback>", "answer>").encode(),
    "root in capitals": PLAIN.replace("callback>", "CALLBACK>").encode(),
    "namespace": PLAIN.replace("<callback>", '<callback xmlns="http://example.com/">').encode(),
    "envelope": f"<Envelope>{BODY}</Envelope>".encode(),
    "comment in a field": PLAIN.replace("004", "004<!-- -->").encode(),
    "comment before the value": PLAIN.replace("004", "<!-- -->004").encode(),
    "instruction in a field": PLAIN.replace("004", "004<?x?>5").encode(),
    "element in a field": PLAIN.replace("abc123", "abc123<b>4</b>").encode(),
    "deeper": PLAIN.replace("<callback>", "<callback><x>").replace("</callback>", "</x></callback>").encode(),
    "document type": f"<!DOCTYPE callback>{BODY}".encode(),
    "document type in UTF-16": f"<!DOCTYPE callback>{BODY}".encode("utf-16"),
    "internal subset": f"<!DOCTYPE callback [<!ELEMENT x ANY>]>{BODY}".encode(),
    "external subset": f'<!DOCTYPE callback SYSTEM "http://192.0.2.1/x.dtd">{BODY}'.encode(),
    "entity": f'<!DOCTYPE callback [<!ENTITY s "004">]>{BODY.replace("004", "&s;")}'.encode(),
    "entity in an attribute": f"<!DOCTYPE callback [{LAUGHS}]>".encode()
    + BODY.replace("<to>", "<to x='&e11;'>").encode(),
    "many entities": f"<!DOCTYPE callback [{LAUGHS}]>{BODY.replace('abc123', '&e11;')}".encode(),
    "file": f'<!DOCTYPE callback [<!ENTITY f SYSTEM "file:///etc/hostname">]>{BODY.replace("abc123", "&f;")}'.encode(),
    "undefined entity": PLAIN.replace("abc123", "&f;").encode(),
    "wrong encoding": PLAIN.replace("abc123", "\xe4").encode("latin-1"),
    "unknown encoding": PLAIN.replace("UTF-8", "klingon").encode(),
    "NUL": PLAIN.replace("abc123", "&#0;").encode(),
    "line break by reference": PLAIN.replace("004", "004&#10;").encode(),
    "deep": b"<a>" * 4000,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_malformed_documents(name: str, client: FlaskClient, database: Path) -> None:
    begun = time.monotonic()
    answer = client.post("/callback", data=DOCUMENTS[name], content_type="text/xml")
    assert answer.status_code == 400
    assert re.fullmatch(r"The (XML|root element|field) [\w ,-]+\.\n", answer.text)
    if name.startswith("document type") or name in ("internal subset", "external subset", "entity", "file"):
        assert answer.text == "The XML has a document type declaration.\n"
    assert stored(database) == []
    assert time.monotonic() < begun + 2


@pytest.mark.parametrize(
    "sent",
    [
        (SNIPPETS / "callback.xml").read_bytes(),
        BODY.encode(),
        PLAIN.replace("UTF-8", "utf-16").encode("utf-16"),
        PLAIN.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace("<to>", "<!-- comment --><?x y?><other><to>1</to></other><to>").encode(),
        PLAIN.replace("<to>", '<to type="number">').encode(),
        PLAIN.replace("abc123", "<![CDATA[abc]]>&#49;23").encode(),
    ],
)
def test_documents_that_mean_the_same(sent: bytes, client: FlaskClient, database: Path) -> None:
    assert client.post("/callback", data=sent, content_type="application/xml").status_code == 200
    assert stored(database) == [ROW]


def test_the_sample_document_is_the_documented_one() -> None:
    children: list[object] = [(name, value, []) for name, value in SAMPLE.items()]
    assert structure((SNIPPETS / "callback.xml").read_bytes()) == ("callback", "", children)


class Untouched(io.BytesIO):
    """A body that may not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError(f"{size} bytes of the body are read")


def padded(size: int) -> bytes:
    start = urlencode(SAMPLE) + "&x="
    return (start + "y" * (size - len(start))).encode()


def test_the_size_of_a_callback(client: FlaskClient, database: Path) -> None:
    for size, code in ((MAX_CALLBACK, 200), (MAX_CALLBACK + 1, 413), (MAX_CALLBACK + 2, 413), (10**6, 413)):
        assert client.post("/callback", data=padded(size), content_type=FORM).status_code == code
        assert client.get(f"/callback?{padded(size).decode()}").status_code == code
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        body = io.BytesIO(padded(size))
        answer = client.post("/callback", input_stream=body, content_type=FORM, environ_overrides=chunked)
        assert answer.status_code == code
        spaces = PLAIN.encode() + b" " * (size - len(PLAIN))
        assert client.post("/callback", data=spaces, content_type="text/xml").status_code == code
    assert stored(database) == [ROW]


def test_what_says_that_it_is_too_large_is_not_read(client: FlaskClient) -> None:
    environ = {"CONTENT_LENGTH": str(2 * MAX_CALLBACK), "CONTENT_TYPE": FORM}
    assert client.post("/callback", input_stream=Untouched(), environ_overrides=environ).status_code == 413


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE"])
def test_other_methods(method: str, client: FlaskClient, database: Path) -> None:
    answer = client.open(f"/callback?{urlencode(SAMPLE)}", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")
    assert stored(database) == []


@pytest.mark.parametrize("path", ["/", "/callback/", "/callbacks", "/static/x", "/callback%00", "/Callback"])
def test_other_paths(path: str, client: FlaskClient) -> None:
    assert client.get(f"{path}?{urlencode(SAMPLE)}").status_code == 404


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/soap+xml", "multipart/form-data; boundary=x", "text/plain", "text/x\r\ny", ""],
)
def test_other_content_types(
    content_type: str, client: FlaskClient, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent = urlencode(SAMPLE)
    environ = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(sent))}
    answer = client.post("/callback", input_stream=io.BytesIO(sent.encode()), environ_overrides=environ)
    assert answer.status_code == 415
    assert stored(database) == []
    message = caplog.messages[-1]
    assert ascii(content_type.partition(";")[0]) in message
    assert f"{len(sent)} bytes" in message
    assert not [value for value in SAMPLE.values() if value in caplog.text]


SOAP = f'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>{BODY}</Body></Envelope>'
NOT_COVERED: dict[str, tuple[int, dict[str, Any]]] = {
    "XML by GET": (400, {"method": "GET", "query_string": {"XML": BODY}}),
    "XML in a form": (400, {"method": "POST", "data": {"XML": BODY}}),
    "SOAP 1.1": (400, {"method": "POST", "data": SOAP, "content_type": "text/xml"}),
    "SOAP 1.2": (415, {"method": "POST", "data": SOAP, "content_type": "application/soap+xml"}),
    "JSON": (415, {"method": "POST", "json": SAMPLE}),
}


@pytest.mark.parametrize("name", NOT_COVERED)
def test_transports_that_are_not_covered(
    name: str, client: FlaskClient, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says how such a callback came, as the page promises, and nothing that it holds."""
    code, sent = NOT_COVERED[name]
    answer = client.open("/callback", **sent)
    assert answer.status_code == code
    assert stored(database) == []
    environ = answer.request.environ
    size = len(environ["QUERY_STRING"]) if sent["method"] == "GET" else int(environ["CONTENT_LENGTH"])
    content_type = environ.get("CONTENT_TYPE", "").partition(";")[0]
    assert f"({sent['method']}, content type '{content_type}', {size} bytes)" in caplog.messages[-1]
    assert not [value for value in SAMPLE.values() if value in caplog.text]


def test_the_first_of_two_that_differ_is_kept(client: FlaskClient, database: Path) -> None:
    for charge in ("0.300000", "9.000000"):
        assert send(client, "get", list({**SAMPLE, "charge": charge}.items())).status_code == 200
    assert stored(database) == [ROW]


def test_the_log_quotes_no_value(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for sent in ({**SAMPLE, "status": "99x"}, {**SAMPLE, "charge": "minus"}, SAMPLE):
        for transport in TRANSPORTS:
            send(client, transport, list(sent.items()))
    assert "The field status is malformed." in caplog.text
    assert not [value for value in [*SAMPLE.values(), "99x", "minus", PASSWORD] if value in caplog.text]


# Who may send


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


UNAUTHORIZED = [
    None,
    "",
    "Basic",
    "Basic ",
    "Basic !",
    basic(""),
    basic(":"),
    basic(USER),
    basic(f"{USER}:"),
    basic(f":{PASSWORD}"),
    basic(f"{USER}:{PASSWORD} "),
    basic(f"{USER.upper()}:{PASSWORD}"),
    basic(f"another:{PASSWORD}"),
    basic(f"{USER}:another"),
    basic(f"{USER}:{PASSWORD}:"),
    basic(f"{USER}:{PASSWORD}é".encode("latin-1")),
    f"Bearer {AUTHORIZATION.split()[1]}",
    f'Digest username="{USER}", password="{PASSWORD}"',
    f"{USER}:{PASSWORD}",
]


@pytest.mark.parametrize("header", UNAUTHORIZED)
def test_unauthorized(header: str | None, app: Flask, database: Path) -> None:
    headers = {} if header is None else {"Authorization": header}
    client = app.test_client()
    environ = {"CONTENT_LENGTH": "100", "CONTENT_TYPE": FORM}
    answers = [
        client.get(f"/callback?{urlencode(SAMPLE)}", headers=headers),
        client.post("/callback", input_stream=Untouched(), headers=headers, environ_overrides=environ),
        client.post("/callback", data=padded(MAX_CALLBACK * 2), headers=headers),
        client.put("/callback", headers=headers),
        client.get("/elsewhere", headers=headers),
    ]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="callback", charset="UTF-8"'
        assert PASSWORD not in answer.text
    assert stored(database) == []


@pytest.mark.parametrize(("user", "password"), [("u", "p:q"), ("ü", "pässword ٣"), ("u" * 64, "p" * 64), ("u", ":")])
def test_authorized(user: str, password: str, database: Path) -> None:
    app = create_app(str(database), user, password)
    client = app.test_client()
    for scheme in ("Basic", "basic", "BASIC"):
        header = basic(f"{user}:{password}").replace("Basic", scheme)
        answer = client.get(f"/callback?{urlencode(SAMPLE)}", headers={"Authorization": header})
        assert answer.status_code == 200
    app.extensions["receive_callbacks"].close()


def test_both_parts_are_always_compared(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, known: bytes) -> bool:
        compared.append((given, known))
        return given == known

    monkeypatch.setattr(hmac, "compare_digest", compare)
    for header in UNAUTHORIZED:
        compared.clear()
        app.test_client().get("/callback", headers={} if header is None else {"Authorization": header})
        assert [known for _, known in compared] == [USER.encode(), PASSWORD.encode()]


@pytest.mark.parametrize(("user", "password"), [("", "p"), ("u", ""), ("u:v", "p")])
def test_credentials_that_cannot_be(user: str, password: str, database: Path) -> None:
    with pytest.raises(ValueError, match="may not be empty"):
        create_app(database, user, password)
    assert not database.exists()


# How it is stored


def test_a_callback_whose_answer_is_lost_is_stored(app: Flask, database: Path) -> None:
    """What the page says of an answer that never arrives; the service may send the callback again."""

    def broken(*_: object) -> NoReturn:
        raise ConnectionResetError

    environ = create_environ("/callback", query_string=SAMPLE, headers={"Authorization": AUTHORIZATION})
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            app(environ, broken)
        assert stored(database) == [ROW]


def test_what_is_acknowledged_is_on_disk(app: Flask) -> None:
    connection = app.extensions["receive_callbacks"]._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA busy_timeout").fetchone() == (receive_callbacks.BUSY_SECONDS * 1000,)
    key = [row[1] for row in connection.execute("PRAGMA table_info(delivery_status)") if row[5]]
    assert key == ["api_msg_id", "status"]


def test_an_existing_database_is_kept(app: Flask, client: FlaskClient, database: Path) -> None:
    assert send(client, "get", list(SAMPLE.items())).status_code == 200
    app.extensions["receive_callbacks"].close()
    again = create_app(database, USER, PASSWORD)
    assert stored(database) == [ROW]
    again.extensions["receive_callbacks"].close()


def test_a_database_that_is_locked(
    database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(receive_callbacks, "BUSY_SECONDS", 0.2)
    app = create_app(database, USER, PASSWORD)

    def deliver() -> int:
        return (
            app.test_client()
            .get(f"/callback?{urlencode(SAMPLE)}", headers={"Authorization": AUTHORIZATION})
            .status_code
        )

    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(deliver())) for _ in range(8)]
        begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [503] * 8
        assert time.monotonic() < begun + 1.2  # all wait at once: in turn they would take 1.6 s
        assert "Could not store a callback" in caplog.text
        assert not [value for value in SAMPLE.values() if value in caplog.text]
        other.execute("ROLLBACK")
    assert stored(database) == []
    assert deliver() == 200
    assert stored(database) == [ROW]
    app.extensions["receive_callbacks"].close()


def test_a_database_that_is_full(app: Flask, client: FlaskClient, database: Path) -> None:
    connection = app.extensions["receive_callbacks"]._connection
    connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the number of pages that there are
    acknowledged = []
    for number in range(500):
        answer = send(client, "post", list({**SAMPLE, "apiMsgId": f"{number:032x}"}.items()))
        if answer.status_code == 503:
            break
        assert answer.status_code == 200
        acknowledged.append(f"{number:032x}")
    else:
        raise AssertionError("it never was full")
    assert [row[0] for row in stored(database)] == acknowledged


def test_fuzz(client: FlaskClient, database: Path) -> None:
    """Whatever comes, the answer is one of the documented ones, and what is stored has the documented form."""
    draw = random.Random(7)  # noqa: S311 (sample data)
    query = urlencode({"api_id": "3334222", **SAMPLE}).encode()
    starts = {FORM: query, "text/xml": PLAIN.encode(), "application/json": b"{}"}
    answers = set()
    for _ in range(1500):
        content_type = draw.choice(list(starts))
        text = bytearray(starts[content_type])
        for _ in range(draw.choice([1, 1, 2, 5])):
            at = draw.randrange(len(text) + 1)
            way = draw.randrange(4)
            if way == 0:
                text[at : at + 1] = bytes([draw.randrange(256)])
            elif way == 1:
                del text[at : at + draw.randrange(20)]
            elif way == 2:
                text[at:at] = text[at : at + draw.randrange(40)]
            else:
                text[at:at] = draw.choice([b"%00", b"&", b"=", b"<", b"&#x0;", b"-", "٣".encode(), b"]]>", b"1", b"e5"])
        answer = client.post("/callback", data=bytes(text), content_type=content_type)
        answers.add(answer.status_code)
        if content_type == FORM:
            environ = {"QUERY_STRING": bytes(text).decode("latin-1")}
            assert client.get("/callback", environ_overrides=environ).status_code == answer.status_code
    assert answers == {200, 400, 415}
    rows = stored(database)
    assert len(rows) > 20
    for row in rows:
        assert re.fullmatch(r"[!-~]{1,64}", row[0])
        assert row[1].isprintable() or "\xa0" in row[1]
        assert 946_684_800 <= row[2] < 4_102_444_800
        assert re.fullmatch(r"[0-9]+ [0-9]+ [0-9]+\.[0-9]{6} [0-9]{3}", " ".join(row[3:]))


# The program


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with Receiver(tmp_path) as receiver:
        yield receiver


def test_ready_and_stop(receiver: Receiver) -> None:
    log = receiver.log.read_text()
    assert log == f"Ready on http://127.0.0.1:{receiver.port}/callback. Stop with Ctrl+C.\n"
    for number in (signal.SIGTERM, signal.SIGINT):
        with socket.create_connection(("127.0.0.1", receiver.port)):  # one that stays open does not hold it up
            receiver.process.send_signal(number)
            assert receiver.process.wait(10) == 0
        receiver.start()
    assert receiver.stop() == 0
    assert "Traceback" not in receiver.log.read_text()


def start(home: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RECEIVER), *options],
        cwd=home,
        env=clean_environment(home, **variables),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


VARIABLES = {"CALLBACK_DATABASE": "callbacks.db", "CALLBACK_USER": USER, "CALLBACK_PASSWORD": PASSWORD}


@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("names", [[name] for name in VARIABLES] + [list(VARIABLES), list(VARIABLES)[:2]])
def test_missing_variables(names: list[str], empty: bool, home: Path) -> None:
    variables = {name: value for name, value in VARIABLES.items() if name not in names}
    ended = start(home, **variables, **(dict.fromkeys(names, "") if empty else {}))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.splitlines()[-1].endswith(f"set the environment variables: {', '.join(names)}")
    assert "Traceback" not in ended.stderr
    assert PASSWORD not in ended.stderr
    assert not list(home.iterdir())


@pytest.mark.parametrize(
    ("options", "variables", "code"),
    [
        ([], {"CALLBACK_USER": "user:name"}, 2),
        (["--port", "http"], {}, 2),
        (["--port", "65536"], {}, 1),
        (["--port", "-1"], {}, 1),
        (["--host", "192.0.2.1"], {}, 1),
        ([], {"CALLBACK_DATABASE": "missing/callbacks.db"}, 1),
        ([], {"CALLBACK_DATABASE": "."}, 1),
        ([], {"CALLBACK_DATABASE": "text.db"}, 1),
    ],
)
def test_cannot_start(options: list[str], variables: dict[str, str], code: int, home: Path) -> None:
    (home / "text.db").write_text("this is no database, and long enough to be seen as none" * 20)
    ended = start(home, *options, **{**VARIABLES, **variables})
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "receive_callbacks.py: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert PASSWORD not in ended.stderr


def test_a_port_that_is_taken(receiver: Receiver, home: Path) -> None:
    ended = start(home, "--port", str(receiver.port), **VARIABLES)
    assert ended.returncode == 1
    assert "cannot start" in ended.stderr


@pytest.mark.parametrize("script", ["deliver_get.sh", "deliver_post.sh", "deliver_xml.sh"])
def test_the_scripts_deliver_the_sample(script: str, receiver: Receiver, home: Path) -> None:
    url = f"http://127.0.0.1:{receiver.port}/callback"
    code = (SNIPPETS / script).read_text()
    assert max(map(len, code.splitlines())) < 80
    environment = clean_environment(home, CALLBACK_URL=url, CALLBACK_USER=USER, CALLBACK_PASSWORD=PASSWORD)
    assert run_shell(code, SNIPPETS, environment) == "OK\n"
    assert stored(receiver.database) == [ROW]
    with pytest.raises(AssertionError, match="401"):
        run_shell(code, SNIPPETS, {**environment, "CALLBACK_PASSWORD": "another"})


def test_the_sample_is_read_as_its_page_shows(home: Path) -> None:
    command = [sys.executable, str(SNIPPETS / "delivery_status.py")]
    assert run_process(command, home, clean_environment(home)) == (SNIPPETS / "delivery_status.out").read_text()


def request(receiver: Receiver, body: bytes, *, chunked: bool) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", receiver.port, timeout=10)
    headers = {"Authorization": AUTHORIZATION, "Content-Type": FORM}
    with contextlib.closing(connection):
        sent = iter([body[at : at + 4096] for at in range(0, len(body), 4096)]) if chunked else body
        connection.request("POST", "/callback", sent, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        answer.read()
        connection.request("GET", "/callback", headers=headers)  # the connection is as good as before
        assert connection.getresponse().status == 400
    return answer.status


def test_too_large_over_the_network(receiver: Receiver) -> None:
    for chunked in (False, True):
        assert request(receiver, padded(MAX_CALLBACK), chunked=chunked) == 200
        for size in (MAX_CALLBACK + 1, 5 * MAX_CALLBACK, 10**6):
            assert request(receiver, padded(size), chunked=chunked) == 413
    with contextlib.suppress(OSError):  # far more than that may end in a connection that is closed
        assert request(receiver, padded(3 * 10**6), chunked=False) == 413
    assert stored(receiver.database) == [ROW]
    assert "Traceback" not in receiver.log.read_text()


def test_idle_and_slow_connections_hold_up_nobody(receiver: Receiver) -> None:
    head = f"POST /callback HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: 100\r\n\r\nap"
    with contextlib.ExitStack() as stack:
        for number in range(40):
            idle = stack.enter_context(socket.create_connection(("127.0.0.1", receiver.port), timeout=10))
            if number % 2:
                idle.sendall(head.encode())
        begun = time.monotonic()
        assert request(receiver, urlencode(SAMPLE).encode(), chunked=False) == 200
        assert time.monotonic() < begun + 2


# Nothing acknowledged is lost


def test_the_simulation(tmp_path: Path) -> None:
    lines: list[str] = []
    figures = simulate(tmp_path, callbacks=600, kills=3, report=lines.append)
    assert figures.violations == []
    assert (figures.kills, figures.acknowledged + figures.refused) == (3, 600)
    assert figures.repeated > 20
    assert figures.refused > 10
    assert figures.sent_again > 0
    assert [line for line in lines if "600 answered" in line and "1 kills" in line]
    assert "0 violations" in str(figures)
    # The same check finds a row that is lost, wrong or too many.
    database = tmp_path / "callbacks.db"
    rows = stored(database)
    assert check(database, rows) == []
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("DELETE FROM delivery_status WHERE rowid = (SELECT max(rowid) FROM delivery_status)")
        assert check(database, rows) == [f"lost: {(rows[-1][0], rows[-1][6])}"]
        connection.execute(
            "INSERT INTO delivery_status VALUES (?, ?, ?, ?, ?, '9.000000', ?)", (*rows[-1][:5], rows[-1][6])
        )
        assert [found.partition(":")[0] for found in check(database, rows)] == ["wrong"]
        assert [found.partition(":")[0] for found in check(database, rows[:-1])] == ["not acknowledged"]
        connection.execute("CREATE TABLE copy AS SELECT * FROM delivery_status")
        connection.execute("DROP TABLE delivery_status")
        connection.execute("ALTER TABLE copy RENAME TO delivery_status")
        connection.execute("INSERT INTO delivery_status SELECT * FROM delivery_status LIMIT 1")
        assert check(database, stored(database)[:-1]) == [f"stored 2 times: {(rows[0][0], rows[0][6])}"]


def test_what_is_sent_is_the_same_for_the_same_seed() -> None:
    sent = list(generate(1000, 3))
    assert sent == list(generate(1000, 3))
    assert sent != list(generate(1000, 4))
    assert {(callback.method, callback.headers.get("Content-Type")) for callback in sent if callback.row} == {
        ("GET", None),
        ("POST", FORM),
        ("POST", "text/xml"),
    }
    assert sum(callback.repeated for callback in sent) > 50
    assert sum(callback.row is None for callback in sent) > 25


FAULTS = {
    "acknowledges what it has not committed": (
        "isolation_level=None",
        'isolation_level="DEFERRED"',
        "after kill 1: lost",
    ),
    "stores what is malformed": ("if name in values:", "if name in values and not name:", "answered with 200"),
    "stores a wrong value": ("int(status.timestamp.timestamp())", "int(status.timestamp.timestamp()) + 1", "wrong"),
    "stores what is repeated twice": (", PRIMARY KEY (api_msg_id, status)", "", "stored 2 times"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_simulation_finds_a_faulty_receiver(fault: str, tmp_path: Path) -> None:
    right, wrong, violation = FAULTS[fault]
    program = RECEIVER.read_text()
    assert program.count(right) == 1
    faulty = tmp_path / "receive_callbacks.py"
    faulty.write_text(program.replace(right, wrong))
    figures = simulate(tmp_path, callbacks=300, kills=1, program=faulty)
    assert [found for found in figures.violations if found.startswith(violation)]


def test_the_program_of_the_simulation(home: Path) -> None:
    command = [
        sys.executable,
        str(Path(__file__).parent / "simulate_callbacks.py"),
        "--callbacks",
        "40",
        "--kills",
        "1",
    ]
    environment = clean_environment(home, TMPDIR=str(home))
    assert "1 kills" in run_process(command, home, environment)
    assert not [path for path in home.iterdir() if path.name.startswith("simulate")]
    with pytest.raises(AssertionError, match="exit status 2"):
        run_process([*command, "--connections", "0"], home, environment)
