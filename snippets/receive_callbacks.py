"""Receive delivery status callbacks and store each of them once.

It needs Python `3.11` or newer with `flask`, `lxml` and `waitress`.
It reads its settings from the environment: the SQLite file from `CALLBACK_DATABASE`, the user name and the password
that callbacks carry from `CALLBACK_USER` and `CALLBACK_PASSWORD`.

It speaks plain HTTP: put a proxy in front of it that ends TLS, since a password comes with each callback.

Independent work, not affiliated with Clickatell.
What no source specifies is decided here, and the guide marks it as a choice of this receiver.
"""

from __future__ import annotations

import argparse
import enum
import hmac
import logging
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, Request, Response, abort, request
from lxml import etree
from waitress.server import create_server
from werkzeug.exceptions import HTTPException, UnsupportedMediaType

__version__ = "1.0.0"
__all__ = ["DeliveryStatus", "MalformedCallback", "MessageStatus", "create_app", "main", "parse_fields"]

MAX_CALLBACK = 16 * 1024
"""How many bytes the query string or the body of a callback may have."""

BUSY_SECONDS = 3
"""For how many seconds a callback waits for the database before it is answered with HTTP status `503`."""

_FIELDS = {
    "apiMsgId": re.compile(r"[!-~]{1,64}"),
    "cliMsgId": re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{0,128}"),
    "timestamp": re.compile(r"[0-9]{9,10}"),
    "to": re.compile(r"[0-9]{1,20}"),
    "from": re.compile(r"[0-9]{1,20}"),
    "charge": re.compile(r"[0-9]{1,9}\.[0-9]{6}"),
    "status": re.compile(r"[0-9]{3}"),
}
_TIMES = range(946_684_800, 4_102_444_800)  # 2000 to 2099: what lies outside is no time of a message
_TABLE = """
CREATE TABLE IF NOT EXISTS delivery_status (
    api_msg_id TEXT NOT NULL, cli_msg_id TEXT NOT NULL, timestamp INTEGER NOT NULL, to_number TEXT NOT NULL,
    from_number TEXT NOT NULL, charge TEXT NOT NULL, status TEXT NOT NULL, PRIMARY KEY (api_msg_id, status)
)"""
_INSERT = "INSERT INTO delivery_status VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_PARSER = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
_LOG = logging.getLogger("receive_callbacks")


class MessageStatus(enum.StrEnum):
    """The documented status codes of a message, a list of their own: they are no error codes of a service call.

    Examples:
        ```python
        from receive_callbacks import MessageStatus

        print(MessageStatus("004").name)
        print(MessageStatus.RECEIVED_BY_RECIPIENT == "004")
        ```

        ```text title="Output"
        RECEIVED_BY_RECIPIENT
        True
        ```
    """

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


class MalformedCallback(ValueError):
    """A callback does not have the documented form; the message names the field, if it is one, and quotes no value."""


@dataclass(frozen=True)
class DeliveryStatus:
    """One delivery status of one message.

    Attributes:
        api_msg_id: The gateway's message id.
        cli_msg_id: The sender's own message id, which may be empty.
        timestamp: The time of the status, as an aware `datetime` in UTC.
        to_number: The number of the handset.
        from_number: The number of the sender.
        charge: The credits charged.
        status: A member of `MessageStatus`, or the `3` digits of a code that is not documented.
    """

    api_msg_id: str
    cli_msg_id: str
    timestamp: datetime
    to_number: str
    from_number: str
    charge: Decimal
    status: MessageStatus | str


def parse_fields(fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> DeliveryStatus:
    """Read the documented fields of a callback; others, such as `api_id`, are passed over.

    Args:
        fields: The names and values, as a mapping or as pairs in any order.

    Returns:
        The delivery status that the fields hold.

    Raises:
        MalformedCallback: A documented field is missing, repeated or malformed.
    """
    values: dict[str, str] = {}
    for name, value in fields.items() if isinstance(fields, Mapping) else fields:
        if name in values:
            raise MalformedCallback(f"The field {name} is repeated.")
        if name in _FIELDS:
            values[name] = value
    for name, form in _FIELDS.items():
        if name not in values:
            raise MalformedCallback(f"The field {name} is missing.")
        if not isinstance(values[name], str) or not form.fullmatch(values[name]):
            raise MalformedCallback(f"The field {name} is malformed.")
    seconds, code = int(values["timestamp"]), values["status"]
    if seconds not in _TIMES:
        raise MalformedCallback("The field timestamp is out of range.")
    return DeliveryStatus(
        api_msg_id=values["apiMsgId"],
        cli_msg_id=values["cliMsgId"],
        timestamp=datetime.fromtimestamp(seconds, UTC),
        to_number=values["to"],
        from_number=values["from"],
        charge=Decimal(values["charge"]),
        status=MessageStatus(code) if code in list(MessageStatus) else code,
    )


def _plain(code: int, text: str) -> Response:
    return Response(f"{text}\n", code, content_type="text/plain; charset=utf-8")


def _form_pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text.decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:  # it is no UTF-8, or the fields are too many
        raise MalformedCallback("The fields cannot be read.") from None


def _xml_pairs(document: bytes) -> Iterator[tuple[str, str]]:
    try:
        root = etree.fromstring(document, _PARSER)
    except etree.XMLSyntaxError:
        raise MalformedCallback("The XML is not well-formed.") from None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise MalformedCallback("The XML has a document type declaration.")
    if root.tag != "callback":
        raise MalformedCallback("The root element is not callback.")
    for child in root:
        if isinstance(child.tag, str) and child.tag in _FIELDS:
            if len(child):  # its text would end at the first child, a comment included
                raise MalformedCallback(f"The field {child.tag} is malformed.")
            yield child.tag, child.text or ""


def _content(callback: Request) -> bytes:
    """Return the query string or the body, whichever holds the fields."""
    content = callback.query_string if callback.method == "GET" else callback.get_data(cache=False)
    if len(content) > MAX_CALLBACK:
        abort(413)
    return content


def _pairs(callback: Request, content: bytes) -> Iterable[tuple[str, str]]:
    """Return the fields of a callback, by the way in which it came."""
    if callback.method == "GET" or callback.mimetype == "application/x-www-form-urlencoded":
        return _form_pairs(content)
    if callback.mimetype in {"text/xml", "application/xml"}:
        return _xml_pairs(content)
    raise UnsupportedMediaType


def _refused(callback: Request, size: int, code: int, reason: str) -> Response:
    """Answer a callback that is not stored, and log how it came: never what it holds."""
    content_type = ascii(callback.mimetype[:100])
    _LOG.warning("Refused a callback: %s (%s, content type %s, %d bytes)", reason, callback.method, content_type, size)
    return _plain(code, reason)


class _Store:
    """The database, with one connection that the threads share: each status is one transaction of its own."""

    def __init__(self, database: Path | str) -> None:
        # In turn, nobody waits long; connections of their own would poll for the lock and let some threads starve.
        self._turn = threading.Lock()
        self._connection = sqlite3.connect(
            database, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", _TABLE):
                self._connection.execute(statement)
        except sqlite3.Error:
            self._connection.close()
            raise

    def add(self, status: DeliveryStatus) -> None:
        """Return when the status is on disk: autocommit is on, and `synchronous = FULL` waits for the disk."""
        seconds = int(status.timestamp.timestamp())
        row = (status.api_msg_id, status.cli_msg_id, seconds, status.to_number, status.from_number)
        if not self._turn.acquire(timeout=BUSY_SECONDS):
            raise sqlite3.OperationalError("the callbacks before it still wait for the database")
        try:
            self._connection.execute(_INSERT, (*row, str(status.charge), str(status.status)))
        finally:
            self._turn.release()

    def close(self) -> None:
        with self._turn:
            self._connection.close()


def create_app(database: Path | str, user: str, password: str) -> Flask:
    """Make the receiver as a WSGI application, whose one path is `/callback`.

    Args:
        database: The SQLite file, made where there is none.
        user: The user name that callbacks carry.
        password: The password that callbacks carry.

    Returns:
        The application; `app.extensions["receive_callbacks"].close()` closes the database.

    Raises:
        ValueError: The user name or the password is empty, or the user name has a colon.
        sqlite3.Error: The database cannot be opened.
    """
    if not user or not password or ":" in user:
        raise ValueError("the user name and the password may not be empty, nor the user name have a colon")
    known_user, known_password = (text.encode(errors="surrogateescape") for text in (user, password))
    store = _Store(database)
    app = Flask("receive_callbacks", static_folder=None)
    # One byte more than the limit, since Werkzeug cuts a chunked body off where its own limit is.
    app.config["MAX_CONTENT_LENGTH"] = MAX_CALLBACK + 1
    app.extensions["receive_callbacks"] = store

    @app.before_request
    def authenticate() -> Response | None:
        given = request.authorization
        basic = given.parameters if given and given.type == "basic" else {}
        same_user = hmac.compare_digest((basic.get("username") or "").encode(), known_user)
        same_password = hmac.compare_digest((basic.get("password") or "").encode(), known_password)
        if same_user and same_password:
            return None
        answer = _plain(401, "The user name or the password is wrong.")
        answer.headers["WWW-Authenticate"] = 'Basic realm="callback", charset="UTF-8"'
        return answer

    @app.route("/callback", methods=["GET", "POST"], provide_automatic_options=False)
    def callback() -> Response:
        if request.method == "HEAD":  # Flask would answer it as a GET and store it
            abort(405)
        content = _content(request)
        try:
            store.add(parse_fields(_pairs(request, content)))
        except MalformedCallback as error:
            return _refused(request, len(content), 400, str(error))
        except UnsupportedMediaType as error:
            return _refused(request, len(content), 415, error.name)
        except sqlite3.Error as error:
            _LOG.error("Could not store a callback: %s", error)
            return _plain(503, "The callback is not stored. Send it again later.")
        return _plain(200, "OK")

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Response:
        answer = _plain(error.code or 500, error.name)
        if error.code == 405:
            answer.headers["Allow"] = "GET, POST"
        return answer

    return app


def main() -> int:
    """Serve until a signal to stop comes.

    Returns:
        The exit status: `0` after a signal to stop, `1` where the receiver cannot start or ends by itself.

    Raises:
        SystemExit: The options or the settings cannot be used, with the exit status `2`; or the options ask for help.
    """
    parser = argparse.ArgumentParser(
        description="Receive delivery status callbacks on /callback and store them in an SQLite database.",
        epilog="Set CALLBACK_DATABASE to the file, CALLBACK_USER and CALLBACK_PASSWORD to what the callbacks carry.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    options = parser.parse_args()
    names = ("CALLBACK_DATABASE", "CALLBACK_USER", "CALLBACK_PASSWORD")
    if missing := [name for name in names if not os.environ.get(name)]:
        parser.error(f"set the environment variables: {', '.join(missing)}")  # exit status 2
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a burst of callbacks is no event of its own
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
        print(f"{parser.prog}: cannot start: {error}", file=sys.stderr)
        return 1
    with closing(app.extensions["receive_callbacks"]):
        # Waitress reads a whole body first, and closes the connection on one that is too large for itself: so its
        # limit is far above that of the application, whose answer a sender can always read.
        server = create_server(
            app, sockets=[listener], threads=8, connection_limit=200, channel_timeout=30, max_request_body_size=2**20
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        shown = f"[{options.host}]" if ":" in options.host else options.host
        print(f"Ready on http://{shown}:{listener.getsockname()[1]}/callback. Stop with Ctrl+C.", flush=True)
        while thread.is_alive() and not stopped.wait(0.5):
            pass
        server.task_dispatcher.shutdown()  # lets the callbacks that are being stored end
    return 0 if stopped.is_set() else 1


if __name__ == "__main__":
    sys.exit(main())
