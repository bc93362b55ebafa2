"""The receiver keeps every callback that it can read, acknowledges what is on disk, and logs what it refuses.

For everyone who runs `receive_callbacks.py`: a callback that is lost may never be sent again.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hmac
import io
import itertools
import json
import logging
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import trustme
from facts import FACTS, SNIPPETS
from flask import Flask
from flask.testing import FlaskClient
from waitress import wasyncore

import receive_callbacks
from receive_callbacks import (
    DeliveryStatus,
    MalformedCallback,
    MessageStatus,
    create_app,
    parse_fields,
    read_statuses,
)

PROGRAM = SNIPPETS / "receive_callbacks.py"
SIMULATOR = Path(__file__).parent / "scheduled" / "simulate_callbacks.py"
SAMPLE = {name: sample for name, (_, sample) in FACTS["callback_fields"].items()}
PAIRS = list(SAMPLE.items())
ID = SAMPLE["apiMsgId"]
QUERY = urlencode(SAMPLE)
XML = "<callback>" + "".join(f"<{name}>{value}</{name}>" for name, value in PAIRS) + "</callback>"
FORM = "application/x-www-form-urlencoded"
USER, PASSWORD = "sampleservice", "samplesecret"
LIMIT = 16 * 1024


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


AUTHORIZATION = basic(f"{USER}:{PASSWORD}")


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


def stored(database: Path) -> list[list[list[str]]]:
    """The fields that another connection finds: only what is committed."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT fields FROM callback ORDER BY id").fetchall()
    return [json.loads(fields) for (fields,) in rows]


def pairs(**changes: str) -> list[list[str]]:
    return [[name, value] for name, value in {**SAMPLE, **changes}.items()]


# Reading a callback


def test_the_sample_in_its_types() -> None:
    for fields in (SAMPLE, reversed(PAIRS), [("api_id", "3334222"), *PAIRS]):
        status = parse_fields(fields)
        assert (status.api_msg_id, status.cli_msg_id) == ("996411ad91fa211e7d17bc873aa4a41d", "abc123")
        assert status.status is MessageStatus.RECEIVED_BY_RECIPIENT
        assert status.timestamp == datetime(2008, 8, 6, 7, 35, 29, tzinfo=UTC)
        assert (status.recipient, status.sender) == ("279995631564", "27833001171")
        assert isinstance(status.charge, Decimal)
        assert str(status.charge) == "0.300000"
        assert (status.problems, status.id, status.received_at) == ((), None, None)
    assert status.fields == (("api_id", "3334222"), *PAIRS)


def test_the_documented_statuses() -> None:
    assert [status.value for status in MessageStatus] == list(FACTS["delivery_statuses"])
    for code in MessageStatus:
        assert parse_fields({**SAMPLE, "status": code.value}).status is code
        assert f"{code} {code!s:>5} {str(code)}" == f"{code.value}   {code.value} {code.value}"


KEPT: list[tuple[str, str, str, object, str]] = [
    # field, value, attribute, what it is read as, what is wrong with the field
    ("from", "Clickatell", "sender", "Clickatell", ""),
    ("from", "Käse & Co", "sender", "Käse & Co", ""),
    ("from", "", "sender", None, "empty"),
    ("from", "two\nlines", "sender", None, "malformed"),
    ("from", "Caf\udce9", "sender", None, "malformed"),
    ("to", "+279995631564", "recipient", "+279995631564", ""),
    ("to", " ", "recipient", None, "empty"),
    ("charge", "0.3", "charge", Decimal("0.3"), ""),
    ("charge", "1", "charge", Decimal(1), ""),
    *(("charge", value, "charge", None, "malformed") for value in ("-0.3", "0,3", "NaN", "1e6", ".3", "٣", "9" * 10)),
    ("charge", "", "charge", None, "empty"),
    ("status", "4", "status", MessageStatus.RECEIVED_BY_RECIPIENT, ""),
    ("status", "\n 04 ", "status", MessageStatus.RECEIVED_BY_RECIPIENT, ""),
    ("status", "013", "status", "013", ""),
    ("status", "13", "status", "013", ""),
    *(("status", value, "status", value, "malformed") for value in ("DELIVRD", "0004", "-04", "00٤", "1e1")),
    ("timestamp", "", "timestamp", None, "empty"),
    *(
        ("timestamp", value, "timestamp", None, "malformed")
        for value in ("0", "-1", "1218008129000", "1.5", "121800812٣")
    ),
    ("timestamp", "9999999999", "timestamp", datetime(2286, 11, 20, 17, 46, 39, tzinfo=UTC), ""),
    ("cliMsgId", "", "cli_msg_id", "", ""),
    ("cliMsgId", "käse 🧀 " + "x" * 300, "cli_msg_id", "käse 🧀 " + "x" * 300, ""),
    ("cliMsgId", "a\0b", "cli_msg_id", None, "malformed"),
    ("apiMsgId", "id with ï", "api_msg_id", "id with ï", ""),
]


@pytest.mark.parametrize(("name", "value", "attribute", "read", "problem"), KEPT, ids=ascii)
def test_an_odd_field_is_kept(
    name: str, value: str, attribute: str, read: object, problem: str, client: FlaskClient, database: Path
) -> None:
    query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
    assert client.get(f"/callback?{query}").status_code == 200
    assert client.post("/callback", data=query, content_type=FORM).status_code == 200
    assert stored(database) == [pairs(**{name: value})]
    status, *others = read_statuses(database)
    assert not others
    assert getattr(status, attribute) == read
    assert type(getattr(status, attribute)) is type(read)
    assert status.problems == ((f"The field {name} is {problem}.",) if problem else ())
    sample = parse_fields(SAMPLE)
    for other in ("api_msg_id", "status", "cli_msg_id", "timestamp", "recipient", "sender", "charge"):
        assert other == attribute or getattr(status, other) == getattr(sample, other)


@pytest.mark.parametrize("name", SAMPLE)
def test_missing_and_repeated_fields(name: str, client: FlaskClient, database: Path) -> None:
    required = name in ("apiMsgId", "status")
    missing = urlencode([pair for pair in PAIRS if pair[0] != name])
    response = client.get(f"/callback?{missing}")
    assert (response.status_code, response.text) == (
        (400, f"The field {name} is missing.\n") if required else (200, "OK\n")
    )
    repeated = [("extra", "1"), *PAIRS, (name, "another"), ("extra", "2")]
    assert client.get(f"/callback?{urlencode(repeated)}").status_code == 200
    assert stored(database)[-1] == [list(pair) for pair in repeated]
    *others, status = read_statuses(database)
    assert [other.problems for other in others] == ([] if required else [(f"The field {name} is missing.",)])
    assert status.problems == (f"The field {name} is repeated.",)
    assert status.api_msg_id == ID


@pytest.mark.parametrize("name", ["apiMsgId", "status"])
@pytest.mark.parametrize(
    ("value", "problem"), [("", "empty"), (" \n", "empty"), ("a\0", "malformed"), ("\udcff", "malformed")]
)
def test_what_cannot_be_read_is_refused(
    name: str, value: str, problem: str, client: FlaskClient, database: Path
) -> None:
    query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
    for response in (client.get(f"/callback?{query}"), client.post("/callback/", data=query, content_type=FORM)):
        assert (response.status_code, response.text) == (400, f"The field {name} is {problem}.\n")
    with pytest.raises(MalformedCallback, match=rf"^The field {name} is {problem}\.$") as raised:
        parse_fields({**SAMPLE, name: value, "charge": "-"})
    assert raised.value.__cause__ is None
    assert stored(database) == []


# How a callback arrives


ARRIVALS: dict[str, tuple[str, str, str]] = {
    "query": (QUERY, "", ""),
    "form": ("", QUERY, FORM),
    "form with a charset": ("", QUERY, f"{FORM}; charset=utf-8"),
    "form without a content type": ("", QUERY, ""),
    "form as text": ("", QUERY, "text/plain"),
    "text/xml": ("", XML, "text/xml"),
    "application/xml": ("", f'<?xml version="1.0" encoding="UTF-8"?>\n{XML}', "application/xml; charset=utf-8"),
    "XML with a byte order mark": ("", f"\ufeff{XML}", "text/xml"),
    "XML in a form's content type": ("", XML, FORM),
    "comments": ("", XML.replace("<to>", "<!-- 1 --><?x y?><to a='1'><!-- 2 -->"), "text/xml"),
    "CDATA": ("", XML.replace("abc123", "<![CDATA[abc]]>&#49;23"), "text/xml"),
    "namespace": ("", XML.replace("<callback>", '<callback xmlns="http://example.com/">'), "text/xml"),
    "capitals": ("", XML.replace("callback>", "CALLBACK>"), "text/xml"),
    "SOAP 1.1": ("", f"<s:Envelope xmlns:s='urn:x'><s:Body>{XML}</s:Body></s:Envelope>", "text/xml"),
    "SOAP 1.2": ("", f"<s:Envelope xmlns:s='urn:x'><s:Body>{XML}</s:Body></s:Envelope>", "application/soap+xml"),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_a_callback_is_stored_once(name: str, client: FlaskClient, database: Path) -> None:
    query, body, content_type = ARRIVALS[name]
    for path in ("/callback", "/callback/"):
        method = "POST" if body else "GET"
        environ = {"CONTENT_TYPE": content_type, "QUERY_STRING": query}
        response = client.open(path, method=method, data=body.encode(), environ_overrides=environ)
        assert (response.status_code, response.text) == (200, "OK\n")
        assert stored(database) == [pairs()]
    assert client.get(f"/callback?{QUERY}").status_code == 200
    assert stored(database) == [pairs()]


def test_a_repeated_callback_is_known_by_all_its_fields(client: FlaskClient, database: Path) -> None:
    changes = [{}, {"timestamp": "1218008130"}, {"charge": "0"}, {"status": "003"}]
    for change in [*changes, *reversed(changes)]:
        assert client.get(f"/callback?{urlencode({**SAMPLE, **change})}").status_code == 200
    assert stored(database) == [pairs(**change) for change in changes]


@pytest.mark.parametrize("name", ["XML", "data"])
def test_xml_inside_a_field(name: str, client: FlaskClient, database: Path) -> None:
    """The sources don't say in which of these ways XML travels."""
    document = f'<?xml version="1.0" encoding="ISO-8859-1"?>{XML.replace("abc123", "käse")}'
    for query, body in ((urlencode({name: document}), ""), ("", urlencode({name: document}))):
        response = client.open(f"/callback?{query}", method="POST" if body else "GET", data=body, content_type=FORM)
        assert response.status_code == 200
    assert stored(database) == [[[name, document], *pairs(cliMsgId="käse")]]


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))
REFUSED: dict[str, tuple[int, bytes, str]] = {
    "nothing": (400, b"", FORM),
    "names in capitals": (400, QUERY.upper().encode(), FORM),
    "semicolons": (400, QUERY.replace("&", ";").encode(), FORM),
    "no XML": (400, QUERY.encode(), "text/xml"),
    "no content": (400, b"", "text/xml"),
    "cut off": (400, XML[:-1].encode(), "text/xml"),
    "two roots": (400, XML.encode() * 2, "text/xml"),
    "another encoding": (400, XML.replace("abc123", "\xe4").encode("latin-1"), "text/xml"),
    "deep": (400, b"<a>" * 4000, "text/xml"),
    "document type": (400, f"<!DOCTYPE callback>{XML}".encode("utf-16"), "text/xml"),
    "external": (400, f'<!DOCTYPE callback SYSTEM "http://192.0.2.1/x.dtd">{XML}'.encode(), "text/xml"),
    "file": (400, f'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]>{XML}'.encode(), "application/xml"),
    "entities": (400, f"<!DOCTYPE a [{LAUGHS}]>".encode() + XML.replace("<to>", "<to x='&e11;'>").encode(), "text/xml"),
    "JSON": (415, json.dumps(SAMPLE).encode(), "application/json"),
    "parts": (
        415,
        b'--x\r\nContent-Disposition: form-data; name="status"\r\n\r\n4\r\n--x--',
        "multipart/form-data; boundary=x",
    ),
    "unknown": (415, b"\x00\xff" * 50, "application/octet-stream"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_content_without_fields_is_refused(
    name: str, client: FlaskClient, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code, body, content_type = REFUSED[name]
    response = client.post("/callback", data=body, content_type=content_type)
    assert response.status_code == code
    assert re.fullmatch(r"(The (XML|field) [\w -]+\. ?)+\n", response.text)
    assert stored(database) == []
    (message,) = caplog.messages
    shown = content_type.partition(";")[0]
    assert (
        message
        == f"HTTP status {code}: POST /callback, {len(body)} bytes, content type {shown}: {response.text.strip()}"
    )


def test_the_size_of_a_callback(client: FlaskClient, database: Path, says: Callable[[str, str], None]) -> None:
    for size, code in ((LIMIT, 200), (LIMIT + 1, 413), (LIMIT + 2, 413), (10**6, 413)):
        padded = f"{QUERY}&x=".ljust(size, "y")
        chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
        stream = io.BytesIO(padded.encode())
        assert client.get(f"/callback?{padded}").status_code == code
        assert client.post("/callback", data=padded, content_type=FORM).status_code == code
        query, _, body = f"{padded}y".partition("&")  # the size without the ampersand
        assert client.post(f"/callback?{query}", data=body, content_type=FORM).status_code == code
        assert (
            client.post("/callback", input_stream=stream, content_type=FORM, environ_overrides=chunked).status_code
            == code
        )
        assert client.post("/callback", data=XML.ljust(size), content_type="text/xml").status_code == code
    assert len(stored(database)) == 3
    for page in ("guides/receive-status.md", "reference/receiver.md"):
        says(page, f"{receive_callbacks.MAX_CALLBACK // 1024} KiB")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        *((method, f"/callback?{QUERY}", 405) for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "X" * 90)),
        *(("GET", f"{path}?{QUERY}", 404) for path in ("/", "/callbacks", "/callback/x", "/callback%00", "/Callback")),
        ("GET", f"/callback&{QUERY}", 404),
        ("POST", f"/callback%3F{QUERY}", 404),
        ("GET", "/" + "x" * 5000, 404),
        ("GET", "/line%0Abreak", 404),
    ],
)
def test_other_requests_are_refused_and_logged(
    method: str, path: str, code: int, client: FlaskClient, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    response = client.open(path, method=method, data=b"12345")
    assert response.status_code == code
    assert response.headers.get("Allow") == ("GET, HEAD, POST" if code == 405 else None)
    assert stored(database) == []
    (message,) = caplog.messages
    before, _, after = message.partition(" /")
    assert before == f"HTTP status {code}: " + (method if len(method) < 60 else "X" * 60 + "...")
    size = 5 + len(path.partition("?")[2])
    assert re.match(rf"[\w.~/+-]{{0,59}}(\.\.\.)?, {size} bytes, content type none: [A-Z][\w ]+$", after)
    assert not [value for value in SAMPLE.values() if len(value) > 3 and value in message]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/callback"), ("GET", "/callback/"), ("HEAD", f"/callback?{QUERY}")]
)
def test_a_validation_of_the_url_is_answered_and_logged(
    method: str, path: str, client: FlaskClient, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert client.open(path, method=method).status_code == 200
    assert stored(database) == []
    assert [message.partition(",")[0] for message in caplog.messages] == [
        f"HTTP status 200: {method} {path.partition('?')[0]}"
    ]


# Who may send


UNAUTHORIZED = [
    *(None, "", "Basic", "Basic ", "Basic !", "Basic ï", "Basic \xff\xfe", "B\xe4sic x", f"Bearer {AUTHORIZATION[6:]}"),
    *map(
        basic,
        ("", ":", USER, f"{USER}:", f":{PASSWORD}", f"{USER}:{PASSWORD} ", f"{USER}:{PASSWORD}:", f"x:{PASSWORD}"),
    ),
    *(basic(f"{USER.upper()}:{PASSWORD}"), basic(f"{USER}:{PASSWORD}é".encode("latin-1")), AUTHORIZATION + "ï"),
    f'Digest username="{USER}", password="{PASSWORD}"',
]


class Untouched(io.BytesIO):
    """A body that must not be read."""

    def read(self, size: int | None = -1, /) -> bytes:
        raise AssertionError(f"{size} bytes of the body are read")


@pytest.mark.parametrize("header", UNAUTHORIZED, ids=ascii)
def test_unauthorized(
    header: str | None, app: Flask, database: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compared: list[bytes] = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda given, known: bool(compared.append(known)) or compare(given, known)
    )
    client = app.test_client()
    environ: dict[str, Any] = {} if header is None else {"HTTP_AUTHORIZATION": header}
    for method, path in (("GET", f"/callback?{QUERY}"), ("POST", "/callback"), ("HEAD", "/callback"), ("PUT", "/x")):
        compared.clear()
        environ |= {"CONTENT_LENGTH": "90", "wsgi.input": Untouched()}
        response = client.open(path, method=method, environ_overrides=environ)
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Basic realm="callback", charset="UTF-8"'
        assert compared == [USER.encode(), PASSWORD.encode()]  # both, whatever arrived
    assert stored(database) == []
    assert len(caplog.messages) == 4
    assert not re.search(rf"{USER}|{PASSWORD}|[^ -~]|c2Ft", caplog.text.replace("\n", ""), re.IGNORECASE)


@pytest.mark.parametrize(("user", "password"), [("u", "p:q"), ("ü", "pässword ٣"), ("Юзер", "пароль"), ("u" * 64, ":")])
def test_authorized(user: str, password: str, database: Path) -> None:
    app = create_app(str(database), user, password)
    for header in (basic(f"{user}:{password}"), "BASIC  " + basic(f"{user}:{password}")[6:]):
        assert app.test_client().get(f"/callback?{QUERY}", headers={"Authorization": header}).status_code == 200
    app.extensions["receive_callbacks"].close()


@pytest.mark.parametrize(("user", "password"), [("", "p"), ("u", ""), ("u:v", "p")])
def test_credentials_that_cannot_be(user: str, password: str, database: Path) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        create_app(database, user, password)
    assert not database.exists()


# The log


def test_the_log_has_a_bounded_rate(client: FlaskClient, app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    lines = receive_callbacks.LOG_LINES
    for _ in range(lines + 7):
        assert client.get("/elsewhere").status_code == 404
    assert len(caplog.messages) == lines
    assert client.get("/callback?x=1").status_code == 400  # another HTTP status has lines of its own
    assert len(caplog.messages) == lines + 1
    app.extensions["receive_callbacks"].log.end_period()
    assert caplog.messages[lines + 1 :] == ["HTTP status 404: 7 more lines left out"]
    assert client.get("/elsewhere").status_code == 404
    assert len(caplog.messages) == lines + 3


def test_the_log_says_by_itself_how_many_lines_it_left_out(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = threading.Event()
    for name, value in (("LOG_SECONDS", 0.01), ("LOG_LINES", 0)):
        monkeypatch.setattr(receive_callbacks, name, value)
    monkeypatch.setattr(receive_callbacks._LOG, "warning", lambda *_: said.set())
    client.get("/elsewhere")
    assert said.wait(30)


# What is acknowledged is on disk


def test_settings_of_the_database(app: Flask) -> None:
    connection = app.extensions["receive_callbacks"]._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: a commit waits for the disk


def lose(way: str, database: Path) -> None:
    """Do to the files what an operator might do while the receiver runs."""
    target, wal = database.resolve(), Path(f"{database.resolve()}-wal")
    if way == "replaced":
        shutil.copy(database, other := database.with_name("other.db"))
        other.replace(database)
    elif way == "link to another file":
        database.unlink()
        database.symlink_to(shutil.copy(target, target.with_name("other.db")))
    elif way == "renamed":
        database.rename(database.with_name("old.db"))
    else:
        {"removed": target, "wal removed": wal, "shm removed": Path(f"{target}-shm")}[way].unlink()


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize(
    "way", ["removed", "renamed", "replaced", "link to another file", "wal removed", "shm removed"]
)
def test_a_lost_database_file(way: str, linked: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database = tmp_path / "callbacks.db"
    if linked or way.startswith("link"):
        (tmp_path / "volume").mkdir()
        database.symlink_to(tmp_path / "volume" / "real.db")
    app = create_app(database, USER, PASSWORD)
    client, headers = app.test_client(), {"Authorization": AUTHORIZATION}
    assert client.get(f"/callback?{QUERY}", headers=headers).status_code == 200
    lose(way, database)
    for status in ("003", "004"):  # stored or a repeated one: nothing is acknowledged
        assert client.get(f"/callback?{urlencode({**SAMPLE, 'status': status})}", headers=headers).status_code == 503
    assert len(caplog.messages) == 2
    assert caplog.messages[0].endswith("the database file was moved or replaced: put it back, or restart the receiver")
    if way == "renamed":
        shutil.copy(tmp_path / "old.db", tmp_path / "copy.db")  # without the -wal file, as if only that was kept
        assert [["status", "004"] in fields for fields in stored(tmp_path / "copy.db")][0]
        (tmp_path / "old.db").rename(database)
        assert client.get(f"/callback?{QUERY}&x=1", headers=headers).status_code == 200
        assert len(stored(database)) == 3
    app.extensions["receive_callbacks"].close()


def test_a_full_disk(app: Flask, client: FlaskClient, database: Path) -> None:
    app.extensions["receive_callbacks"]._connection.execute("PRAGMA max_page_count = 1")  # as many as there are
    codes = [client.get(f"/callback?{QUERY}&x={number}").status_code for number in range(200)]
    assert set(codes) == {200, 503}
    assert [fields[-1][1] for fields in stored(database)] == [str(n) for n, code in enumerate(codes) if code == 200]


def test_several_receivers_open_a_new_database_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(8)

    def open_it(number: int) -> None:
        database = tmp_path / f"{number // 8}.db"
        together.wait(60)
        app = create_app(database, USER, PASSWORD)
        together.wait(60)  # nobody closes it while another one opens it
        app.extensions["receive_callbacks"].close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(open_it, range(8 * 20))) == [None] * 160


def test_the_stored_statuses(app: Flask, client: FlaskClient, database: Path) -> None:
    for number in range(603):
        assert client.get(f"/callback?{QUERY}&x={number % 600}").status_code == 200
    statuses = read_statuses(database)
    first = next(statuses)
    assert isinstance(first, DeliveryStatus)
    assert (first.id, first.fields) == (1, (*PAIRS, ("x", "0")))
    assert first.received_at
    assert first.received_at.tzinfo is UTC
    assert client.get(f"/callback?{QUERY}&x=last").status_code == 200  # while somebody reads
    rest = list(statuses)
    assert [status.fields[-1][1] for status in rest] == [*map(str, range(1, 600)), "last"]
    assert [status.fields[-1][1] for status in read_statuses(str(database), after=rest[-2].id or 0)] == ["last"]
    app.extensions["receive_callbacks"].close()
    assert len(list(read_statuses(database))) == 601  # without the receiver, too
    with pytest.raises(sqlite3.OperationalError):
        next(read_statuses(database.with_name("missing.db")))
    assert sorted(path.name for path in database.parent.iterdir()) == ["callbacks.db"]


def test_fuzz(client: FlaskClient, database: Path) -> None:
    """Whatever arrives, the response is a documented one, and what gets HTTP status 200 is stored and can be read."""
    draw = random.Random(7)  # noqa: S311 (sample data)
    codes = []
    for number in range(1500):
        content_type, start = draw.choice([(FORM, QUERY.encode()), ("text/xml", XML.encode()), ("", XML.encode())])
        text = bytearray(start)
        for _ in range(draw.choice([1, 1, 2, 5])):
            at = draw.randrange(len(text) + 1)
            piece = draw.choice(
                [b"%00", b"%ff", b"&", b"=", b"<", b"&#x0;", "٣".encode(), b"]]>", b"\xff", b"<a>", bytes(text)]
            )
            text[at : at + draw.choice([0, 0, 1, 20])] = piece[: draw.randrange(1, 80)]
        text += f"&n={number}".encode() if content_type == FORM else f"<!--{number}-->".encode()
        codes.append(client.post("/callback", data=bytes(text), content_type=content_type).status_code)
    assert set(codes) == {200, 400, 415}
    assert len(list(read_statuses(database))) > codes.count(200) / 3  # XML that means the same is stored once
    assert len({str(fields) for fields in stored(database) if fields[-1][0] == "n"}) > 100


# The server


@contextlib.contextmanager
def serving(app: Flask) -> Iterator[tuple[int, Any]]:
    """Run the receiver's own server in a thread: its port, and the server."""
    listener = socket.create_server(("127.0.0.1", 0))
    server: Any = receive_callbacks._server(app, listener)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield listener.getsockname()[1], server
    server.task_dispatcher.shutdown()
    server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
    thread.join()


def exchange(port: int, request: bytes, **options: Any) -> int:  # noqa: ANN401 (of create_connection)
    """Send a request as it is; return the HTTP status of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=60, **options) as connection:
        with contextlib.suppress(OSError):  # the server may close before it has read everything
            connection.sendall(request)
        return int(connection.makefile("rb").readline().split()[1])


HEAD = f"Host: x\r\nAuthorization: {AUTHORIZATION}\r\n".encode()
GET = b"GET /callback?" + QUERY.encode() + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
HALF = b"POST /callback HTTP/1.1\r\n" + HEAD + b"Content-Length: 500\r\n\r\napiMsgId="


@pytest.mark.parametrize(
    ("request_", "code", "line"),
    [
        (GET, 200, ""),
        (GET.replace(b"/callback?", b"/callback/?"), 200, ""),
        (GET.replace(b"/callback?", b"/x//callback?"), 404, "GET /x//callback, 138 bytes"),
        (GET.replace(b"Basic ", b"Basic \xff"), 401, "GET /callback, 138 bytes"),
        (GET.replace(b"GET", b"HEAD"), 200, "HEAD /callback, 138 bytes"),
        (GET.replace(b"Host", b"Ho st"), 400, "GET /callback..., 0 bytes"),
        (b"nonsense\r\n\r\n", 400, "nonsense none, 0 bytes"),
        (GET.replace(b"Host", b"Transfer-Encoding: x\r\nHost"), 501, "GET /callback..., 0 bytes"),
        (HALF.replace(b"500", b"5000000"), 413, "POST /callback, 5000000 bytes"),
        (HALF.replace(b"500", b"50000") + b"x" * 50000, 413, "POST /callback, 50000 bytes"),
        (HALF.replace(b"Content-Length: 500", b"Transfer-Encoding: chunked") + b"\r\n", 400, "POST /callback, 11 bytes"),
        (HALF[:-13] + b"X: " + b"x" * 300_000, 431, "GET /, 0 bytes"),
    ],
)  # fmt: skip
def test_every_refusal_of_the_server_is_logged(
    request_: bytes, code: int, line: str, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "receive_callbacks")
    with serving(app) as (port, _):
        assert exchange(port, request_) == code
    messages = [record.getMessage() for record in caplog.records if record.name == "receive_callbacks"]
    assert [message.partition(", content")[0] for message in messages] == [f"HTTP status {code}: {line}"] * bool(line)


def test_a_locked_database(database: Path, monkeypatch: pytest.MonkeyPatch, says: Callable[[str, str], None]) -> None:
    """Of 40 callbacks at once, the first ones wait for the database. The others don't add their time to that."""
    says("guides/receive-status.md", f"{receive_callbacks.BUSY_SECONDS} seconds")
    monkeypatch.setattr(receive_callbacks, "BUSY_SECONDS", 1)
    app = create_app(database, USER, PASSWORD)
    statements: list[str] = []
    app.extensions["receive_callbacks"]._connection.set_trace_callback(statements.append)
    with serving(app) as (port, _), ThreadPoolExecutor(40) as pool:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert list(pool.map(exchange, [port] * 40, [GET] * 40)) == [503] * 40
            waits = [int(found[1]) for text in statements if (found := re.match(r"PRAGMA busy_timeout = (\d+)", text))]
            assert len([wait for wait in waits if wait > 20]) == 1
            other.execute("ROLLBACK")
        assert stored(database) == []
        assert list(pool.map(exchange, [port] * 40, [GET] * 40)) == [200] * 40
        assert exchange(port, GET) == 200
    assert "PRAGMA busy_timeout = 1000" in statements[-2] or statements[-2] > "PRAGMA busy_timeout = 9"
    app.extensions["receive_callbacks"].close()


def test_half_open_connections(app: Flask, monkeypatch: pytest.MonkeyPatch, says: Callable[[str, str], None]) -> None:
    says("guides/receive-status.md", f"{receive_callbacks.IDLE_SECONDS} seconds")
    monkeypatch.setattr(receive_callbacks, "IDLE_SECONDS", 1)
    with serving(app) as (port, _), contextlib.ExitStack() as stack:
        for number in range(240):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connection.sendall(HALF[: number % len(HALF)])
        assert exchange(port, GET) == 200


# The program


VARIABLES = {"CALLBACK_DATABASE": "callbacks.db", "CALLBACK_USER": USER, "CALLBACK_PASSWORD": PASSWORD}


def run(folder: Path, *options: str, code: str = "", **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, *(["-c", code] if code else [str(PROGRAM)]), *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLBACK_")} | variables
    environment |= {"PYTHONIOENCODING": "utf-8"}
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_and_stop(number: signal.Signals, tmp_path: Path) -> None:
    with run(tmp_path, "--port", "0", **VARIABLES) as process:
        assert process.stdout
        ready = re.fullmatch(
            r"Ready on http://127\.0\.0\.1:(\d+)/callback\. Stop with Ctrl\+C\.\n", process.stdout.readline()
        )
        assert ready
        port = int(ready[1])
        assert exchange(port, GET) == 200
        assert exchange(port, GET.replace(b"Basic", b"Basic x")) == 401
        with socket.create_connection(("127.0.0.1", port)) as idle:  # it doesn't keep the receiver from stopping
            idle.sendall(HALF)
            process.send_signal(number)
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    line = f"WARNING receive_callbacks: HTTP status 401: GET /callback, {len(QUERY)} bytes, content type none: "
    assert re.fullmatch(rf"[\d :,-]+ {line}The user name or the password is wrong\.\n", errors)
    assert [path.name for path in tmp_path.iterdir()] == ["callbacks.db"]
    assert stored(tmp_path / "callbacks.db") == [pairs()]


@pytest.mark.parametrize(
    ("options", "variables", "code", "message"),
    [
        *(("", {name: ""}, 2, f"set the environment variables: {name}") for name in VARIABLES),
        ("", dict.fromkeys(VARIABLES, ""), 2, f"set the environment variables: {', '.join(VARIABLES)}"),
        ("", {"CALLBACK_USER": "a:b"}, 2, "must not contain a colon"),
        ("--port http", {}, 2, "invalid int value: 'http'"),
        *(
            (option, {}, 1, "can't start: ")
            for option in ("--port 65536", "--port -1", "--host 192.0.2.1", "--port {taken}")
        ),
        *(("", {"CALLBACK_DATABASE": path}, 1, "can't start: ") for path in ("missing/callbacks.db", ".", "text.db")),
    ],
)
def test_cannot_start(options: str, variables: dict[str, str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This isn't a database. " * 50, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = options.format(taken=taken.getsockname()[1])
        with run(tmp_path, *options.split(), **VARIABLES | variables) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "")
    assert message in errors.splitlines()[-1]
    assert PASSWORD not in errors
    assert "Traceback" not in errors


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 8))
    code = f"import sys; sys.version_info = (3, 8, 18); sys.path.insert(0, {str(PROGRAM.parent)!r}); import receive_callbacks"
    with run(tmp_path, code=code) as process:
        _, errors = process.communicate(timeout=60)
    assert errors.splitlines()[-1].startswith("ImportError: receive_callbacks.py needs Python 3.9 or newer")


# Nothing acknowledged is lost: tests/scheduled/simulate_callbacks.py at a small size, and what it finds

FAULTS = {
    "": ("", "", "0 violations"),
    "acknowledges what isn't committed": ("isolation_level=None", 'isolation_level="DEFERRED"', "lost"),
    "acknowledges what can't be read": ("_plain(400 if known", "_plain(200 if known", "HTTP status 200"),
    "refuses what is odd": ("or code is None:", "or code is None or problems:", "HTTP status 400"),
    "stores a repeated callback twice": (", UNIQUE (api_msg_id, fields)", "", "stored 2 times"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_simulation(fault: str, tmp_path: Path) -> None:
    right, wrong, expected = FAULTS[fault]
    source = PROGRAM.read_text(encoding="utf-8")
    assert not right or source.count(right) == 1
    (tmp_path / "receiver.py").write_text(source.replace(right, wrong) if right else source, encoding="utf-8")
    callbacks, kills = ("150", "1") if fault else ("400", "3")
    options = ["--callbacks", callbacks, "--kills", kills, "--program", str(tmp_path / "receiver.py")]
    ended = subprocess.run(
        [sys.executable, str(SIMULATOR), *options], capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    assert ended.returncode == (1 if fault else 0), ended.stderr
    assert re.search(rf"^(after kill 1: )?{expected}", ended.stderr if fault else ended.stdout, re.MULTILINE)
    assert f"{callbacks} of {callbacks} callbacks, {kills} kills" in ended.stdout
