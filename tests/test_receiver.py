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
from urllib.parse import urlencode

import pytest
from waitress import wasyncore

import receive_callbacks as program
from facts import FACTS, SNIPPETS
from receive_callbacks import MessageStatus, create_app, parse_fields, read_statuses

PROGRAM, SIMULATOR = SNIPPETS / "receive_callbacks.py", Path(__file__).parent / "scheduled" / "simulate_callbacks.py"
SAMPLE: dict[str, str] = {name: sample for name, (_, sample) in FACTS["callback_fields"].items()}
ATTRIBUTES = {"apiMsgId": "api_msg_id", "cliMsgId": "cli_msg_id", "timestamp": "timestamp", "to": "recipient"}
ATTRIBUTES |= {"from": "sender", "charge": "charge", "status": "status"}
QUERY, FORM = urlencode(SAMPLE), "application/x-www-form-urlencoded"
XML = "<callback>" + "".join(f"<{name}>{value}</{name}>" for name, value in SAMPLE.items()) + "</callback>"
USER, PASSWORD = "sampleservice", "samplesecret"
VARIABLES = {"CALLBACK_DATABASE": "callbacks.db", "CALLBACK_USER": USER, "CALLBACK_PASSWORD": PASSWORD}
Says = Callable[[str, str], None]


def basic(text: str, encoding: str = "utf-8") -> str:
    return "Basic " + base64.b64encode(text.encode(encoding)).decode()


AUTHORIZATION = basic(f"{USER}:{PASSWORD}")
HEAD = f"Host: x\r\nAuthorization: {AUTHORIZATION}\r\n".encode()
GET = b"GET /callback?" + QUERY.encode() + b" HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"
HALF = b"POST /callback HTTP/1.1\r\n" + HEAD + b"Content-Length: 500\r\n\r\napiMsgId="


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
        self.database, self._caplog, self.app = database, caplog, create_app(database, USER, PASSWORD)
        self.app.testing = True  # an exception in the application is one in the test
        self.store = self.app.extensions["receive_callbacks"]

    def send(self, query: str, body: str | bytes = "", type_: str = FORM, **options: Any) -> tuple[int, str]:
        """Send a callback; return the HTTP status and the text of the response."""
        environ = {"CONTENT_TYPE": type_, "HTTP_AUTHORIZATION": AUTHORIZATION, **options.pop("environ", {})}
        options = {"method": "POST" if body else "GET", "path": "/callback", "data": body, **options}
        path = options.pop("path") + (f"?{query}" if query else "")
        response = self.app.test_client().open(path, environ_overrides=environ, **options)
        return response.status_code, response.text.strip()

    def log(self) -> list[str]:
        return [entry.getMessage() for entry in self._caplog.records if entry.name == "receive_callbacks"]


@pytest.fixture
def receiver(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path / "callbacks.db", caplog)
    yield receiver
    receiver.store.close()


def test_the_sample_in_its_types() -> None:
    status = parse_fields([("api_id", "3334222"), *SAMPLE.items()])
    assert (status.api_msg_id, status.cli_msg_id) == ("996411ad91fa211e7d17bc873aa4a41d", "abc123")
    assert (status.recipient, status.sender) == ("279995631564", "27833001171")
    assert (status.timestamp, status.charge) == (datetime(2008, 8, 6, 7, 35, 29, tzinfo=UTC), Decimal("0.3"))
    assert status.status is MessageStatus.RECEIVED_BY_RECIPIENT
    assert (status.fields[0], status.problems, status.id, status.received_at) == (("api_id", "3334222"), (), 0, None)
    assert [f"{code} {code!s}" for code in MessageStatus] == [f"{code} {code}" for code in FACTS["delivery_statuses"]]


ODD: list[tuple[str, str, object, str]] = [  # a field, its value, what is read, and what is wrong
    *(("from", value, value, "") for value in ("Clickatell", "Käse & Co")),
    *(("charge", value, Decimal(value), "") for value in ("0.3", "1", "999999999.999999999")),
    *(("status", value, MessageStatus.RECEIVED_BY_RECIPIENT, "") for value in ("4", "\n 04 ")),
    ("status", "13", "013", ""),
    *(("cliMsgId", value, value, "") for value in ("", "käse 🧀 ٣" + "x" * 300)),
    *((name, "", None, "empty") for name in ("timestamp", "to", "from", "charge")),
    *((name, "two\nlines", None, "malformed") for name in ("cliMsgId", "to", "from")),
    *(("charge", value, None, "malformed") for value in ("-0.3", "0,3", "NaN", "1e6", ".3", "٣", "9" * 10)),
    *(("status", value, value, "malformed") for value in ("DELIVRD", "0004", "-04", "00٤")),
    *(("timestamp", value, None, "malformed") for value in ("0", "-1", "1218008129000", "121800812٣")),
    ("from", "Caf\udce9", None, "malformed"),  # a byte that isn't UTF-8
]


@pytest.mark.parametrize(("name", "value", "read", "problem"), ODD, ids=ascii)
def test_an_odd_field_is_kept(name: str, value: str, read: object, problem: str, receiver: Receiver) -> None:
    query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
    raw = "&".join(f"{key}={text}" for key, text in pairs(**{name: value})).encode(errors="surrogateescape")
    assert receiver.send(query) == receiver.send("", query) == (200, "OK")
    assert "&" in value or receiver.send("", raw) == (200, "OK")
    assert stored(receiver.database) == [pairs(**{name: value})]
    (status,) = read_statuses(receiver.database)
    found = {other: getattr(status, attribute) for other, attribute in ATTRIBUTES.items()}
    assert (found[name], type(found[name])) == (read, type(read))
    assert status.problems == ((f"The field {name} is {problem}.",) if problem else ())
    sample = parse_fields(SAMPLE)
    assert all(found[other] == getattr(sample, ATTRIBUTES[other]) for other in SAMPLE if other != name)


@pytest.mark.parametrize("name", SAMPLE)
def test_missing_repeated_and_unreadable_fields(name: str, receiver: Receiver) -> None:
    missing, required = f"The field {name} is missing.", name in ("apiMsgId", "status")
    response = receiver.send(urlencode([pair for pair in SAMPLE.items() if pair[0] != name]))
    assert response == ((400, missing) if required else (200, "OK"))
    for value, problem in (("", "empty"), (" ", "empty"), ("a\0", "malformed"), ("\udcff", "malformed")):
        query = urlencode({**SAMPLE, name: value}, errors="surrogateescape")
        assert receiver.send(query) == ((400, f"The field {name} is {problem}.") if required else (200, "OK"))
    repeated = [("extra", "1"), *SAMPLE.items(), (name, "another"), ("extra", "2")]
    assert receiver.send(urlencode(repeated)) == (200, "OK")
    assert stored(receiver.database)[-1] == [list(pair) for pair in repeated]
    *others, status = read_statuses(receiver.database)
    assert [other.problems for other in others[:1]] == ([] if required else [(missing,)])
    assert (status.api_msg_id, status.problems) == (SAMPLE["apiMsgId"], (f"The field {name} is repeated.",))


ARRIVALS = {
    "form": (QUERY, f"{FORM}; charset=utf-8"),
    "form without a content type": (QUERY, ""),
    "XML": (f'<?xml version="1.0" encoding="UTF-8"?>\n{XML}', "application/xml; charset=utf-8"),
    "XML with a byte order mark": (f"\ufeff{XML}", "text/xml"),
    "XML with the content type of a form": (XML, FORM),
    "comments": (XML.replace("<to>", "<!-- 1 --><?x y?><to a='1'><!-- 2 -->"), "text/xml"),
    "CDATA": (XML.replace("abc123", "<![CDATA[abc]]>&#49;23"), "text/xml"),
    "capitals": (XML.replace("callback>", "CALLBACK>"), "text/xml"),
    "SOAP": (f"<s:Envelope xmlns:s='urn:x' xmlns='urn:y'><s:Body>{XML}</s:Body></s:Envelope>", "application/soap+xml"),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_a_callback_is_stored_once(name: str, receiver: Receiver) -> None:
    for path in ("/callback", "/callback/"):
        assert receiver.send("", *ARRIVALS[name], path=path) == receiver.send(QUERY, path=path) == (200, "OK")
    assert stored(receiver.database) == [pairs()]
    document = f'<?xml version="1.0" encoding="ISO-8859-1"?>{XML.replace("abc123", "käse")}'
    form = urlencode({"data": document})  # the sources don't say in which way XML travels
    assert receiver.send(form) == receiver.send("", form) == (200, "OK")
    assert receiver.send("", "<a>x" * 200 + XML + "</a>" * 200, "text/xml") == (200, "OK")
    assert receiver.send(urlencode({**SAMPLE, "charge": "0"})) == (200, "OK")  # not the same: it differs in a field
    others = [[["data", document], *pairs(cliMsgId="käse")], [["a", "x"]] * 200 + pairs(), pairs(charge="0")]
    assert stored(receiver.database) == [pairs(), *others]
    assert receiver.log() == []


LAUGHS = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha" * 10}">' for n in range(12))
FORMLESS, TYPED = r"The field [\w ]+\. The field [\w ]+\.", r"The XML contains a document type declaration\."
REFUSED: dict[str, tuple[int, str, str | bytes, str]] = {
    "names in capitals": (400, FORM, QUERY.upper(), FORMLESS),
    "cut off": (400, "text/xml", XML[:-1], r"The XML is not well-formed\."),
    "another encoding": (
        400,
        "text/xml",
        XML.replace("abc123", "\xe4").encode("latin-1"),
        r"The XML is not well-formed\.",
    ),
    "document type": (400, "text/xml", f"<!DOCTYPE callback>{XML}".encode("utf-16"), TYPED),
    "external": (400, "text/xml", f'<!DOCTYPE callback SYSTEM "http://192.0.2.1/x.dtd">{XML}', TYPED),
    "entities": (400, "text/xml", f"<!DOCTYPE a [{LAUGHS}]>" + XML.replace("<to>", "<to x='&e11;'>"), "The XML .*"),
    "JSON": (415, "application/json", json.dumps(SAMPLE), FORMLESS),
    "unknown": (415, "application/octet-stream", b"\x00\xff" * 50, FORMLESS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_content_without_fields_is_refused(name: str, receiver: Receiver) -> None:
    code, type_, body, reason = REFUSED[name]
    status, text = receiver.send("", body, type_)
    assert status == code
    assert re.fullmatch(reason, text)
    assert stored(receiver.database) == []
    size = len(body.encode() if isinstance(body, str) else body)
    assert receiver.log() == [f"HTTP status {code}: POST /callback, {size} bytes, content type {type_}: {text}"]


@pytest.mark.parametrize(("size", "code"), [(16 * 1024, 200), (16 * 1024 + 1, 413), (16 * 1024 + 2, 413), (10**6, 413)])
def test_the_size_of_a_callback(size: int, code: int, receiver: Receiver, says: Says) -> None:
    says("reference/receiver.md", f"{program.MAX_CALLBACK // 1024} KiB")
    form = f"{QUERY}&x=".ljust(size, "y")
    query, _, rest = f"{form}y".partition("&")  # the size without the ampersand
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    responses = [receiver.send(form), receiver.send("", form), receiver.send(query, rest)]
    responses += [receiver.send("", form, environ=chunked), receiver.send("", XML.ljust(size), "text/xml")]
    assert [status for status, _ in responses] == [code] * 5
    assert len(stored(receiver.database)) == (3 if code == 200 else 0)


OTHERS = [(method, "/callback", 405) for method in ("OPTIONS", "PUT", "DELETE", "TRACE", "X" * 90)]
OTHERS += [("GET", path, 404) for path in ("/", "/callback/x", "/callback%00", "/Callback", "/x%0Ay", "/" + "x" * 5000)]
OTHERS += [("GET", f"/callback&{QUERY}", 404), ("GET", f"/callback%3F{QUERY}", 404), ("HEAD", "/callback/", 200)]


@pytest.mark.parametrize(("method", "path", "code"), OTHERS)
def test_other_requests_are_logged(method: str, path: str, code: int, receiver: Receiver) -> None:
    """HEAD is a validation of the URL, as is GET without fields."""
    status, text = receiver.send(QUERY, "12345", "", method=method, path=path)
    assert status == code
    assert receiver.send("", type_="")[0] == 200
    assert stored(receiver.database) == []
    message, validation = receiver.log()
    assert validation == "HTTP status 200: GET /callback, 0 bytes, content type none: This URL receives callbacks."
    shown = rf"{'X' * 60}\.\.\." if method.startswith("X") else method
    shown = rf"HTTP status {code}: {shown} /[\w.~/+-]{{0,59}}(\.\.\.)?, {len(QUERY) + 5} bytes, content type none: "
    assert re.fullmatch(shown + (text or r"This URL receives callbacks\."), message, re.ASCII)
    assert not [value for value in SAMPLE.values() if len(value) > 3 and value in message]


UNAUTHORIZED = ["", "Basic", "Basic !", "Basic ï", "Basic \xff", f"Bearer {AUTHORIZATION[6:]}", f"{AUTHORIZATION}!"]
UNAUTHORIZED += map(basic, ("", USER, f"{USER}:", f":{PASSWORD}", f"{USER}:{PASSWORD} ", f"x:{PASSWORD}", f"{USER}:x"))


@pytest.mark.parametrize("header", [*UNAUTHORIZED, basic(f"{USER}:{PASSWORD}é", "latin-1")], ids=ascii)
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
    assert stored(receiver.database) == []
    assert len(receiver.log()) == 4
    assert not re.search(rf"{USER}|{PASSWORD}|[^ -~]|c2Ft", " ".join(receiver.log()))


@pytest.mark.parametrize(("user", "password"), [("u", "p:q"), ("ü", "pässword ٣"), ("Юзер", "пароль")])
def test_authorized(user: str, password: str, tmp_path: Path) -> None:
    app = create_app(str(tmp_path / "callbacks.db"), user, password)
    client, headers = app.test_client(), {"Authorization": basic(f"{user}:{password}").replace("Basic ", "BASIC  ")}
    assert client.get(f"/callback?{QUERY}", headers=headers).status_code == 200
    assert client.put("/callback", headers=headers).headers["Allow"] == "GET, HEAD, POST"
    assert client.put("/callback").headers["WWW-Authenticate"] == 'Basic realm="callback", charset="UTF-8"'
    app.extensions["receive_callbacks"].close()


def test_the_log_has_a_bounded_rate(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, says: Says) -> None:
    says("reference/receiver.md", f"{program.LOG_LINES} lines")
    for _ in range(program.LOG_LINES + 7):
        receiver.send("", path="/elsewhere")
    assert len(receiver.log()) == program.LOG_LINES
    receiver.send("x=1")  # another HTTP status has its own lines
    receiver.store.log.end_period()
    assert receiver.log()[program.LOG_LINES + 1 :] == ["HTTP status 404: 7 more lines left out"]
    said = threading.Event()
    monkeypatch.setattr(program, "LOG_SECONDS", 0.01)
    monkeypatch.setattr(program, "LOG_LINES", 0)
    monkeypatch.setattr(program._LOG, "warning", lambda *_: said.set())
    receiver.send("", path="/elsewhere")
    assert said.wait(30)  # although nothing else arrives


@pytest.mark.parametrize("way", ["db", "db-wal", "db-shm", "renamed", "replaced"])
def test_a_lost_database_file(way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What an operator may do to the files while the receiver runs. The path is a link, so there are two folders."""
    link, real = tmp_path / "link.db", tmp_path / "volume" / "real.db"
    real.parent.mkdir()
    link.symlink_to(real)
    receiver = Receiver(link, caplog)
    assert receiver.send(QUERY) == (200, "OK")
    if way == "renamed":
        real.rename(tmp_path / "old.db")
    elif way == "replaced":
        Path(shutil.copy(real, tmp_path / "copy.db")).replace(real)
    else:
        real.with_suffix(f".{way}").unlink()
    for status in ("003", "004"):  # a new one and a repeated one: neither is acknowledged
        assert receiver.send(urlencode({**SAMPLE, "status": status}))[0] == 503
    assert [message.rpartition(": ")[2] for message in receiver.log()] == ["put it back, or restart the receiver"] * 2
    if way == "renamed":
        assert stored(Path(shutil.copy(tmp_path / "old.db", tmp_path / "alone.db")))[0] == pairs()  # without its -wal
        (tmp_path / "old.db").rename(real)
        assert receiver.send(QUERY) == (200, "OK")
        assert len(stored(link)) == 2
    receiver.store.close()


def test_several_receivers_open_a_new_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite gives up the switch to WAL, in some cases at once. The receiver tries again."""
    monkeypatch.setattr(program, "BUSY_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(tmp_path / "callbacks.db", isolation_level=None)) as other:
        other.executescript("CREATE TABLE another (id); BEGIN; SELECT * FROM another")
        monkeypatch.setattr("time.sleep", lambda _: other.execute("ROLLBACK"))  # fails if called twice
        create_app(tmp_path / "callbacks.db", USER, PASSWORD).extensions["receive_callbacks"].close()


def test_the_stored_statuses(receiver: Receiver) -> None:
    for number in range(603):
        assert receiver.send(f"{QUERY}&x={number % 600}") == (200, "OK")
    statuses = read_statuses(receiver.database)
    first = next(statuses)
    assert first.received_at
    assert (first.id, abs(datetime.now(UTC) - first.received_at).days) == (1, 0)
    assert receiver.send(f"{QUERY}&x=last") == (200, "OK")  # while somebody reads
    rest = list(statuses)
    assert [status.fields[-1][1] for status in (first, *rest)] == [*map(str, range(600)), "last"]
    assert list(read_statuses(str(receiver.database), after=rest[-2].id)) == rest[-1:]
    receiver.store.close()
    assert list(read_statuses(receiver.database)) == [first, *rest]  # without the receiver, too
    with pytest.raises(sqlite3.OperationalError):
        next(read_statuses(receiver.database.with_name("missing.db")))
    assert [path.name for path in receiver.database.parent.iterdir()] == ["callbacks.db"]


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


CHUNKED = HALF.replace(b"Content-Length: 500", b"Transfer-Encoding: chunked")
SENT = [
    (GET.replace(b"/callback", b"/callback/"), 200, ""),
    (GET.replace(b"/callback", b"/callback//"), 404, "GET /callback//, 138 bytes"),
    (GET.replace(b"Basic ", b"Basic \xff"), 401, "GET /callback, 138 bytes"),
    (GET.replace(b"Host", b"Ho st"), 400, "GET /callback..., 0 bytes"),
    (b"nonsense\r\n\r\n", 400, "nonsense none, 0 bytes"),
    (GET.replace(b"Host", b"Transfer-Encoding: x\r\nHost"), 501, "GET /callback..., 0 bytes"),
    (HALF.replace(b"500", b"5000000"), 413, "POST /callback, 5000000 bytes"),
    (HALF.replace(b"500", b"50000") + b"x" * 50000, 413, "POST /callback, 50000 bytes"),
    (CHUNKED + b"\r\n", 400, "POST /callback, 11 bytes"),
    (GET.replace(b"Host", b"X: " + b"x" * 300_000 + b"\r\nHost"), 431, "GET /, 0 bytes"),
]


@pytest.mark.parametrize(("request_", "code", "line"), SENT, ids=range(len(SENT)))
def test_the_server_logs_every_refusal(request_: bytes, code: int, line: str, receiver: Receiver) -> None:
    with serving(receiver) as (port, _):
        assert exchange(port, request_) == code
    expected = [f"HTTP status {code}: {line}"] if line else []
    assert [message.partition(", content")[0] for message in receiver.log()] == expected


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
    environment = {**os.environ, **VARIABLES, "PYTHONIOENCODING": "utf-8", **variables}
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen([sys.executable, *arguments], cwd=folder, env=environment, **pipes)


def test_ready_and_stop(tmp_path: Path) -> None:
    with run(tmp_path, str(PROGRAM)) as process:
        assert process.stdout
        ready = r"Ready on http://127\.0\.0\.1:(\d+)/callback\. Stop with Ctrl\+C\.\n"
        port = int(re.sub(ready, r"\1", process.stdout.readline()))
        assert [exchange(port, GET), exchange(port, GET.replace(b"Basic", b"Basic x"))] == [200, 401]
        with socket.create_connection(("127.0.0.1", port)) as idle:  # it doesn't keep the receiver from stopping
            idle.sendall(HALF)
            process.send_signal(signal.SIGINT)  # the simulation sends SIGTERM
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (0, "")
    assert re.fullmatch(r"[\d :,-]+ WARNING receive_callbacks: HTTP status 401: GET /callback, 138 bytes, .+\n", errors)
    assert [path.name for path in tmp_path.iterdir()] == ["callbacks.db"]
    assert stored(tmp_path / "callbacks.db") == [pairs()]


OLD = f"import sys; sys.version_info = (3, 8); sys.path.insert(0, {str(PROGRAM.parent)!r}); import receive_callbacks"
STARTS: list[tuple[list[str], dict[str, str], int, str]] = [
    *(([], {name: ""}, 2, f"set the environment variables: {name}") for name in VARIABLES),
    ([], {"CALLBACK_USER": "a:b"}, 2, "must not contain a colon"),
    *((["--port", port], {}, 1, "can't start: ") for port in ("65536", "-1", "TAKEN")),
    (["-c", OLD], {}, 1, "ImportError: receive_callbacks.py needs Python 3.9 or newer"),
    *(([], {"CALLBACK_DATABASE": path}, 1, "can't start: ") for path in ("missing/callbacks.db", ".", "text.db")),
]


@pytest.mark.parametrize(("options", "variables", "code", "message"), STARTS)
def test_cannot_start(options: list[str], variables: dict[str, str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This isn't a database. " * 50, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = [option.replace("TAKEN", str(taken.getsockname()[1])) for option in options]
        with run(tmp_path, *([] if "-c" in options else [str(PROGRAM)]), *options, **variables) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (code, "")
    assert message in errors.splitlines()[-1]
    assert PASSWORD not in errors
    assert "Traceback" not in errors or "-c" in options


def test_the_simulation(tmp_path: Path) -> None:
    """Nothing acknowledged is lost, here at a small size. tests/scheduled/test_receiver_proofs.py plants faults."""
    with run(tmp_path, str(SIMULATOR), "--callbacks", "400") as process:
        output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    assert "400 of 400 callbacks, 3 kills" in output
