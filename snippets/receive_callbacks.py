# /// script
# requires-python = ">=3.9"
# dependencies = ["flask", "lxml", "waitress"]
# ///
"""Receive delivery status callbacks and store each of them once.

Set `CALLBACK_DATABASE` to the SQLite file, and set `CALLBACK_USER` and `CALLBACK_PASSWORD` to the user name and
password of the callback. Then run this file. The receiver accepts only plain HTTP, so put a proxy with TLS in front of
it, because each callback contains the password.

Independent of Clickatell. If the sources don't describe a case, the reference says what we chose.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 9):  # noqa: UP036 (a reader may start it with any Python)
    raise ImportError("receive_callbacks.py needs Python 3.9 or newer: run it with a newer Python.")

import argparse
import base64
import enum
import hmac
import json
import logging
import os
import random
import re
import signal
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, Response, abort, g, request
from lxml import etree
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer, create_server
from waitress.task import ErrorTask
from werkzeug.exceptions import HTTPException

__version__ = "1.0.0"
__all__ = ["DeliveryStatus", "MalformedCallback", "MessageStatus", "create_app", "parse_fields", "read_statuses"]

MAX_CALLBACK = 16 * 1024  # bytes of the query string and the body of a callback
BUSY_SECONDS = 3  # how long a callback waits for a locked database before the response is HTTP status 503
IDLE_SECONDS = 10  # how long a connection may send nothing before the receiver closes it
LOG_LINES, LOG_SECONDS = 20, 60  # how many lines one HTTP status gets in the log, in how many seconds

_TEXT = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"  # a byte that isn't UTF-8 arrives as a surrogate
_FORMS = {
    "apiMsgId": re.compile(f"{_TEXT}+"),
    "status": re.compile(f"{_TEXT}+"),
    "cliMsgId": re.compile(f"{_TEXT}*"),
    "timestamp": re.compile("[1-9][0-9]{8,9}"),
    "to": re.compile(f"{_TEXT}+"),
    "from": re.compile(f"{_TEXT}+"),
    "charge": re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?"),
}
_TABLE = """
CREATE TABLE IF NOT EXISTS callback (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, api_msg_id TEXT NOT NULL,
    status TEXT NOT NULL, fields TEXT NOT NULL, UNIQUE (api_msg_id, fields)
)"""
_INSERT = "INSERT INTO callback (received_at, api_msg_id, status, fields) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_SELECT = "SELECT id, received_at, fields FROM callback WHERE id > ? ORDER BY id LIMIT 500"
_XML_TYPE = re.compile(r"(text|application)/(xml|[\w.-]+\+xml)")
_LOG = logging.getLogger("receive_callbacks")


class MessageStatus(str, enum.Enum):  # Python 3.9 doesn't have StrEnum
    """Delivery statuses, with the meanings in Clickatell's HTTP API Specification. They aren't error codes."""

    MESSAGE_UNKNOWN = "001"
    QUEUED = "002"
    DELIVERED_TO_GATEWAY = "003"
    RECEIVED_BY_RECIPIENT = "004"
    ERROR_WITH_MESSAGE = "005"
    USER_CANCELLED_DELIVERY = "006"
    ERROR_DELIVERING_MESSAGE = "007"
    RECEIVED_BY_GATEWAY = "008"
    ROUTING_ERROR = "009"
    MESSAGE_EXPIRED = "010"
    QUEUED_FOR_LATER_DELIVERY = "011"
    OUT_OF_CREDIT = "012"
    MAXIMUM_MT_LIMIT_EXCEEDED = "014"

    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]


class MalformedCallback(ValueError):
    """A callback without a readable `apiMsgId` and `status`. The message says why, but doesn't quote values."""


@dataclass(frozen=True)
class DeliveryStatus:
    """One callback. An attribute is `None` if its field can't be read, and `problems` says why.

    Attributes:
        api_msg_id: The gateway's message id.
        status: A member of `MessageStatus`, or a `str` if the delivery status isn't documented.
        cli_msg_id: The sender's own message id, which may be empty.
        timestamp: The field `timestamp`, as an aware `datetime` in UTC.
        recipient: The field `to`.
        sender: The field `from`, which may contain letters.
        charge: The price of the message, in credits.
        fields: All names and values as they arrived. A byte that isn't UTF-8 is a surrogate (`surrogateescape`).
        problems: A sentence for each documented field that is missing, empty, malformed or repeated.
        id: The number of the row, from 1 upwards. It is 0 before the callback is stored.
        received_at: When the callback was stored, in UTC. It is `None` before that.
    """

    api_msg_id: str
    status: MessageStatus | str
    cli_msg_id: str | None
    timestamp: datetime | None
    recipient: str | None
    sender: str | None
    charge: Decimal | None
    fields: tuple[tuple[str, str], ...]
    problems: tuple[str, ...]
    id: int = 0
    received_at: datetime | None = None


def parse_fields(fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> DeliveryStatus:
    """Read the fields of a callback, given as a mapping or as pairs of name and value.

    Ignores the case of names and white space around values, puts zeros in front of a `status` of one or two digits,
    and uses the first readable value of a repeated field.

    Raises:
        MalformedCallback: The field `apiMsgId` or `status` is missing, empty or malformed.
    """
    pairs = tuple(fields.items() if isinstance(fields, Mapping) else fields)
    values: dict[str, str | None] = {}
    problems = []
    for name, form in _FORMS.items():
        found = [value.strip() for key, value in pairs if key.lower() == name.lower()]
        readable = [value for value in found if form.fullmatch(value)]
        values[name] = readable[0] if readable else None
        if len(found) > 1:
            problems.append(f"The field {name} is repeated.")
        if not readable:
            problems.append(f"The field {name} is {'malformed' if any(found) else 'empty' if found else 'missing'}.")
    api_msg_id, code, seconds, charge = (values[name] for name in ("apiMsgId", "status", "timestamp", "charge"))
    if api_msg_id is None or code is None:
        raise MalformedCallback(" ".join(problem for problem in problems if re.search("apiMsgId|status", problem)))
    if re.fullmatch("[0-9]{1,3}", code):
        code = code.zfill(3)
    else:
        problems.append("The field status is malformed.")
    return DeliveryStatus(
        api_msg_id=api_msg_id,
        status=MessageStatus(code) if code in list(MessageStatus) else code,
        cli_msg_id=values["cliMsgId"],
        timestamp=datetime.fromtimestamp(int(seconds), timezone.utc) if seconds else None,
        recipient=values["to"],
        sender=values["from"],
        charge=Decimal(charge) if charge else None,
        fields=pairs,
        problems=tuple(problems),
    )


def read_statuses(database: Path | str, after: int = 0) -> Iterator[DeliveryStatus]:
    """Read the stored callbacks, oldest first, even while the receiver runs.

    Args:
        database: The SQLite file of the receiver.
        after: Skip the callbacks up to this `id`, for example the last one that you processed.

    Yields:
        Each callback, with `id` and `received_at`.

    Raises:
        sqlite3.Error: The file doesn't exist, or SQLite can't read it.
    """
    uri = f"{Path(database).absolute().as_uri()}?mode=rw"  # the default mode would create a missing file
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
        # In parts, so that no transaction stays open while the caller works.
        while rows := connection.execute(_SELECT, (after,)).fetchall():
            for after, seconds, fields in rows:
                status = parse_fields((name, value) for name, value in json.loads(fields))
                yield replace(status, id=after, received_at=datetime.fromtimestamp(seconds, timezone.utc))


def _form_pairs(content: bytes) -> list[tuple[str, str]]:
    return parse_qsl(content.decode(errors="surrogateescape"), keep_blank_values=True, errors="surrogateescape")


def _xml_pairs(document: bytes, encoding: str | None = None) -> list[tuple[str, str]]:
    """Return the elements that contain text as fields, regardless of the elements around them."""
    safe: dict[str, Any] = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}
    try:
        root: Any = etree.fromstring(document, etree.XMLParser(encoding=encoding, **safe))
    except etree.XMLSyntaxError:
        raise MalformedCallback("The XML is not well-formed.") from None
    if root.getroottree().docinfo.doctype:
        raise MalformedCallback("The XML contains a document type declaration.")
    fields = [node for node in root.iter("*") if node.find("*") is None or (node.text or "").strip()]
    return [(etree.QName(node).localname, "".join(node.xpath("text()"))) for node in fields]


def _read(query: bytes, body: bytes, content_type: str) -> DeliveryStatus:
    """Read the query string and the body, which is a form or XML. Documented XML is the value of a field `data`."""
    is_xml = _XML_TYPE.fullmatch(content_type) or body.lstrip().startswith(b"<")
    pairs = [*_form_pairs(query), *(_xml_pairs(body) if is_xml else _form_pairs(body))]
    documents = [value for _, value in pairs if value.lstrip().startswith("<")]
    try:
        return parse_fields(pairs)
    except MalformedCallback:
        if not documents:
            raise
    for text in documents:  # a SOAP envelope declares ISO-8859-1
        encoding = "iso-8859-1" if re.search("[\udc80-\udcff]", text) else "utf-8"
        pairs += _xml_pairs(text.encode(errors="surrogateescape"), encoding)
    return parse_fields(pairs)


def _credentials(header: str) -> tuple[bytes, bytes]:
    """Return the user name and the password of an `Authorization` header; both are empty if it can't be read."""
    scheme, _, encoded = header.partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
    except ValueError:  # not Base64, or not ASCII
        decoded = b""
    user, _, password = decoded.partition(b":")
    return user, password


def _cut(text: str) -> str:
    """Cut a text that any sender can choose, so that the log gets no line break and no field of a callback."""
    shown = re.sub(r"(?s)[^\w/.~+-].*", "", text[:60], flags=re.ASCII)
    return (shown if shown == text else f"{shown}...") or "none"


class _Log:
    """Writes a line for each request that isn't stored, up to a number of lines for each HTTP status."""

    def __init__(self) -> None:
        self._lock, self._lines = threading.Lock(), Counter[int]()

    def write(self, code: int, method: str, path: str, size: int, content_type: str, reason: str) -> None:
        with self._lock:
            if not self._lines:
                timer = threading.Timer(LOG_SECONDS, self.end_period)
                timer.daemon = True
                timer.start()
            self._lines[code] += 1
            if self._lines[code] > LOG_LINES:
                return
        level = logging.INFO if code < 400 else logging.WARNING if code < 500 else logging.ERROR
        came = f"{_cut(method)} {_cut(path)}, {size} bytes, content type {_cut(content_type)}"
        _LOG.log(level, "HTTP status %d: %s: %s", code, came, reason)

    def end_period(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, Counter()
        for code, count in lines.items():
            if count > LOG_LINES:
                _LOG.warning("HTTP status %d: %d more lines left out", code, count - LOG_LINES)


def _identity(path: str) -> tuple[int, int] | None:
    """Tell whether two paths, or one path at two times, lead to the same file."""
    with suppress(OSError):
        entry = os.stat(path)  # noqa: PTH116 (faster than Path, and each callback waits for it)
        return entry.st_dev, entry.st_ino
    return None


class _Store:
    """The database. The threads share one connection and take turns, and each callback is a transaction."""

    def __init__(self, database: Path | str) -> None:
        path = Path(database).absolute()
        real = os.path.realpath(path)  # SQLite keeps the other files next to the file that a link leads to
        self._paths = (str(path), f"{real}-wal", f"{real}-shm")
        self._turn, self._locked, self.log = threading.Lock(), False, _Log()
        path.touch()
        identity = _identity(self._paths[0])
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        deadline = time.monotonic() + 10 * BUSY_SECONDS
        while True:  # because SQLite itself doesn't wait when several receivers switch a new database to WAL
            try:
                for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _TABLE):
                    self._connection.execute(statement)
                break
            except sqlite3.Error as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    self._connection.close()
                    raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 (so that two receivers don't meet again)
        self._opened = [identity, *map(_identity, self._paths[1:])]

    def add(self, status: DeliveryStatus) -> None:
        """Return when the callback is on disk (`synchronous = FULL`), in the file that is at the path.

        After one callback waited in vain for a locked database, the next ones hardly wait until one is stored again.
        So a queue of callbacks gets its responses within about `BUSY_SECONDS`.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise sqlite3.OperationalError("other callbacks still wait for the database")
        try:
            wait = 0.01 if self._locked else max(0, deadline - time.monotonic())
            self._connection.execute(f"PRAGMA busy_timeout = {wait * 1000:.0f}")
            row = (int(time.time()), status.api_msg_id, str(status.status), json.dumps(status.fields))
            self._connection.execute(_INSERT, row)
            self._locked = False
            if list(map(_identity, self._paths)) != self._opened:
                self._checkpoint()
                raise sqlite3.OperationalError(
                    "the database file was moved or replaced: put it back, or restart the receiver"
                )
        except sqlite3.OperationalError as error:
            self._locked = self._locked or "locked" in str(error)
            raise
        finally:
            self._turn.release()

    def _checkpoint(self) -> None:
        """Copy the callbacks from the -wal file into the database, also if that was moved."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint").fetchall()

    def close(self) -> None:
        with self._turn:
            self._checkpoint()
            self._connection.close()
        self.log.end_period()


class _Plain(Response):
    default_mimetype = "text/plain"


def create_app(database: Path | str, user: str, password: str) -> Flask:
    """Create the receiver as a WSGI application. Its path is `/callback`, with or without a slash at the end.

    Args:
        database: The SQLite file, which is created if it is missing.
        user: The user name of the callback, without a colon.
        password: The password of the callback.

    Returns:
        The application. `app.extensions["receive_callbacks"].close()` closes the database.

    Raises:
        ValueError: The user name or the password is empty, or the user name contains a colon.
        OSError, sqlite3.Error: The receiver can't create or open the database.
    """
    if not user or not password or ":" in user:
        raise ValueError("user name and password must not be empty, and the user name must not contain a colon")
    known_user, known_password = (text.encode(errors="surrogateescape") for text in (user, password))
    store = _Store(database)
    app = Flask("receive_callbacks", static_folder=None)
    app.response_class = _Plain
    app.url_map.merge_slashes = False  # two slashes are HTTP status 404 and not a redirect
    app.config["MAX_CONTENT_LENGTH"] = MAX_CALLBACK + 1  # Werkzeug cuts a chunked body here, so one byte more
    app.extensions["receive_callbacks"] = store

    @app.before_request
    def authenticate() -> tuple[str, int, dict[str, str]] | None:
        user, password = _credentials(request.headers.get("Authorization", ""))
        same_user, same_password = hmac.compare_digest(user, known_user), hmac.compare_digest(password, known_password)
        challenge = {"WWW-Authenticate": 'Basic realm="callback", charset="UTF-8"'}
        return None if same_user and same_password else ("The user name or the password is wrong.\n", 401, challenge)

    @app.route("/callback", methods=["GET", "POST"], strict_slashes=False, provide_automatic_options=False)
    def callback() -> tuple[str, int]:
        query, body = request.query_string, request.get_data(cache=False)
        if request.method == "HEAD" or (request.method == "GET" and not query + body):
            return "This URL receives callbacks.\n", 200
        if len(query + body) > MAX_CALLBACK:
            abort(413)
        try:
            store.add(_read(query, body, request.mimetype))
        except MalformedCallback as error:
            known = request.method == "GET" or request.mimetype == "application/x-www-form-urlencoded"
            return f"{error}\n", 400 if known or _XML_TYPE.fullmatch(request.mimetype) else 415
        except sqlite3.Error as error:
            g.reason = str(error)
            return "The callback isn't stored. Send it again later.\n", 503
        g.stored = True
        return "OK\n", 200

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[str, int, dict[str, str]]:
        return f"{error.name}\n", error.code or 500, {"Allow": "GET, HEAD, POST"} if error.code == 405 else {}

    @app.after_request
    def log(response: Response) -> Response:
        if "stored" not in g:
            size = len(request.query_string) + (request.content_length or 0)
            reason = g.get("reason") or response.get_data(as_text=True).strip()
            store.log.write(response.status_code, request.method, request.path, size, request.mimetype, reason)
        return response

    return app


def _server(app: Flask, listener: socket.socket) -> BaseWSGIServer:
    """Create the server, which also logs the requests that it refuses before they reach the application."""
    log = app.extensions["receive_callbacks"].log

    class LoggedError(ErrorTask):
        def execute(self) -> None:
            refused: Any = self.request
            first_line: bytes = getattr(refused, "first_line", b"")
            method, path = [*first_line.decode("latin-1").split(), "", ""][:2]
            size = max(refused.content_length, refused.body_bytes_received)
            log.write(refused.error.code, method, path, size, "", refused.error.reason)
            super().execute()

    class Channel(HTTPChannel):
        error_task_class = LoggedError

    # Waitress closes the connection if a body is too large for it. So its limit is far above that of the application,
    # whose response a sender can always read.
    limits: Any = {"threads": 8, "connection_limit": 200, "channel_timeout": IDLE_SECONDS, "cleanup_interval": 1}
    server: Any = create_server(app, sockets=[listener], max_request_body_size=2**20, **limits)
    server.channel_class = Channel
    return server  # type: ignore[no-any-return]


def main() -> int:
    """Run the receiver until a signal stops it, and return the exit status."""
    parser = argparse.ArgumentParser(
        description="Receive delivery status callbacks on /callback and store them in an SQLite database.",
        epilog="Set CALLBACK_DATABASE to the file, and CALLBACK_USER and CALLBACK_PASSWORD as in create_connection.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    options = parser.parse_args()
    names = ("CALLBACK_DATABASE", "CALLBACK_USER", "CALLBACK_PASSWORD")
    if missing := [name for name in names if not os.environ.get(name)]:
        parser.error(f"set the environment variables: {', '.join(missing)}")  # exit status 2
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("waitress").setLevel(logging.WARNING)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each burst of callbacks
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        app = create_app(*(os.environ[name] for name in names))
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listener = socket.create_server((options.host, options.port), family=family)
    except ValueError as error:
        parser.error(str(error))
    except (OSError, OverflowError, sqlite3.Error) as error:
        print(f"{parser.prog}: can't start: {error}", file=sys.stderr)
        return 1
    with closing(app.extensions["receive_callbacks"]):
        server = _server(app, listener)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        shown = f"[{options.host}]" if ":" in options.host else options.host
        print(f"Ready on http://{shown}:{listener.getsockname()[1]}/callback. Stop with Ctrl+C.", flush=True)
        while thread.is_alive() and not stopped.wait(0.5):
            pass
        server.task_dispatcher.shutdown()  # finishes the callbacks that are being stored
    return 0 if stopped.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
