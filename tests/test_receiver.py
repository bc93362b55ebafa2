"""The receiver keeps every callback that it can read, acknowledges what is on disk, and logs what it refuses.

For everyone who runs `receive_callbacks.py`: a callback that is lost may never be sent again.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import hmac
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from waitress import wasyncore

import receive_callbacks as program
from facts import FACTS, SNIPPETS
from receive_callbacks import MalformedCallback, MessageStatus, create_app, parse_fields, read_statuses

PROGRAM = SNIPPETS / "receive_callbacks.py"
SIMULATOR = Path(__file__).parent / "scheduled" / "simulate_callbacks.py"
SAMPLE: dict[str, str] = {name: sample for name, (_, sample) in FACTS["callback_fields"].items()}
PAIRS = list(SAMPLE.items())
ATTRIBUTES = {"cliMsgId": "cli_msg_id", "timestamp": "timestamp", "to": "recipient", "from": "sender"}
ATTRIBUTES |= {"apiMsgId": "api_msg_id", "charge": "charge", "status": "status"}
QUERY = urlencode(SAMPLE)
XML = "<callback>" + "".join(f"<{name}>{value}</{name}>" for name, value in PAIRS) + "</callback>"
FORM = "application/x-www-form-urlencoded"
USER, PASSWORD = "sampleservice", "samplesecret"
Says = Callable[[str, str], None]


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


AUTHORIZATION = basic(f"{USER}:{PASSWORD}")
HEAD = f"Host: x\r\nAuthorization: {AUTHORIZATION}\r\n".encode()
GET = b"GET /callback?" + QUERY.encode() + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
HALF = b"POST /callback HTTP/1.1\r\n" + HEAD + b"Content-Length: 500\r\n\r\napiMsgId="
CHUNKED = b"POST /callback HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def stored(database: Path) -> list[list[list[str]]]:
    """The fields that another connection finds: only what is committed."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT fields FROM callback ORDER BY id").fetchall()
    return [json.loads(fields) for (fields,) in rows]


def pairs(**changes: str) -> list[list[str]]:
    return [[name, value] for name, value in {**SAMPLE, **changes}.items()]


class Receiver:
    """The application in this process, its database, and its log."""

    def __init__(self, database: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "receive_callbacks")
        self.database, self._caplog = database, caplog
        self.app = create_app(database, USER, PASSWORD)
        self.app.testing = True  # an exception in the application is one in the test
        self.store = self.app.extensions["receive_callbacks"]

    def send(self, query: str, body: str | bytes = "", type_: str = FORM, **options: Any) -> tuple[int, str]:
        """Send a callback; return the HTTP status and the text of the response."""
        environ = {"CONTENT_TYPE": type_, "HTTP_AUTHORIZATION": AUTHORIZATION, **options.pop("environ", {})}
        options = {"method": "POST" if body else "GET", "path": "/callback", "data": body, **options}
        path = options.pop("path") + (f"?{query}" if query else "")
        response = self.app.test_client().open(path, environ_overrides=environ, **options)
        return response.status_code, response.text.strip()

    def stored(self) -> list[list[list[str]]]:
        return stored(self.database)

    def log(self) -> list[str]:
        return [entry.getMessage() for entry in self._caplog.records if entry.name == "receive_callbacks"]


@pytest.fixture
def receiver(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path / "callbacks.db", caplog)
    yield receiver
    receiver.store.close()


# Reading a callback


def test_the_sample_in_its_types() -> None:
    for fields in (SAMPLE, reversed(PAIRS), [("api_id", "3334222"), *PAIRS]):
        status = parse_fields(fields)
        assert (status.api_msg_id, status.cli_msg_id) == ("996411ad91fa211e7d17bc873aa4a41d", "abc123")
        assert (status.recipient, status.sender) == ("279995631564", "27833001171")
        assert status.timestamp == datetime(2008, 8, 6, 7, 35, 29, tzinfo=UTC)
        assert (str(status.charge), type(status.charge)) == ("0.300000", Decimal)
        assert status.status is MessageStatus.RECEIVED_BY_RECIPIENT
        assert (status.problems, status.id, status.received_at) == ((), 0, None)
    assert status.fields == (("api_id", "3334222"), *PAIRS)
    assert [code.value for code in MessageStatus] == list(FACTS["delivery_statuses"])
    assert [f"{code} {code!s}" for code in MessageStatus] == [f"{code} {code}" for code in FACTS["delivery_statuses"]]


READ: list[tuple[str, str, object]] = [  # a field, its value, and what the attribute becomes
    *(("from", value, value) for value in ("Clickatell", "Käse & Co", "+27 83")),
    *(("charge", value, Decimal(value)) for value in ("0.3", "1", "0", "999999999.999999999")),
    *(("status", value, MessageStatus.RECEIVED_BY_RECIPIENT) for value in ("4", "04", "\n 004 ")),
    *(("status", value, "013") for value in ("013", "13")),
    ("timestamp", "9999999999", datetime(2286, 11, 20, 17, 46, 39, tzinfo=UTC)),
    *(("cliMsgId", value, value) for value in ("", "käse 🧀 ٣", "x" * 300)),
    ("apiMsgId", "id with ï", "id with ï"),
]
ODD = {  # what is wrong with a field, and values
    "from": {"empty": ["", " "], "malformed": ["two\nlines", "Caf\udce9", "a\x7f"]},
    "to": {"empty": [""], "malformed": ["a\0"]},
    "charge": {"empty": [""], "malformed": ["-0.3", "0,3", "NaN", "1e6", ".3", "٣", "9" * 10]},
    "status": {"malformed": ["DELIVRD", "0004", "-04", "00٤", "1e1"]},
    "timestamp": {"empty": [""], "malformed": ["0", "-1", "1218008129000", "1.5", "121800812٣"]},
    "cliMsgId": {"malformed": ["a\0b"]},
}
ODD_VALUES = [(name, text, problem) for name, found in ODD.items() for problem in found for text in found[problem]]


@pytest.mark.parametrize(("name", "value", "read", "problem"), [
    *((name, value, read, "") for name, value, read in READ),
    *((name, value, value if name == "status" else None, problem) for name, value, problem in ODD_VALUES),
], ids=ascii)  # fmt: skip
def test_an_odd_field_is_kept(name: str, value: str, read: object, problem: str, receiver: Receiver) -> None:
    query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
    assert receiver.send(query) == receiver.send("", query) == (200, "OK")
    assert receiver.stored() == [pairs(**{name: value})]
    (status,) = read_statuses(receiver.database)
    found = getattr(status, ATTRIBUTES[name])
    assert (found, type(found)) == (read, type(read))
    assert status.problems == ((f"The field {name} is {problem}.",) if problem else ())
    others = [ATTRIBUTES[other] for other in SAMPLE if other != name]
    assert [getattr(status, other) for other in others] == [getattr(parse_fields(SAMPLE), other) for other in others]


@pytest.mark.parametrize("name", SAMPLE)
def test_missing_and_repeated_fields(name: str, receiver: Receiver) -> None:
    missing = f"The field {name} is missing."
    required = name in ("apiMsgId", "status")
    response = receiver.send(urlencode([pair for pair in PAIRS if pair[0] != name]))
    assert response == ((400, missing) if required else (200, "OK"))
    repeated = [("extra", "1"), *PAIRS, (name, "another"), ("extra", "2")]
    assert receiver.send(urlencode(repeated)) == (200, "OK")
    assert receiver.stored()[-1] == [list(pair) for pair in repeated]
    *others, status = read_statuses(receiver.database)
    assert [other.problems for other in others] == ([] if required else [(missing,)])
    assert status.problems == (f"The field {name} is repeated.",)
    assert status.api_msg_id == SAMPLE["apiMsgId"]


@pytest.mark.parametrize("name", ["apiMsgId", "status"])
@pytest.mark.parametrize(
    ("value", "problem"), [("", "empty"), (" \n", "empty"), ("a\0", "malformed"), ("\udcff", "malformed")]
)
def test_what_cannot_be_read_is_refused(name: str, value: str, problem: str, receiver: Receiver) -> None:
    query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
    assert receiver.send(query) == receiver.send("", query) == (400, f"The field {name} is {problem}.")
    with pytest.raises(MalformedCallback, match=rf"^The field {name} is {problem}\.$") as raised:
        parse_fields({**SAMPLE, name: value, "charge": "-"})
    assert raised.value.__cause__ is None
    assert receiver.stored() == []


# How a callback arrives

SOAP = f"<s:Envelope xmlns:s='urn:x'><s:Body>{XML}</s:Body></s:Envelope>"
ARRIVALS = {
    "form": (QUERY, FORM),
    "form with a charset": (QUERY, f"{FORM}; charset=utf-8"),
    "form without a content type": (QUERY, ""),
    "form as text": (QUERY, "text/plain"),
    "text/xml": (XML, "text/xml"),
    "application/xml": (f'<?xml version="1.0" encoding="UTF-8"?>\n{XML}', "application/xml; charset=utf-8"),
    "XML with a byte order mark": (f"\ufeff{XML}", "text/xml"),
    "XML with the content type of a form": (XML, FORM),
    "comments": (XML.replace("<to>", "<!-- 1 --><?x y?><to a='1'><!-- 2 -->"), "text/xml"),
    "CDATA": (XML.replace("abc123", "<![CDATA[abc]]>&#49;23"), "text/xml"),
    "namespace": (XML.replace("<callback>", '<callback xmlns="http://example.com/">'), "text/xml"),
    "capitals": (XML.replace("callback>", "CALLBACK>"), "text/xml"),
    "SOAP 1.1": (SOAP, "text/xml"),
    "SOAP 1.2": (SOAP, "application/soap+xml"),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_a_callback_is_stored_once(name: str, receiver: Receiver) -> None:
    for path in ("/callback", "/callback/"):
        assert receiver.send("", *ARRIVALS[name], path=path) == receiver.send(QUERY, path=path) == (200, "OK")
        assert receiver.stored() == [pairs()]
    assert receiver.log() == []


def test_a_repeated_callback_has_the_same_fields(receiver: Receiver) -> None:
    changes: list[dict[str, str]] = [{}, {"timestamp": "1218008130"}, {"charge": "0"}, {"status": "003"}]
    for change in [*changes, *reversed(changes)]:
        assert receiver.send(urlencode({**SAMPLE, **change})) == (200, "OK")
    assert receiver.stored() == [pairs(**change) for change in changes]


def test_bytes_that_are_not_utf8_are_kept(receiver: Receiver) -> None:
    body = QUERY.replace(SAMPLE["from"], "Caf\udce9").encode(errors="surrogateescape")
    assert receiver.send("", body) == (200, "OK")
    assert receiver.stored() == [pairs(**{"from": "Caf\udce9"})]


@pytest.mark.parametrize("name", ["XML", "data"])
def test_xml_inside_a_field(name: str, receiver: Receiver) -> None:
    """The sources don't say in which of these ways XML travels."""
    document = f'<?xml version="1.0" encoding="ISO-8859-1"?>{XML.replace("abc123", "käse")}'
    form = urlencode({name: document})
    assert receiver.send(form) == receiver.send("", form) == (200, "OK")
    assert receiver.stored() == [[[name, document], *pairs(cliMsgId="käse")]]
    assert receiver.send("", "<a>x" * 200 + XML + "</a>" * 200, "text/xml") == (200, "OK")
    assert receiver.stored()[1:] == [[["a", "x"]] * 200 + pairs()]  # nested text isn't multiplied


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))
REFUSED: dict[str, tuple[int, str, str | bytes]] = {
    "names in capitals": (400, FORM, QUERY.upper()),
    "semicolons": (400, FORM, QUERY.replace("&", ";")),
    "no XML": (400, "text/xml", QUERY),
    "cut off": (400, "text/xml", XML[:-1]),
    "two roots": (400, "text/xml", XML * 2),
    "another encoding": (400, "text/xml", XML.replace("abc123", "\xe4").encode("latin-1")),
    "deep": (400, "text/xml", "<a>" * 4000),
    "document type": (400, "text/xml", f"<!DOCTYPE callback>{XML}".encode("utf-16")),
    "external": (400, "text/xml", f'<!DOCTYPE callback SYSTEM "http://192.0.2.1/x.dtd">{XML}'),
    "file": (400, "application/xml", f'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/hostname">]>{XML}'),
    "entities": (400, "text/xml", f"<!DOCTYPE a [{LAUGHS}]>" + XML.replace("<to>", "<to x='&e11;'>")),
    "JSON": (415, "application/json", json.dumps(SAMPLE)),
    "parts": (415, "multipart/form-data", '--x\r\nContent-Disposition: form-data; name="status"\r\n\r\n4\r\n--x--'),
    "unknown": (415, "application/octet-stream", b"\x00\xff" * 50),
}
UNLOADED = ("document type", "external", "file")  # nothing is loaded, so nothing else can be wrong


@pytest.mark.parametrize("name", REFUSED)
def test_content_without_fields_is_refused(name: str, receiver: Receiver) -> None:
    code, content_type, body = REFUSED[name]
    status, text = receiver.send("", body, content_type)
    assert status == code
    form = "The XML contains a document type declaration." if name in UNLOADED else r"(The (XML|field) [\w -]+\. ?)+"
    assert re.fullmatch(form, text)
    assert receiver.stored() == []
    size = len(body.encode() if isinstance(body, str) else body)
    assert receiver.log() == [f"HTTP status {code}: POST /callback, {size} bytes, content type {content_type}: {text}"]


@pytest.mark.parametrize(("size", "code"), [(16 * 1024, 200), (16 * 1024 + 1, 413), (16 * 1024 + 2, 413), (10**6, 413)])
def test_the_size_of_a_callback(size: int, code: int, receiver: Receiver, says: Says) -> None:
    says("guides/receive-status.md", f"{program.MAX_CALLBACK // 1024} KiB")
    form = f"{QUERY}&x=".ljust(size, "y")
    query, _, rest = f"{form}y".partition("&")  # the size without the ampersand
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    responses = [receiver.send(form), receiver.send("", form), receiver.send(query, rest)]
    responses += [receiver.send("", form, environ=chunked), receiver.send("", XML.ljust(size), "text/xml")]
    assert [status for status, _ in responses] == [code] * 5
    assert len(receiver.stored()) == (3 if code == 200 else 0)


@pytest.mark.parametrize(("method", "path", "code"), [
    *((method, "/callback", 405) for method in ("OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "X" * 90)),
    *(("GET", path, 404) for path in ("/", "/callbacks", "/callback/x", "/callback%00", "/Callback", "/x%0Ay")),
    *(("GET", path, 404) for path in (f"/callback&{QUERY}", f"/callback%3F{QUERY}", "/" + "x" * 5000, "/ï")),
])  # fmt: skip
def test_other_requests_are_refused_and_logged(method: str, path: str, code: int, receiver: Receiver) -> None:
    status, text = receiver.send(QUERY, "12345", "", method=method, path=path)
    assert status == code
    assert receiver.stored() == []
    (message,) = receiver.log()
    name = method if len(method) < 60 else "X" * 60 + "..."
    shown = (
        rf"HTTP status {code}: {name} /[\w.~/+-]{{0,59}}(\.\.\.)?, {len(QUERY) + 5} bytes, content type none: {text}"
    )
    assert re.fullmatch(shown, message, re.ASCII)
    assert not [value for value in SAMPLE.values() if len(value) > 3 and value in message]


@pytest.mark.parametrize(("method", "path"), [("GET", "/callback"), ("GET", "/callback/"), ("HEAD", "/callback")])
def test_a_validation_of_the_url_is_answered_and_logged(method: str, path: str, receiver: Receiver) -> None:
    query = QUERY if method == "HEAD" else ""
    assert receiver.send(query, method=method, path=path)[0] == 200
    assert receiver.stored() == []
    (message,) = receiver.log()
    assert message.startswith(f"HTTP status 200: {method} {path}, {len(query)} bytes")


# Who may send

UNAUTHORIZED = [
    *("", "Basic", "Basic ", "Basic !", "Basic ï", "Basic \xff\xfe", "B\xe4sic x", f"Bearer {AUTHORIZATION[6:]}"),
    *map(basic, ("", ":", USER, f"{USER}:", f":{PASSWORD}", f"{USER}:{PASSWORD} ", f"{USER}:{PASSWORD}:")),
    *map(basic, (f"x:{PASSWORD}", f"{USER.upper()}:{PASSWORD}")),
    *(basic(f"{USER}:{PASSWORD}é".encode("latin-1")), f"{AUTHORIZATION}ï", f"{AUTHORIZATION}!"),
    f'Digest username="{USER}", password="{PASSWORD}"',
]


@pytest.mark.parametrize("header", UNAUTHORIZED, ids=ascii)
def test_unauthorized(header: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(given: bytes, known: bytes) -> bool:
        compared.append(known)
        return given == known

    monkeypatch.setattr(hmac, "compare_digest", compare)
    unread = {"HTTP_AUTHORIZATION": header, "CONTENT_LENGTH": "90", "wsgi.input": None}  # reading it would fail
    for method, path in (("GET", "/callback"), ("POST", "/callback"), ("HEAD", "/callback"), ("PUT", "/x")):
        assert receiver.send(QUERY, method=method, path=path, environ=unread)[0] == 401
    assert compared == [USER.encode(), PASSWORD.encode()] * 4  # both, whatever arrived
    assert receiver.stored() == []
    assert len(receiver.log()) == 4
    assert not re.search(rf"{USER}|{PASSWORD}|[^ -~]|c2Ft", " ".join(receiver.log()), re.IGNORECASE)


@pytest.mark.parametrize(("user", "password"), [("u", "p:q"), ("ü", "pässword ٣"), ("Юзер", "пароль"), ("u" * 64, ":")])
def test_authorized(user: str, password: str, tmp_path: Path) -> None:
    app = create_app(str(tmp_path / "callbacks.db"), user, password)
    for header in (basic(f"{user}:{password}"), "BASIC  " + basic(f"{user}:{password}")[6:]):
        assert app.test_client().get(f"/callback?{QUERY}", headers={"Authorization": header}).status_code == 200
    response = app.test_client().put("/callback")
    assert response.headers["WWW-Authenticate"] == 'Basic realm="callback", charset="UTF-8"'
    response = app.test_client().put("/callback", headers={"Authorization": header})
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, POST")
    app.extensions["receive_callbacks"].close()


# The log


def test_the_log_has_a_bounded_rate(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    says("guides/receive-status.md", f"{program.LOG_LINES} lines")
    for _ in range(program.LOG_LINES + 7):
        assert receiver.send("", path="/elsewhere")[0] == 404
    assert len(receiver.log()) == program.LOG_LINES
    assert receiver.send("x=1")[0] == 400  # another HTTP status has its own lines
    assert len(receiver.log()) == program.LOG_LINES + 1
    receiver.store.log.end_period()
    assert receiver.log()[program.LOG_LINES + 1 :] == ["HTTP status 404: 7 more lines left out"]
    said = threading.Event()
    monkeypatch.setattr(program, "LOG_SECONDS", 0.01)
    monkeypatch.setattr(program, "LOG_LINES", 0)
    monkeypatch.setattr(program._LOG, "warning", lambda *_: said.set())
    receiver.send("", path="/elsewhere")
    assert said.wait(30)  # although nothing else arrives


# What is acknowledged is on disk


def replace(database: Path, by: Callable[[Path, Path], object]) -> None:
    copy = Path(shutil.copy(database, database.resolve().with_name("copy.db")))
    database.unlink()
    by(copy, database)


LOSSES: dict[str, Callable[[Path], object]] = {  # what an operator may do while the receiver runs
    "removed": lambda database: database.resolve().unlink(),
    "-wal removed": lambda database: Path(f"{database.resolve()}-wal").unlink(),
    "-shm removed": lambda database: Path(f"{database.resolve()}-shm").unlink(),
    "renamed": lambda database: database.rename(database.with_name("old.db")),
    "replaced": lambda database: replace(database, Path.rename),
    "replaced by a link": lambda database: replace(database, lambda copy, link: link.symlink_to(copy)),
}


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("way", LOSSES)
def test_a_lost_database_file(way: str, linked: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    database, volume = tmp_path / "callbacks.db", tmp_path / "volume"
    volume.mkdir()
    if linked:
        database.symlink_to(volume / "real.db")
    receiver = Receiver(database, caplog)
    assert receiver.send(QUERY) == (200, "OK")
    LOSSES[way](database)
    for status in ("003", "004"):  # a new one and a repeated one: neither is acknowledged
        assert receiver.send(urlencode({**SAMPLE, "status": status}))[0] == 503
    assert len(receiver.log()) == 2
    assert receiver.log()[0].endswith("file was moved or replaced: put it back, or restart the receiver")
    if way == "renamed":
        alone = shutil.copy(tmp_path / "old.db", volume / "alone.db")  # as if the operator kept only this file
        assert stored(Path(alone))[0] == pairs()
        (tmp_path / "old.db").rename(database)
        assert receiver.send(f"{QUERY}&x=1") == (200, "OK")
        assert len(receiver.stored()) == 3
    receiver.store.close()


def test_a_full_disk(receiver: Receiver) -> None:
    assert receiver.store._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # a commit waits for the disk
    receiver.store._connection.execute("PRAGMA max_page_count = 1")  # as many as there are
    codes = [receiver.send(f"{QUERY}&x={number}")[0] for number in range(200)]
    assert set(codes) == {200, 503}
    assert [fields[-1][1] for fields in receiver.stored()] == [str(n) for n, code in enumerate(codes) if code == 200]


def test_several_receivers_open_a_new_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite gives up the switch to WAL, in some cases at once. The receiver tries again."""
    with contextlib.closing(sqlite3.connect(tmp_path / "callbacks.db", isolation_level=None)) as other:
        other.executescript("CREATE TABLE another (id); BEGIN")
        other.execute("SELECT * FROM another").fetchall()
        monkeypatch.setattr(program, "BUSY_SECONDS", 0.1)
        monkeypatch.setattr("time.sleep", lambda _: other.execute("ROLLBACK"))  # fails if called twice
        create_app(tmp_path / "callbacks.db", USER, PASSWORD).extensions["receive_callbacks"].close()


def test_the_stored_statuses(receiver: Receiver) -> None:
    for number in range(603):
        assert receiver.send(f"{QUERY}&x={number % 600}") == (200, "OK")
    statuses = read_statuses(receiver.database)
    first = next(statuses)
    assert (first.id, first.fields) == (1, (*PAIRS, ("x", "0")))
    assert first.received_at
    assert abs(datetime.now(UTC) - first.received_at).days == 0
    assert receiver.send(f"{QUERY}&x=last") == (200, "OK")  # while somebody reads
    rest = list(statuses)
    assert [status.fields[-1][1] for status in rest] == [*map(str, range(1, 600)), "last"]
    assert list(read_statuses(str(receiver.database), after=rest[-2].id)) == rest[-1:]
    receiver.store.close()
    assert list(read_statuses(receiver.database)) == [first, *rest]  # without the receiver, too
    with pytest.raises(sqlite3.OperationalError):
        next(read_statuses(receiver.database.with_name("missing.db")))
    assert [path.name for path in receiver.database.parent.iterdir()] == ["callbacks.db"]


def test_fuzz(receiver: Receiver) -> None:
    """Whatever arrives, the response is a documented one, and what gets HTTP status 200 is stored and can be read."""
    draw = random.Random(7)  # noqa: S311 (sample data)
    pieces = [b"%00", b"%ff", b"&", b"=", b"<", b"&#x0;", "٣".encode(), b"]]>", b"\xff", b"<a>", QUERY.encode()]
    codes, kept = [], 0
    for number in range(1200):
        type_, start = draw.choice([(FORM, QUERY), ("text/xml", XML), ("", XML)])
        body = bytearray(start.replace("abc123", f"n{number}").encode())
        for _ in range(draw.choice([1, 1, 2, 5])):
            at = draw.randrange(len(body) + 1)
            body[at : at + draw.choice([0, 0, 1, 20])] = draw.choice(pieces)[: draw.randrange(1, 80)]
        codes.append(receiver.send("", bytes(body), type_)[0])
        kept += codes[-1] == 200 and b"n%d" % number in body
    assert set(codes) == {200, 400, 415}
    assert kept <= len(list(read_statuses(receiver.database))) <= codes.count(200)


# The server


@contextlib.contextmanager
def serving(app: Flask) -> Iterator[tuple[int, Any]]:
    """Run the receiver's own server in a thread: its port, and the server."""
    listener = socket.create_server(("127.0.0.1", 0))
    server: Any = program._server(app, listener)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield listener.getsockname()[1], server
    finally:
        server.task_dispatcher.shutdown()
        with contextlib.suppress(OSError):  # the trigger itself may be closed by then
            server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
        thread.join()


def exchange(port: int, request: bytes) -> int:
    """Send a request as it is; return the HTTP status of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with contextlib.suppress(OSError):  # the server may close before it has read everything
            connection.sendall(request)
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(("change", "to", "code", "line"), [
    (b"/callback?", b"/callback/?", 200, ""),
    (b"/callback?", b"/callback//?", 404, "GET /callback//, 138 bytes"),
    (b"Basic ", b"Basic \xff", 401, "GET /callback, 138 bytes"),
    (b"GET", b"HEAD", 200, "HEAD /callback, 138 bytes"),
    (b"Host", b"Ho st", 400, "GET /callback..., 0 bytes"),
    (GET, b"nonsense\r\n\r\n", 400, "nonsense none, 0 bytes"),
    (b"Host", b"Transfer-Encoding: x\r\nHost", 501, "GET /callback..., 0 bytes"),
    (GET, HALF.replace(b"500", b"5000000"), 413, "POST /callback, 5000000 bytes"),
    (GET, HALF.replace(b"500", b"50000") + b"x" * 50000, 413, "POST /callback, 50000 bytes"),
    (GET, CHUNKED + b"not a number\r\n", 400, "POST /callback, 14 bytes"),
    (b"Host", b"X: " + b"x" * 300_000 + b"\r\nHost", 431, "GET /, 0 bytes"),
])  # fmt: skip
def test_the_server_logs_every_refusal(change: bytes, to: bytes, code: int, line: str, receiver: Receiver) -> None:
    with serving(receiver.app) as (port, _):
        assert exchange(port, GET.replace(change, to)) == code
    expected = [f"HTTP status {code}: {line}"] if line else []
    assert [message.partition(", content")[0] for message in receiver.log()] == expected


def test_a_locked_database(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    """Of 40 callbacks at once, only those wait that arrive before the receiver knows that the database is locked."""
    says("guides/receive-status.md", f"{program.BUSY_SECONDS} seconds")
    monkeypatch.setattr(program, "BUSY_SECONDS", 1)
    statements: list[str] = []
    receiver.store._connection.set_trace_callback(statements.append)
    with serving(receiver.app) as (port, _), ThreadPoolExecutor(40) as pool:
        with contextlib.closing(sqlite3.connect(receiver.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert list(pool.map(exchange, [port] * 40, [GET] * 40)) == [503] * 40
            waits = [int(text.split()[-1]) for text in statements if text.startswith("PRAGMA busy_timeout")]
            assert len([wait for wait in waits if wait > 20]) == 1
        with receiver.store._turn:  # as if the disk did not respond
            assert exchange(port, GET) == 503
        assert receiver.stored() == []
        assert list(pool.map(exchange, [port] * 40, [GET] * 40)) == [200] * 40


def test_half_open_connections(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    says("guides/receive-status.md", f"{program.IDLE_SECONDS} seconds")
    monkeypatch.setattr(program, "IDLE_SECONDS", 1)
    with serving(receiver.app) as (port, _), contextlib.ExitStack() as stack:
        for number in range(240):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connection.sendall(HALF[: number % len(HALF)])
        assert exchange(port, GET) == 200


# The program

VARIABLES = {"CALLBACK_DATABASE": "callbacks.db", "CALLBACK_USER": USER, "CALLBACK_PASSWORD": PASSWORD}


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **VARIABLES, "PYTHONIOENCODING": "utf-8", **variables}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, **pipes)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ready_and_stop(number: signal.Signals, tmp_path: Path) -> None:
    with run(tmp_path, str(PROGRAM)) as process:
        assert process.stdout
        ready = r"Ready on http://127\.0\.0\.1:(\d+)/callback\. Stop with Ctrl\+C\.\n"
        port = int(re.sub(ready, r"\1", process.stdout.readline()))
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


@pytest.mark.parametrize(("options", "variables", "code", "message"), [
    *(("", {name: ""}, 2, f"set the environment variables: {name}") for name in VARIABLES),
    ("", dict.fromkeys(VARIABLES, ""), 2, f"set the environment variables: {', '.join(VARIABLES)}"),
    ("", {"CALLBACK_USER": "a:b"}, 2, "must not contain a colon"),
    ("--port http", {}, 2, "invalid int value: 'http'"),
    *((option, {}, 1, "can't start: ") for option in ("--port 65536", "--port -1", "--host 192.0.2.1", "--port TAKEN")),
    *(("", {"CALLBACK_DATABASE": path}, 1, "can't start: ") for path in ("missing/callbacks.db", ".", "text.db")),
])  # fmt: skip
def test_cannot_start(options: str, variables: dict[str, str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This isn't a database. " * 50, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = options.replace("TAKEN", str(taken.getsockname()[1]))
        with run(tmp_path, str(PROGRAM), *options.split(), **variables) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "")
    assert message in errors.splitlines()[-1]
    assert not re.search(f"{PASSWORD}|Traceback", errors)


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    ast.parse(PROGRAM.read_text(encoding="utf-8"), feature_version=(3, 8))
    code = (
        f"import sys; sys.version_info = (3, 8); sys.path.insert(0, {str(PROGRAM.parent)!r}); import receive_callbacks"
    )
    with run(tmp_path, "-c", code) as process:
        assert "ImportError: receive_callbacks.py needs Python 3.9 or newer" in process.communicate(timeout=60)[1]


def test_the_simulation(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, here at a small size. tests/scheduled/test_receiver_proofs.py plants faults."""
    with run(tmp_path, str(SIMULATOR), "--callbacks", "400", "--program", str(PROGRAM)) as process:
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert "400 of 400 callbacks, 3 kills" in output
    assert "\n0 violations\n" in output
