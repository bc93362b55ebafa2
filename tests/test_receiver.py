"""The receiver keeps every callback that it can read, acknowledges what is on disk, and logs what it refuses.

For everyone who runs `receive_callbacks.py`: a callback that is lost may never be sent again.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import json
import os
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
from unittest.mock import Mock
from urllib.parse import urlencode

import pytest
from waitress import wasyncore

import receive_callbacks as program
from facts import DOWNLOADS, FACTS, SNIPPETS
from receive_callbacks import MessageStatus, create_app, read_statuses

PROGRAM, SIMULATOR = SNIPPETS / "receive_callbacks.py", Path(__file__).parent / "scheduled" / "simulate_callbacks.py"
SAMPLE: dict[str, str] = {name: sample for name, (_, sample) in FACTS["callback_fields"].items()}
QUERY, FORM = urlencode(SAMPLE), "application/x-www-form-urlencoded"
XML = "<callback>" + "".join(f"<{name}>{value}</{name}>" for name, value in SAMPLE.items()) + "</callback>"
USER, PASSWORD = "Юзер", "пароль:x"
Says = Callable[[str, str], None]


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


AUTHORIZATION = basic(f"{USER}:{PASSWORD}")
HEAD = f"Host: x\r\nAuthorization: {AUTHORIZATION}\r\n".encode()
GET = b"GET /callback?" + QUERY.encode() + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
HALF = b"POST /callback HTTP/1.1\r\n" + HEAD + b"Content-Length: 500\r\n\r\napiMsgId="


def stored(database: Path) -> list[str]:
    """The forms that another connection finds: only what is committed."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT fields FROM callback ORDER BY id").fetchall()
    return [urlencode([tuple(pair) for pair in json.loads(row[0])], errors="surrogateescape") for row in rows]


class Receiver:
    """The application in this process, its database, and its log."""

    def __init__(self, database: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "receive_callbacks")
        self.database, self._caplog, self.app = database, caplog, create_app(database, USER, PASSWORD)
        self.app.testing = True  # an exception in the application is one in the test
        self.store = self.app.extensions["receive_callbacks"]

    def send(self, query: str, body: str | bytes = "", type_: str = FORM, **environ: Any) -> tuple[int, str]:
        """Send a callback; return the HTTP status and the text of the response."""
        environ = {"CONTENT_TYPE": type_, "HTTP_AUTHORIZATION": AUTHORIZATION, **environ}
        options: Any = {"method": "POST" if body else "GET", "data": body, "environ_overrides": environ}
        response = self.app.test_client().open("/callback" + (f"?{query}" if query else ""), **options)
        return response.status_code, response.text.strip()

    def log(self) -> list[str]:
        return [entry.getMessage() for entry in self._caplog.records if entry.name == "receive_callbacks"]


@pytest.fixture
def receiver(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path / "callbacks.db", caplog)
    yield receiver
    receiver.store.close()


ODD: list[tuple[str, str, object, str]] = [  # field, value, what is read, and what is wrong
    ("from", "Käse & Co", "Käse & Co", ""),
    ("from", "Caf\udce9", None, "malformed"),  # a byte that isn't UTF-8
    ("to", "", None, "empty"),
    ("charge", "999999999.999999999", Decimal("999999999.999999999"), ""),
    *(("charge", value, None, "malformed") for value in ("-0.3", "0,3", "NaN", "1e6", "٣")),
    ("status", "\n 4 ", MessageStatus.RECEIVED_BY_RECIPIENT, ""),
    ("status", "13", "013", ""),
    *(("status", value, value, "malformed") for value in ("DELIVRD", "0004")),
    *(("timestamp", value, None, "malformed") for value in ("0", "1218008129000")),
    ("cliMsgId", "", "", ""),
    ("cliMsgId", "two\nlines", None, "malformed"),
]


@pytest.mark.parametrize(("name", "value", "read", "problem"), ODD, ids=ascii)
def test_an_odd_field_is_kept(name: str, value: str, read: object, problem: str, receiver: Receiver) -> None:
    query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
    assert receiver.send(query) == receiver.send("", query) == (200, "OK")
    assert stored(receiver.database) == [query]
    (status,) = read_statuses(receiver.database)
    found = getattr(status, {"from": "sender", "to": "recipient", "cliMsgId": "cli_msg_id"}.get(name, name))
    assert (found, type(found)) == (read, type(read))
    assert status.problems == ((f"The field {name} is {problem}.",) if problem else ())


@pytest.mark.parametrize("name", SAMPLE)
def test_missing_repeated_and_unreadable_fields(name: str, receiver: Receiver) -> None:
    for value, problem in ((None, "missing"), (" ", "empty"), ("a\0", "malformed")):
        fields = {key: text for key, text in {**SAMPLE, name: value}.items() if text is not None}
        refused = (400, f"The field {name} is {problem}.")
        assert receiver.send(urlencode(fields)) == (refused if name in ("apiMsgId", "status") else (200, "OK"))
    repeated = urlencode([("extra", "1"), *SAMPLE.items(), (name, "another"), ("extra", "2")])
    assert receiver.send(repeated) == (200, "OK")
    assert stored(receiver.database)[-1] == repeated
    *_, status = read_statuses(receiver.database)
    assert (status.api_msg_id, status.problems) == (SAMPLE["apiMsgId"], (f"The field {name} is repeated.",))


def test_a_callback_is_stored_once(receiver: Receiver) -> None:
    for body, type_ in [
        (f"\ufeff{XML}", "text/xml"),
        (XML.replace("<to>", "<!-- 1 --><?x y?><to a='1'><!-- 2 -->").replace("abc", "<![CDATA[abc]]>"), FORM),
        (f"<s:Envelope xmlns:s='urn:x' xmlns='urn:y'><s:Body>{XML}</s:Body></s:Envelope>", "application/soap+xml"),
        (QUERY, ""),
    ]:
        assert receiver.send("", body, type_) == receiver.send(QUERY) == (200, "OK")
    other = QUERY.replace("0.3", "0")  # not the same callback: it differs in a field
    assert receiver.send(other) == (200, "OK")
    assert stored(receiver.database) == [QUERY, other]


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1"])
@pytest.mark.parametrize("name", ["callback.xml", "callback_soap.xml"])
def test_a_document_in_the_parameter_data(name: str, encoding: str, receiver: Receiver) -> None:
    """The documented samples, here with a name as sender in either encoding, whatever the document declares."""
    document = re.sub(r"(<from[^>]*>)\d+", r"\1käse", (DOWNLOADS / name).read_text(encoding="utf-8"))
    data = urlencode({"data": document}, encoding=encoding)
    assert receiver.send(data) == receiver.send("", data) == (200, "OK")
    fields = re.findall(r"<(\w+)(?: [^>]*)?>([^<]*)</", document)
    assert stored(receiver.database) == [f"{data}&{urlencode(fields)}"]
    assert [(status.sender, status.problems) for status in read_statuses(receiver.database)] == [("käse", ())]


def test_content_without_fields_is_refused(receiver: Receiver) -> None:
    missing = "The field apiMsgId is missing. The field status is missing."
    for code, type_, body, reason in [
        (400, FORM, QUERY.replace("s", "_"), missing),
        (400, "text/xml", XML[:-1], "The XML is not well-formed."),
        (400, "text/xml", f"<!DOCTYPE callback>{XML}", hostile := "The XML contains a document type declaration."),
        (400, FORM, urlencode({"data": f"<!DOCTYPE x [<!ENTITY e 'x'>]>{XML}"}), hostile),
        (415, "application/json", json.dumps(SAMPLE), missing),
    ]:
        assert receiver.send("", body, type_) == (code, reason)
        expected = f"HTTP status {code}: POST /callback, {len(body)} bytes, content type {type_}: {reason}"
        assert receiver.log()[-1] == expected
    assert stored(receiver.database) == []


@pytest.mark.parametrize(("more", "code"), [(0, 200), (1, 413)])
def test_the_size_of_a_callback(more: int, code: int, receiver: Receiver, says: Says) -> None:
    says("reference/receiver.md", "16 KiB")
    form = f"{QUERY}&x=".ljust(16 * 1024 + more, "y")
    chunked: Any = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    responses = [receiver.send(form), receiver.send(form[:100], form[100:]), receiver.send("", form, **chunked)]
    assert [status for status, _ in responses] == [code] * 3


UNAUTHORIZED = ["", "Basic !", "Basic ï", f"Bearer {AUTHORIZATION[6:]}", f"{AUTHORIZATION}!"]
UNAUTHORIZED += map(basic, (USER, f":{PASSWORD}", f"{USER}:{PASSWORD} ", f"x:{PASSWORD}", f"{USER}:x"))


@pytest.mark.parametrize("header", UNAUTHORIZED)
def test_unauthorized(header: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmac, "compare_digest", compare := Mock(wraps=hmac.compare_digest))
    assert receiver.send(QUERY, HTTP_AUTHORIZATION=header)[0] == 401
    assert compare.call_count == 2  # both, whatever arrived, so that the time doesn't show what is wrong
    (line,) = receiver.log()
    assert not re.search(rf"{USER}|{PASSWORD}|[^ -~]|{AUTHORIZATION[6:10]}", line)


def test_the_log_has_a_bounded_rate(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    says("reference/receiver.md", f"{program.LOG_LINES} lines in {program.LOG_SECONDS} seconds")
    monkeypatch.setattr(threading, "Timer", timer := Mock())
    for _ in range(program.LOG_LINES + 7):
        receiver.send("x=1")
    receiver.send("")  # another HTTP status has its own lines
    timer.call_args.args[1]()  # the period ends
    assert (timer.call_count, timer.call_args.args[0]) == (1, program.LOG_SECONDS)
    assert receiver.log()[program.LOG_LINES + 1 :] == ["HTTP status 400: 7 more lines left out"]


@pytest.mark.parametrize("way", ["", "-wal", "-shm", "renamed", "replaced"])
def test_a_lost_database_file(way: str, receiver: Receiver) -> None:
    """What an operator may do to the files while the receiver runs."""
    file, other = receiver.database, receiver.database.with_name("other.db")
    assert receiver.send(QUERY) == (200, "OK")
    if way == "renamed":
        file.rename(other)
    elif way == "replaced":
        Path(shutil.copy(file, other)).replace(file)
    else:
        Path(f"{file}{way}").unlink()
    for status in ("003", "004"):  # a new one and a repeated one: neither is acknowledged
        assert receiver.send(urlencode({**SAMPLE, "status": status}))[0] == 503
    assert [message.rpartition(": ")[2] for message in receiver.log()] == ["put it back, or restart the receiver"] * 2
    if way == "renamed":
        assert stored(other)[0] == QUERY  # although its -wal file has another name
        other.rename(file)
        assert receiver.send(QUERY) == (200, "OK")
        assert len(stored(file)) == 2


def test_several_receivers_open_a_new_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite gives up the switch to WAL, in some cases at once. The receiver tries again."""
    monkeypatch.setattr(program, "BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "callbacks.db", isolation_level=None)) as other:
        other.executescript("CREATE TABLE another (id); BEGIN; SELECT * FROM another")
        monkeypatch.setattr("time.sleep", lambda _: other.execute("ROLLBACK"))  # fails if called twice
        create_app(tmp_path / "callbacks.db", USER, PASSWORD).extensions["receive_callbacks"].close()


def test_the_stored_statuses(receiver: Receiver) -> None:
    for number in range(501):
        receiver.send(f"{QUERY}&x={number}")
    statuses = read_statuses(receiver.database)
    first = next(statuses)
    assert first.received_at
    assert abs(datetime.now(UTC) - first.received_at).days == 0
    assert receiver.send(f"{QUERY}&x=501") == (200, "OK")  # while somebody reads
    rest = list(statuses)
    assert [status.fields[-1][1] for status in (first, *rest)] == [*map(str, range(502))]
    assert list(read_statuses(receiver.database, after=rest[-2].id)) == rest[-1:]


@contextlib.contextmanager
def serving(receiver: Receiver) -> Iterator[tuple[int, Any]]:
    """Run the receiver's own server in a thread: its port, and the server."""
    listener = socket.create_server(("127.0.0.1", 0))
    server: Any = program._server(receiver.app, listener)
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


SENT = [  # a change of the request, the HTTP status, and the line in the log
    (b"/callback", b"/callback/", 200, ""),
    (b"?" + QUERY.encode(), b"", 200, "GET /callback, 0 bytes"),  # a validation of the URL
    (b"GET /callback", b"HEAD /callback/", 200, "HEAD /callback/, 138 bytes"),
    (b"/callback", b"/callback//", 404, "GET /callback//, 138 bytes"),
    (b"/callback?", b"/x%0A", 404, "GET /x..., 0 bytes"),
    (b"/callback?", b"/callback&", 404, "GET /callback..., 0 bytes"),
    (b"GET", b"X" * 90, 405, f"{'X' * 60}... /callback, 138 bytes"),
    (b"Basic ", b"Basic \xff", 401, "GET /callback, 138 bytes"),
    (GET, HALF.replace(b"500", b"5000000"), 413, "POST /callback, 5000000 bytes"),
    (b"Host", b"X: " + b"x" * 300_000 + b"\r\nHost", 431, "GET /, 0 bytes"),
]


def test_the_log_of_the_server(receiver: Receiver) -> None:
    """It has a line for whatever isn't stored, without the content."""
    with serving(receiver) as (port, _):
        assert [exchange(port, GET.replace(old, new)) for old, new, _, _ in SENT] == [code for _, _, code, _ in SENT]
    log = [entry.partition(", content")[0] for entry in receiver.log()]
    assert log == [f"HTTP status {code}: {line}" for _, _, code, line in SENT if line]
    assert stored(receiver.database) == [QUERY]


def test_a_locked_database(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    """Of 40 callbacks at once, only those wait that arrive before the receiver knows that the database is locked."""
    says("reference/receiver.md", f"{program.BUSY_SECONDS} seconds")
    monkeypatch.setattr(program, "BUSY_SECONDS", 1)
    statements: list[str] = []
    receiver.store._connection.set_trace_callback(statements.append)
    with serving(receiver) as (port, _), ThreadPoolExecutor(40) as pool:
        with contextlib.closing(sqlite3.connect(receiver.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert list(pool.map(exchange, [port] * 40, [GET] * 40)) == [503] * 40
            waits = [int(text.split()[-1]) for text in statements if text.startswith("PRAGMA busy_timeout")]
            assert len([wait for wait in waits if wait > 20]) == 1
        with receiver.store._turn:  # as if the disk did not respond
            assert exchange(port, GET) == 503
        assert list(pool.map(exchange, [port] * 40, [GET] * 40)) == [200] * 40
    assert not receiver.store._locked  # the next callback waits again


def test_half_open_connections(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    says("guides/receive-status.md", f"{program.IDLE_SECONDS} seconds")
    monkeypatch.setattr(program, "IDLE_SECONDS", 1)
    with serving(receiver) as (port, _), contextlib.ExitStack() as stack:
        for number in range(240):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            connection.sendall(HALF[: number % len(HALF)])
        assert exchange(port, GET) == 200


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    settings = {"CALLBACK_DATABASE": "callbacks.db", "CALLBACK_USER": USER, "CALLBACK_PASSWORD": PASSWORD}
    environment = {**os.environ, **settings, "PYTHONIOENCODING": "utf-8", **variables}
    command, pipe = [sys.executable, *arguments], subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, encoding="utf-8")


def test_it_logs_in_the_terminal_and_stops(tmp_path: Path) -> None:
    with run(tmp_path, str(PROGRAM)) as process:
        assert process.stdout
        port = int(re.sub(r".+:(\d+)/.+\n", r"\1", process.stdout.readline()))
        with socket.create_connection(("127.0.0.1", port)):  # it doesn't keep the receiver from stopping
            assert exchange(port, GET.replace(b"Basic", b"Basic x")) == 401
            process.send_signal(signal.SIGINT)  # the simulation sends SIGTERM
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, len(errors.splitlines())) == (0, "", 1)
    assert " WARNING receive_callbacks: HTTP status 401: GET /callback, 138 bytes" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["callbacks.db"]


def test_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must not contain a colon"):
        create_app(tmp_path / "callbacks.db", "a:b", PASSWORD)
    with run(tmp_path, str(PROGRAM), CALLBACK_USER="") as process:
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, "variables: CALLBACK_USER" in errors, PASSWORD in errors) == (2, True, False)


def test_the_simulation(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, here at a small size. tests/scheduled/test_receiver_proofs.py plants faults."""
    with run(tmp_path, str(SIMULATOR), "--callbacks", "400") as process:
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors, "400 of 400 callbacks, 3 kills" in output) == (0, "", True)
