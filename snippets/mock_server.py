# /// script
# requires-python = ">=3.9"
# dependencies = ["trustme"]
# ///
"""A mock of the Connect API for tests, which runs on your machine.

This file contains every document that the mock returns.
If the sources don't say what the service does, the mock's reference page says what we chose.
Independent of Clickatell.
"""

from __future__ import annotations

import argparse
import http.client
import re
import secrets
import shlex
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingTCPServer
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, quote_plus, urlencode
from xml.etree import ElementTree
from xml.sax.saxutils import escape

try:
    import trustme
except ImportError as error:
    raise ImportError("mock_server.py needs Python 3.9 or later and trustme: run pip install trustme") from error

__version__ = "1.0.0"
__all__ = ["Callback", "Captcha", "Delivery", "Exchange", "MockServer"]

MAX_REQUEST = 1024 * 1024
"""The largest request body that the mock accepts, in bytes."""

IDLE_SECONDS = 30
"""How many seconds a connection can send nothing before the mock closes it."""

CAPTCHA_SECONDS = 15 * 60
"""How many seconds a captcha is valid. Source: User Guide."""

ACCOUNTS = {"sampleuser": ("samplepass1", True), "newuser": ("samplepass2", False)}
"""Sample users, each with a password, and whether the account is activated by email."""

CALLBACK_TYPES = {"0": "HTTP GET", "1": "HTTP POST", "2": "XML POST", "3": "XML GET", "5": "SOAP GET", "6": "SOAP POST"}
"""The recorded ids and names of the callback types. The names are in capitals, as in the specification."""

CONNECTION_IDS = ("2", "7", "9", "12", "13", "14")
"""The recorded ids of the connection types. `7` is `FTP API`."""

STATUS = {
    "apiMsgId": "996411ad91fa211e7d17bc873aa4a41d",
    "cliMsgId": "abc123",
    "timestamp": "1218008129",
    "to": "279995631564",
    "from": "27833001171",
    "charge": "0.300000",
    "status": "004",
}
"""The fields that the mock sends by default with an HTTP type: the sample of Clickatell's callback page."""

_PARAMETERS = {
    *("user", "password", "captcha_id", "captcha_code", "connection_id", "ftp_password", "api_description"),
    *("ip_address", "dial_prefix", "callback_url", "callback_type_id", "callback_username", "callback_password"),
}
_DIGITS = (0x7B6F, 0x2C97, 0x73E7, 0x73CF, 0x5BC9, 0x79CF, 0x79EF, 0x7252, 0x7BEF, 0x7BCF)
"""The digits, as pictures of five rows of three pixels."""

# Only these hosts are on this machine in any case. Without user names and backslashes, parsers can't disagree on a URL.
_LOOPBACK = re.compile(
    r"(?P<scheme>https?)://(?P<host>localhost|127\.0\.0\.1|\[::1\])(:(?P<port>[0-9]{1,5}))?(?P<target>([/?][^\\\s#]*)?)(#[^\\\s]*)?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class Exchange:
    """A request that the mock received, with its response.

    Attributes:
        secure: Whether the request used TLS.
        method: The HTTP method.
        target: The path and the query string, as received.
        headers: The headers of the request. You can look them up in any case.
        body: The body of the request, as received.
        document: The value of the parameter `XML`, or `None` if there isn't exactly one.
        action: The text of the element `action`, or `None` if there isn't one.
        status: The HTTP status of the response.
        response_headers: The headers of the response.
        response: The body of the response.
    """

    secure: bool
    method: str
    target: str
    headers: Message
    body: bytes
    document: str | None
    action: str | None
    status: int
    response_headers: Mapping[str, str]
    response: bytes


class Callback(NamedTuple):
    """A callback: its `url`, the name of its type as `transport`, and its `username` and `password`."""

    url: str
    transport: str
    username: str = ""
    password: str = ""


class Delivery(NamedTuple):
    """How a receiver responded. Without a response, `status` is `None`, and `text` is the name of the error."""

    transport: str
    status: int | None
    text: str


@dataclass
class Captcha:
    """A captcha: the digits in the picture, when it expires (as `time.monotonic`), and whether it was used."""

    code: str
    expires: float
    redeemed: bool = False


class MockServer:
    """A mock that listens on two ports of this machine, one for HTTPS and one for plain HTTP.

    Use it as a context manager.

    Args:
        host: The address to listen on.
        port: The port for plain HTTP. `0` picks a free port.
        tls_port: The port for HTTPS. `0` picks a free port.
        hostnames: Names to add to the certificate, which is always valid for this machine.
        ca_file: Where to write the certificate authority. The default is a temporary file. `close` removes the file.
        xml_dir: A folder with documents to add, or to use instead of the documents in this file.
        report: A function to call with each exchange.

    Attributes:
        url: The base URL for HTTPS.
        http_url: The base URL for plain HTTP. Every call to it returns error `009`.
        tls_port: The port for HTTPS.
        ca_file: The certificate authority to trust, in PEM format.
        exchanges: The requests and responses, oldest first.
        callbacks: The callbacks that were configured, oldest first.
        captchas: The captchas that the mock created, by id.

    Raises:
        OSError: The mock can't use a port, can't write `ca_file`, or can't read `xml_dir`.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        *,
        hostnames: Sequence[str] = (),
        ca_file: Path | None = None,
        xml_dir: Path | None = None,
        report: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._documents = {name: text.encode() for name, text in DOCUMENTS.items()}
        if xml_dir:
            next(xml_dir.iterdir(), None)  # raises an error if there is no such folder
            for path in [*xml_dir.glob("*.xml"), *xml_dir.glob("*/*.xml")]:
                self._documents[path.relative_to(xml_dir).as_posix()] = path.read_bytes()
        self.exchanges: list[Exchange] = []
        self.callbacks: list[Callback] = []
        self.captchas: dict[str, Captcha] = {}
        self._failures: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._report = report
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "::1", "localhost", *hostnames).configure_cert(context)
        self._authority = authority.cert_pem.bytes()
        with ExitStack() as resources:  # closes the first port if a later step fails
            http = resources.enter_context(_Listener(self, host, port))
            https = resources.enter_context(_Listener(self, host, tls_port, context))
            if ca_file is None:
                ca_file = Path(resources.enter_context(TemporaryDirectory(prefix="connect-api-mock-"))) / "mock-ca.pem"
            ca_file.write_bytes(self._authority)
            self._resources = resources.pop_all()
        self.ca_file = ca_file
        self.tls_port: int = https.server_address[1]
        shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
        self.http_url = f"http://{shown}:{http.server_address[1]}"
        self.url = f"https://{shown}:{self.tls_port}"

    def __enter__(self) -> MockServer:  # noqa: PYI034 (Self needs Python 3.11)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the mock, and remove the file with its certificate authority."""
        # Another mock may have replaced the file.
        if self.ca_file.exists() and self.ca_file.read_bytes() == self._authority:
            self.ca_file.unlink()
        self._resources.close()

    def reset(self) -> None:
        """Forget all exchanges, callbacks, captchas and failed sign-ins, for example between two tests."""
        for records in (self.exchanges, self.callbacks, self.captchas, self._failures):
            records.clear()

    def deliver(self, /, transport: str | None = None, **fields: str) -> Delivery:
        """Send a delivery status to the callback that was configured last.

        An XML or SOAP callback contains the documented sample as the parameter `data`.

        Args:
            transport: The name of a callback type, in any case. The default is the type that was configured.
            **fields: Fields that replace those of the sample.

        Returns:
            The response of your receiver.

        Raises:
            LookupError: No callback is configured.
            ValueError: The callback's URL isn't on this machine, or the callback type isn't in `CALLBACK_TYPES`.
        """
        if not self.callbacks:
            raise LookupError("No callback is configured: call create_connection with a callback_url first.")
        callback = self.callbacks[-1]
        url = _LOOPBACK.fullmatch(callback.url)
        if not url or int(url["port"] or 0) > 65535:
            raise ValueError("The mock only calls this machine: use 127.0.0.1, [::1] or localhost in callback_url.")
        transport = (transport or callback.transport).upper()
        if transport not in CALLBACK_TYPES.values():
            known = ", ".join(sorted(CALLBACK_TYPES.values()))
            raise ValueError(f"The mock can't send {transport}. Use one of these as the transport: {known}.")
        kind, _, method = transport.partition(" ")
        parameters = urlencode({**STATUS, **fields}) if kind == "HTTP" else _document_parameter(kind, fields)
        target = quote(url["target"], safe="/?%:@!$&'()*+,;=~[]")
        target = target if target.startswith("/") else f"/{target}"
        body, headers = None, {}
        if method == "GET":
            target = f"{target}{'&' if '?' in target else '?'}{parameters}"
        else:
            body, headers["Content-Type"] = parameters, "application/x-www-form-urlencoded"
        if callback.username:
            credentials = b64encode(f"{callback.username}:{callback.password}".encode()).decode()
            headers["Authorization"] = f"Basic {credentials}"
        tls = url["scheme"].lower() == "https"
        connect = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        connection = connect(url["host"].strip("[]"), int(url["port"] or (443 if tls else 80)), timeout=10)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return Delivery(transport, response.status, response.read(MAX_REQUEST).decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            return Delivery(transport, None, type(error).__name__)
        finally:
            connection.close()

    def lines_to_paste(self) -> str:
        """Return the shell commands that point a program at this mock, and the commands that undo them."""
        ca_file = str(self.ca_file.absolute())
        variables = {
            "CONNECT_API_URL": self.url,
            "CONNECT_API_TOKEN": "AUTHENTICATION_TOKEN",
            "REQUESTS_CA_BUNDLE": ca_file,
            "CURL_CA_BUNDLE": ca_file,
        }
        lines = ["macOS and Linux:", *(f"export {name}={shlex.quote(value)}" for name, value in variables.items())]
        lines += ["", "To undo:", f"unset {' '.join(variables)}", "", "PowerShell:"]
        lines += ["$Env:{} = '{}'".format(name, value.replace("'", "''")) for name, value in variables.items()]
        lines += ["", "To undo:", f"Remove-Item {', '.join(f'Env:{name}' for name in variables)}"]
        return "\n".join(lines)

    def _respond(self, handler: _Handler, body: bytes) -> Exchange:
        # Python decodes the request line as Latin-1, but some clients send raw UTF-8 in the query string.
        path, _, query = handler.path.encode("latin-1").decode(errors="replace").partition("?")
        form = parse_qsl(query, keep_blank_values=True)
        if "application/x-www-form-urlencoded" in handler.headers.get("Content-Type", "").lower():
            form += parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
        document = action = None
        response: bytes | str  # a document, or plain text
        if handler.command not in ("GET", "POST"):
            status, response = 405, "Call the Connect API with GET or POST."
        elif len(body) > MAX_REQUEST:
            status, response = 413, f"The body is larger than {MAX_REQUEST} bytes."
        elif path == "/_mock/deliver":
            status, response = self._deliver(dict(form))
        else:
            values = [value for name, value in form if name == "XML"]
            document = values[0] if len(values) == 1 else None
            elements = _elements(document or "")
            action = elements.get("action")
            with self._lock:
                status, response = self._document(handler, path[1:], elements)
        kind = "text/xml" if isinstance(response, bytes) else "text/plain; charset=utf-8"
        response = response if isinstance(response, bytes) else f"{response}\n".encode()
        headers = {"Content-Type": kind, "Content-Length": str(len(response))}
        if status == 405:
            headers["Allow"] = "GET, POST"
        request = (handler.server.context is not None, handler.command, handler.path, handler.headers, body)
        exchange = Exchange(*request, document, action, status, headers, response)
        self.exchanges.append(exchange)
        if self._report:
            self._report(exchange)
        return exchange

    def _document(self, handler: _Handler, token: str, elements: Mapping[str, str]) -> tuple[int, bytes | str]:
        """Choose the document that the token or the action asks for."""
        action = elements.get("action", "")
        name = token if token.endswith(".xml") else f"{token}.xml"
        if not token or "/" in token:
            return 404, "The path must be the authentication token."
        if status := re.fullmatch("status-([45][0-9][0-9])", token):
            return int(status[1]), "The token asked for this HTTP status."
        if handler.server.context is None:
            document = self._documents["error-009.xml"]
        elif not action:
            document = self._documents["error-430.xml"]
        elif name in self._documents and name not in ("response.xml", "recorded.xml"):
            document = self._documents[name]
        elif name.startswith("error-"):
            known = ", ".join(sorted(name[:-4] for name in self._documents if name.startswith("error-")))
            return 404, f"The mock doesn't have a document for this error, only for {known}."
        else:
            document = self._call(action, name, elements, handler.client_address[0])
        if b"<Result>Error</Result>" in document:
            asked = f"<Action>{escape(action)}</Action>".encode()
            document = re.sub(rb"<Action>[^<]*</Action>", lambda _: asked, document)
        return 200, document

    def _call(self, action: str, name: str, elements: Mapping[str, str], address: str) -> bytes:
        if action == "get_list_callback":
            return self._documents["recorded.xml" if name == "recorded.xml" else "response.xml"]
        if action not in ("get_list_connection", "get_captcha", "authenticate_user", "create_connection"):
            return self._documents["error-430.xml"]
        response = self._documents[f"{action.replace('_', '-')}/response.xml"]
        if action == "get_captcha":
            return self._new_captcha(response)
        errors = [] if action == "get_list_connection" else self._sign_in(elements, address)
        if action == "create_connection":
            errors = errors or self._configure(elements)
        if not errors:
            return response
        lines = ["<CLICKATELLSDK>", f"  <Action>{action}</Action>", "  <Result>Error</Result>"]
        for code in errors:
            lines += [f"  <Error>{code}</Error>", f"  <Description>{_MESSAGES[code]}</Description>"]
        return "\n".join([*lines, "</CLICKATELLSDK>", ""]).encode()

    def _new_captcha(self, response: bytes) -> bytes:
        captcha_id, code = secrets.token_hex(16), f"{secrets.randbelow(10**6):06}"
        self.captchas[captcha_id] = Captcha(code, time.monotonic() + CAPTCHA_SECONDS)
        for name, value in (("captcha_id", captcha_id), ("captcha_image", quote_plus(_png(code)))):
            response = re.sub(f"(<{name}>)[^<]*".encode(), rb"\g<1>" + value.encode(), response)
        return response

    def _check_captcha(self, captcha_id: str, code: str) -> str | None:
        captcha = self.captchas.get(captcha_id)
        if captcha is None or captcha.redeemed:
            return "403" if captcha else "400"
        if captcha.expires <= time.monotonic():
            return "402"
        if captcha.code != code:
            captcha.expires = 0  # a captcha expires after 1 failed attempt, as the User Guide says
            return "401"
        captcha.redeemed = True
        return None

    def _sign_in(self, elements: Mapping[str, str], address: str) -> list[str]:
        """Check user, password and captcha; return the codes of the errors."""
        user, password = elements.get("user", ""), elements.get("password", "")
        limits = {"431": 1 <= len(user) <= 128, "432": 1 <= len(password) <= 32}
        if not all(limits.values()):
            return [code for code, passed in limits.items() if not passed]
        by_user, by_address = f"user {user}", f"address {address}"
        if "captcha_id" in elements or "captcha_code" in elements:
            if error := self._check_captcha(elements.get("captcha_id", ""), elements.get("captcha_code", "")):
                return [error]
        elif self._failures[by_address] >= 10:
            return ["003"]
        elif self._failures[by_user] >= 2:
            return ["004"]
        expected, activated = ACCOUNTS.get(user, ("", False))
        if password != expected:
            self._failures.update([by_user, by_address])
            return ["404"]
        if not activated:
            return ["103"]
        del self._failures[by_user], self._failures[by_address]
        return []

    def _configure(self, elements: Mapping[str, str]) -> list[str]:
        """Keep the callback of a `create_connection`; return the codes of the errors."""
        get = elements.get
        valid = {
            "419": get("connection_id", "2") in CONNECTION_IDS,
            "420": len(get("ftp_password", "")) in range(get("connection_id") == "7", 11),
            "421": re.fullmatch(r"[0-9]*", get("dial_prefix", "")),
            "422": re.fullmatch(r"[0-9a-fA-F:., ]*", get("ip_address", "")),
            "423": re.fullmatch(r"(https?://[^\s\\]+)?", get("callback_url", ""), re.IGNORECASE),
            "424": get("callback_type_id", "0") in CALLBACK_TYPES,
            "425": len(get("callback_username", "")) <= 64,
            "426": len(get("callback_password", "")) <= 64,
        }
        errors = [code for code, passed in valid.items() if not passed]
        if not errors and get("callback_url"):
            transport = CALLBACK_TYPES[get("callback_type_id", "0")]
            user, password = get("callback_username", ""), get("callback_password", "")
            self.callbacks.append(Callback(elements["callback_url"], transport, user, password))
        return errors

    def _deliver(self, fields: Mapping[str, str]) -> tuple[int, str]:
        """Send a delivery status for a request to `/_mock/deliver`."""
        try:
            delivery = self.deliver(**fields)
        except (LookupError, ValueError) as error:
            return 409, str(error)
        if delivery.status is None:
            return 502, f"{delivery.transport}: no response\n{delivery.text}"
        return 200, f"{delivery.transport}: HTTP status {delivery.status}\n{delivery.text}"


class _Listener(ThreadingTCPServer):
    """A port of the mock. Each connection has its own thread, so a slow client doesn't block the others."""

    allow_reuse_address = sys.platform != "win32"  # on Windows, two programs could then use the same port
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, mock: MockServer, host: str, port: int, context: ssl.SSLContext | None = None) -> None:
        self.mock, self.context = mock, context
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            reason = f"can't listen on {host}, port {port}: {error.strerror or error}."
            raise OSError(f"{reason} Stop the program that uses the port, or choose another port.") from None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as in the standard library)
        request.settimeout(IDLE_SECONDS)
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with self.context.wrap_socket(request, server_side=True) as secured:  # the handshake is in this thread too
            super().finish_request(secured, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 (as in the standard library)
        """Ignore clients that close the connection or don't speak TLS."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        try:
            body = self._receive()
        except ValueError:
            self.send_error(400, "The size of the body can't be read")
            return
        exchange = self.server.mock._respond(self, body)
        self.send_response(exchange.status)
        for name, value in exchange.response_headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(exchange.response)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_GET  # noqa: N815 (the names of the base class)

    def log_message(self, *_: object) -> None:
        """Log nothing here, because the request line contains the token."""

    def _receive(self) -> bytes:
        """Read the body to its end, but keep only a little more than the mock accepts."""
        body = bytearray()
        chunked = "chunked" in self.headers.get("Transfer-Encoding", "").lower()
        size = 0 if chunked else int(self.headers.get("Content-Length", 0))
        while size > 0 or (chunked and (size := int(self.rfile.readline(100).partition(b";")[0], 16))):
            piece = self.rfile.read(min(size, 65536))
            if not piece:
                raise ConnectionAbortedError("the client closed the connection before the end of the body")
            size -= len(piece)
            body += piece[: MAX_REQUEST + 1 - len(body)]
            if chunked and not size:
                self.rfile.readline(100)  # the line break after a chunk
        while chunked and self.rfile.readline(65537).strip():
            pass  # a header after the last chunk
        return bytes(body)


def _elements(document: str) -> dict[str, str]:
    """Return the elements of a request with their names in lower case, or nothing if it isn't a request."""
    try:
        if "<!DOCTYPE" in document:
            return {}
        root = ElementTree.fromstring(document)  # noqa: S314 (without a DTD, there is no entity to expand)
    except (ElementTree.ParseError, ValueError, LookupError):
        return {}
    elements = {child.tag.lower(): child.text or "" for child in root}
    if root.tag.lower() != "clickatellsdk" or len(elements) != len(root):
        return {}
    elements["action"] = elements.get("action", "").strip()
    return elements if elements["action"] else {}


def _document_parameter(kind: str, fields: Mapping[str, str]) -> str:
    """Return the parameter `data` with the documented sample of `XML` or `SOAP`, in which the fields are replaced."""
    document = _CALLBACKS[kind]
    for name, value in fields.items():
        found = re.search(rf"<{re.escape(name)}(?: [^>]*)?>([^<]*)", document, re.IGNORECASE)
        if found:
            document = document[: found.start(1)] + escape(value) + document[found.end() :]
        else:
            document = document.replace("</status>", f"</status>\n<{name}>{escape(value)}</{name}>")
    encoding = "iso-8859-1" if "ISO-8859-1" in document else "utf-8"
    return urlencode({"data": document}, encoding=encoding, errors="xmlcharrefreplace")


def _png(code: str) -> bytes:
    """Draw six digits as a PNG file of 288 by 72 pixels, eight of which make one byte."""
    rows = ["0" * 36] * 2
    rows += ["00".join(f"{_DIGITS[int(digit)] >> shift & 7:03b}" for digit in code) for shift in range(12, -1, -3)]
    pixels = b"".join((b"\0" + bytes(255 * (bit == "0") for bit in f"{row:0^36}")) * 8 for row in [*rows, *rows[:2]])
    chunks = {b"IHDR": struct.pack(">IIBBBBB", 288, 72, 1, 0, 0, 0, 0), b"IDAT": zlib.compress(pixels), b"IEND": b""}
    image = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks.items():
        image += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return image


def main() -> int:
    """Run the mock until a signal stops it, and return the exit status."""
    parser = argparse.ArgumentParser(
        description="A mock of the Connect API. It shows the commands that point a program at it.",
        epilog="Any token works. The token error-007 always returns error 007, and recorded returns the recorded list.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="port for plain HTTP (default: %(default)s)")
    parser.add_argument("--tls-port", type=int, default=8443, help="port for HTTPS (default: %(default)s)")
    parser.add_argument("--hostname", action="append", default=[], help="name to add to the certificate (repeatable)")
    parser.add_argument("--ca-file", type=Path, default="mock-ca.pem", help="certificate file (default: %(default)s)")
    parser.add_argument("--xml-dir", type=Path, help="folder with XML documents to add or replace")
    options = vars(parser.parse_args())
    hostnames = options.pop("hostname")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())

    def report(exchange: Exchange) -> None:
        scheme = "HTTPS" if exchange.secure else "HTTP"
        action = ascii(exchange.action) if exchange.action else "no action"
        text = f"{scheme} {exchange.method} {action}: HTTP {exchange.status}, {len(exchange.response)} bytes"
        if unknown := _elements(exchange.document or "").keys() - _PARAMETERS - {"action"}:
            text += f", unknown parameters: {ascii(sorted(unknown))[1:-1]}"
        made = re.search(rb"<captcha_id>(\w+)<", exchange.response)
        captcha = server.captchas.get(made[1].decode()) if made else None
        print(f"{text}, captcha code {captcha.code}" if captcha else text, file=sys.stderr, flush=True)

    try:
        server = MockServer(**options, hostnames=hostnames, report=report)
    except (OSError, ValueError, OverflowError) as error:
        print(f"mock_server.py: {error}", file=sys.stderr)
        return 1
    with server:
        print(f"Mock of the Connect API, independent of Clickatell.\nHTTPS: {server.url}")
        print(f"Plain HTTP, which always returns error 009: {server.http_url}\n")
        print(server.lines_to_paste())
        print("\nReady. Press Ctrl+C to stop.", flush=True)
        while not stopped.wait(0.5):
            pass
    return 0


# Written from the facts, docs/xml and docs/downloads by `pytest --update`. Don't edit the messages and documents here.
_MESSAGES: dict[str, str] = {
    "003": "Max IP auth attempts exceeded, captcha required",
    "004": "Max user auth attempts exceeded, captcha required",
    "103": "Not email activated",
    "104": "Not SMS activated",
    "400": "Invalid or missing captcha_ID",
    "401": "Invalid or missing captcha_code",
    "402": "Captcha expired",
    "403": "Captcha already redeemed",
    "404": "Authentication failed (user name or password)",
    "419": "Invalid connection_id",
    "420": "Invalid or missing ftp_password",
    "421": "Invalid dial_prefix",
    "422": "Invalid ip_address",
    "423": "Invalid callback_URL",
    "424": "Invalid callback_type",
    "425": "Invalid callback_username",
    "426": "Invalid callback_password",
    "428": "Invalid api_description",
    "431": "Invalid or missing username",
    "432": "Invalid or missing password",
    "440": "Incorrect username and/or password",
}
_CALLBACKS: dict[str, str] = {
    "XML": """\
<?xml version="1.0"?>
<callback>
  <apiMsgId>996411ad91fa211e7d17bc873aa4a41d</apiMsgId>
  <cliMsgId></cliMsgId>
  <timestamp>1218008129</timestamp>
  <to>279995631564</to>
  <from>27833001171</from>
  <charge>0.300000</charge>
  <status>004</status>
</callback>
""",
    "SOAP": """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<SOAP-ENV:Envelope SOAP-ENV:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"
  xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"
  xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xmlns:SOAP-ENC="http://schemas.xmlsoap.org/soap/encoding/" xmlns:tns="mt_callback">
  <SOAP-ENV:Body>
    <tns:mt_callback xmlns:tns="mt_callback">
      <api_id xsi:type="xsd:int">1234</api_id>
      <apimsgid xsi:type="xsd:string">2e838df2ee3ea418272ae05aaf84ce5d</apimsgid>
      <climsgid xsi:type="xsd:string">abc123</climsgid>
      <to xsi:type="xsd:string">27999123456</to>
      <from xsi:type="xsd:string">27999000224</from>
      <timestamp xsi:type="xsd:int">1213690834</timestamp>
      <status xsi:type="xsd:int">003</status>
      <charge xsi:type="xsd:float">0.300000</charge>
    </tns:mt_callback>
  </SOAP-ENV:Body>
</SOAP-ENV:Envelope>
""",
}
DOCUMENTS: dict[str, str] = {
    "authenticate-user/response.xml": """\
<CLICKATELLSDK>
  <!-- Recorded by a public client. We added the white space. -->
  <Action>authenticate_user</Action>
  <Result>Success</Result>
  <Values>
    <Value>
      <Usernumber>3401455</Usernumber>
    </Value>
  </Values>
  <Timestamp>1357731930</Timestamp>
</CLICKATELLSDK>
""",
    "create-connection/response.xml": """\
<CLICKATELLSDK>
  <Action>create_connection</Action>
  <Result>Success</Result>
  <Values>
    <Value>
      <api_id>3334222</api_id>
    </Value>
  </Values>
  <Timestamp>1316512313</Timestamp>
</CLICKATELLSDK>
""",
    "error-004.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>004</Error>
  <Description>Source IP address blocked</Description>
</CLICKATELLSDK>
""",
    "error-005.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>005</Error>
  <Description>Invalid Unique URL</Description>
</CLICKATELLSDK>
""",
    "error-006.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>006</Error>
  <Description>Account not active</Description>
</CLICKATELLSDK>
""",
    "error-007.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>007</Error>
  <Description>Command not allowed</Description>
</CLICKATELLSDK>
""",
    "error-008.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>008</Error>
  <Description>Connect API established</Description>
</CLICKATELLSDK>
""",
    "error-009.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>009</Error>
  <Description>HTTP protocol not allowed, require HTTPS</Description>
</CLICKATELLSDK>
""",
    "error-430.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>430</Error>
  <Description>Unknown service request</Description>
</CLICKATELLSDK>
""",
    "error-999.xml": """\
<CLICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Error</Result>
  <Error>999</Error>
  <Description>Unknown error</Description>
</CLICKATELLSDK>
""",
    "get-captcha/response.xml": """\
<ClICKATELLSDK>
  \
<!-- The id and the time come from the User Guide. The image is ours, because the one in the guide is cut off.\
 -->
  <Action>get_captcha</Action>
  <Result>Success</Result>
  <Values>
    <Value>
      <captcha_id>c202a3fc98c50a5f8dccc8540077614e</captcha_id>
      \
<captcha_image>%89PNG%0D%0A%1A%0A%00%00%00%0DIHDR%00%00%01+%00%00%00H%01%00%00%00%00~%28%15%AE%00%00%00NIDATx%\
9C%ED%D3%C1%0A%00+%08%03%D0%FD%FFO%1Bh%85%12%96%9D%9D%87%11%F6N%03%21%85%01%11%D1%07%02p%84%FE%D8%8Bh%21%8B%B0\
%98%90%C8%EF%B4B%D9%3DJ%DExkd%EDY%84%86%7D%99D%F9%5D%5E.%B8%23z%0D%11Q%11%0D%06p%28I%DE%EBY%5B%00%00%00%00IEND\
%AEB%60%82</captcha_image>
    </Value>
  </Values>
  <Timestamp>1316511558</Timestamp>
</ClICKATELLSDK>
""",
    "get-list-connection/response.xml": """\
<CLICKATELLSDK>
  <!-- Recorded by a public client. We added the white space. -->
  <Action>get_list_connection</Action>
  <Result>Success</Result>
  <Values>
    <Value>
      <connection_type_id>12</connection_type_id>
      <connection_type>COM OBJECT API</connection_type>
    </Value>
    <Value>
      <connection_type_id>7</connection_type_id>
      <connection_type>FTP API</connection_type>
    </Value>
    <Value>
      <connection_type_id>2</connection_type_id>
      <connection_type>HTTP API</connection_type>
    </Value>
    <Value>
      <connection_type_id>9</connection_type_id>
      <connection_type>SMTP API</connection_type>
    </Value>
    <Value>
      <connection_type_id>14</connection_type_id>
      <connection_type>SOAP API</connection_type>
    </Value>
    <Value>
      <connection_type_id>13</connection_type_id>
      <connection_type>XML API</connection_type>
    </Value>
  </Values>
  <Timestamp>1357840239</Timestamp>
</CLICKATELLSDK>
""",
    "recorded-error-103.xml": """\
<CLICKATELLSDK><Result>Error</Result><Error>103</Error><Description>Not email activated</Description><Value>\
<Email>test@test.com</Email></Value><Timestamp>1357731016</Timestamp></CLICKATELLSDK>
""",
    "recorded.xml": """\
<?xml version="1.0"?><CLICKATELLSDK><Action>get_list_callback</Action><Result>Success</Result><Values><Value>\
<callback_type_id>0</callback_type_id><callback_type>HTTP Get</callback_type></Value><Value>\
<callback_type_id>1</callback_type_id><callback_type>HTTP Post</callback_type></Value><Value>\
<callback_type_id>2</callback_type_id><callback_type>XML Post</callback_type></Value><Value>\
<callback_type_id>3</callback_type_id><callback_type>XML Get</callback_type></Value><Value><callback_type_id>5\
</callback_type_id><callback_type>SOAP Get</callback_type></Value><Value><callback_type_id>6\
</callback_type_id><callback_type>SOAP Post</callback_type></Value></Values><Timestamp>1357839726</Timestamp>\
</CLICKATELLSDK>
""",
    "request.xml": """\
<clickatellsdk>
  <action>get_list_callback</action>
</clickatellsdk>
""",
    "response.xml": """\
<ClICKATELLSDK>
  <Action>get_list_callback</Action>
  <Result>Success</Result>
  <Values>
    <Value>
      <callback_type_id>0</callback_type_id>
      <callback_type>HTTP GET</callback_type>
    </Value>
    <!-- The specification leaves out the values between these two. -->
    <Value>
      <callback_type_id>6</callback_type_id>
      <callback_type>SOAP POST</callback_type>
    </Value>
  </Values>
  <Timestamp>1316512313</Timestamp>
</ClICKATELLSDK>
""",
    "several-errors.xml": """\
<CLICKATELLSDK>
  <Action>authenticate_user</Action>
  <Result>Error</Result>
  <Error>431</Error>
  <Description>Invalid or missing username</Description>
  <Error>432</Error>
  <Description>Invalid or missing password</Description>
</CLICKATELLSDK>
""",
}
# The end of the documents.

if __name__ == "__main__":
    sys.exit(main())
