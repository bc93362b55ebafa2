"""A Connect API to run and test against: it answers with the documented XML files.

It needs Python `3.11` or newer with `requests`, `lxml`, `trustme` and `werkzeug`.
Run it from a copy of the repository, where it finds the files in `docs/xml`:

```sh
python snippets/mock_server.py
```

Independent work, not affiliated with Clickatell.
What no source specifies is decided here, and the reference marks it as a choice of this mock.
"""

from __future__ import annotations

import argparse
import ipaddress
import re
import shlex
import signal
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import requests
import trustme
from lxml import etree
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__version__ = "1.0.0"
__all__ = ["Callback", "Delivery", "Exchange", "MockConnectAPI", "MockServer"]

XML_DIR = Path(__file__).resolve().parent.parent / "docs" / "xml"
"""The folder with the documents, where the repository has it."""

MAX_REQUEST = 1024 * 1024
"""How many bytes the body of a request may have."""

IDLE_SECONDS = 30
"""After how many seconds a connection that says nothing is closed."""

ACCOUNTS = {"sampleuser": ("samplepass1", True), "newuser": ("samplepass2", False)}
"""The users that the mock knows: password, and whether the account has been activated by email."""

CAPTCHA = ("12345", "abc123")
"""The id and the code of the only captcha, which is sample data."""

TRANSPORTS = {"0": "HTTP GET", "6": "SOAP POST"}
"""The callback types that the mock knows, by their ids."""

CONNECTIONS = {"2": "HTTP API", "13": "XML API"}
"""The types of connections that the mock knows, by their ids: those that a sample of the User Guide prints."""

STATUS = {
    "apiMsgId": "996411ad91fa211e7d17bc873aa4a41d",
    "cliMsgId": "abc123",
    "timestamp": "1218008129",
    "to": "279995631564",
    "from": "27833001171",
    "charge": "0.300000",
    "status": "004",
}
"""The delivery status that the mock sends, unless other fields are given: the sample of Clickatell's Callback page."""

_MESSAGES = {
    "003": "Max IP auth attempts exceeded, captcha required",
    "004": "Max user auth attempts exceeded, captcha required",
    "103": "Not email activated",
    "400": "Invalid or missing captcha_ID",
    "401": "Invalid or missing captcha_code",
    "404": "Authentication failed (user name or password)",
    "419": "Invalid connection_id",
    "420": "Invalid or missing ftp_password",
    "421": "Invalid dial_prefix",
    "422": "Invalid ip_address",
    "423": "Invalid callback_URL",
    "424": "Invalid callback_type",
    "425": "Invalid callback_username",
    "426": "Invalid callback_password",
    "431": "Invalid or missing username",
    "432": "Invalid or missing password",
}
_PARSER = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
_ACTION = re.compile(rb"<Action>[^<]*</Action>")
_NEEDED = (
    "response.xml",
    "error-009.xml",
    "error-430.xml",
    "authenticate-user/response.xml",
    "create-connection/response.xml",
)


@dataclass(frozen=True)
class Exchange:
    """One request that the mock received, and its answer.

    Attributes:
        secure: Whether the request came over TLS.
        method: The HTTP method.
        target: The path and the query string, as they stood in the request line.
        headers: The headers of the request.
        body: The body of the request, as it came.
        document: The value of the parameter `XML`, or `None` where there was not exactly one.
        action: The text of the element `action`, or `None` where there is none.
        status: The HTTP status of the answer.
        answer_headers: The headers of the answer.
        answer: The body of the answer.
    """

    secure: bool
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    document: str | None
    action: str | None
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes


class Callback(NamedTuple):
    """A callback that a `create_connection` configured.

    Attributes:
        url: Where it goes.
        transport: How it goes there, such as `HTTP GET`.
        username: The user name for HTTP basic authentication, or an empty text.
        password: The password for it, or an empty text.
    """

    url: str
    transport: str
    username: str
    password: str


class Delivery(NamedTuple):
    """What came back when the mock sent a delivery status.

    Attributes:
        transport: How it was sent.
        status: The HTTP status of the answer, or `None` where none came.
        text: The body of the answer, or what went wrong.
    """

    transport: str
    status: int | None
    text: str


class MockConnectAPI:
    """The mock as a WSGI application, for any WSGI server or test client.

    Args:
        xml_dir: The folder with the documents to send.
        report: Called with each exchange after the answer is made.

    Attributes:
        exchanges: What was received and answered, oldest first.
        callbacks: The callbacks that were configured, oldest first.

    Raises:
        FileNotFoundError: The folder lacks `response.xml`, `error-009.xml`, `error-430.xml`,
            `authenticate-user/response.xml` or `create-connection/response.xml`.

    Examples:
        ```python
        from werkzeug.test import Client

        from mock_server import MockConnectAPI

        mock = MockConnectAPI()
        document = (
            "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"
        )
        Client(mock).get(
            "/AUTHENTICATION_TOKEN",
            base_url="https://localhost",
            query_string={"XML": document},
        )
        exchange = mock.exchanges[0]
        print(exchange.action, exchange.secure, exchange.status)
        ```

        ```text title="Output"
        get_list_callback True 200
        ```
    """

    def __init__(self, xml_dir: Path = XML_DIR, report: Callable[[Exchange], None] | None = None) -> None:
        for name in _NEEDED:
            if not (xml_dir / name).is_file():
                raise FileNotFoundError(f"no {name} in {xml_dir}: name the folder with the documented XML files")
        self._documents = {path.stem: path.read_bytes() for path in sorted(xml_dir.glob("*.xml"))}
        self._calls = {
            "get_list_callback": self._documents["response"],
            "authenticate_user": (xml_dir / "authenticate-user" / "response.xml").read_bytes(),
            "create_connection": (xml_dir / "create-connection" / "response.xml").read_bytes(),
        }
        self.exchanges: list[Exchange] = []
        self.callbacks: list[Callback] = []
        self._failures: Counter[str] = Counter()
        self._report = report

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request and record the exchange, as WSGI has it."""
        request = Request(environ)
        # One byte more than the limit, since Werkzeug cuts a chunked body off where its own limit is.
        request.max_content_length = request.max_form_memory_size = MAX_REQUEST + 1
        body, document, action = b"", None, None
        try:
            if request.method not in {"GET", "POST"}:
                raise MethodNotAllowed(["GET", "POST"], "A call of the Connect API goes by GET or POST.")
            body = request.get_data()
            if len(body) > MAX_REQUEST:
                raise RequestEntityTooLarge
            if request.path == "/_mock/deliver":
                answer = self._deliver_by_request(request)
            else:
                document = _document(request)
                elements = _elements(document)
                action = elements.get("action")
                answer = Response(self._answer(request, elements), content_type="text/xml")
        except HTTPException as error:
            if isinstance(error, RequestEntityTooLarge):
                _discard_rest(request, len(body))
            headers = {"Allow": "GET, POST"} if isinstance(error, MethodNotAllowed) else {}
            answer = Response(f"{error.description}\n", error.code, headers, content_type="text/plain; charset=utf-8")
        exchange = Exchange(
            secure=request.is_secure,
            method=request.method,
            target=environ.get("REQUEST_URI") or request.full_path.rstrip("?"),
            headers=dict(request.headers),
            body=body,
            document=document,
            action=action,
            status=answer.status_code,
            answer_headers=dict(answer.headers),
            answer=answer.get_data(),
        )
        self.exchanges.append(exchange)
        if self._report:
            self._report(exchange)
        return answer(environ, start_response)

    def reset(self) -> None:
        """Forget what was received, configured and failed, as from test to test."""
        self.exchanges.clear()
        self.callbacks.clear()
        self._failures.clear()

    def deliver(self, transport: str | None = None, **fields: str) -> Delivery:
        """Send a delivery status to the callback that was configured last, on this machine alone.

        Args:
            transport: `HTTP GET`, `HTTP POST` or `XML POST`; without it, the one that was configured.
            **fields: Fields to send in the place of those in `STATUS`.

        Returns:
            What the receiver answered, or a `status` of `None` where it did not within `10` seconds.

        Raises:
            LookupError: No callback is configured.
            ValueError: The callback's URL leads to another machine, or no source prints the transport's form: so
                for a callback configured as `SOAP POST`, give the transport.
        """
        if not self.callbacks:
            raise LookupError("no callback is configured: call create_connection with a callback_url first")
        callback = self.callbacks[-1]
        transport = transport or callback.transport
        if not _is_loopback(callback.url):
            raise ValueError("the mock delivers to this machine alone: configure a callback_url with 127.0.0.1")
        values = {**STATUS, **fields}
        message: dict[str, Any]
        if transport == "HTTP GET":
            message = {"method": "GET", "params": values}
        elif transport == "HTTP POST":
            message = {"method": "POST", "data": values}
        elif transport == "XML POST":
            message = {"method": "POST", "data": _callback_xml(values), "headers": {"Content-Type": "text/xml"}}
        else:
            raise ValueError(f"no source prints how {transport} carries a delivery status")
        with requests.Session() as session:
            session.trust_env = False
            session.auth = (callback.username, callback.password) if callback.username else None
            try:
                answer = session.request(url=callback.url, timeout=10, allow_redirects=False, **message)
            except requests.RequestException as error:
                return Delivery(transport, None, type(error).__name__)
            return Delivery(transport, answer.status_code, answer.text)

    def _deliver_by_request(self, request: Request) -> Response:
        """Send a delivery status because a request asks for it; its form fields are those of `deliver`."""
        try:
            delivery = self.deliver(**request.form.to_dict())
        except (LookupError, ValueError) as error:
            return Response(f"{error}\n", 409, content_type="text/plain; charset=utf-8")
        came = f"HTTP status {delivery.status}" if delivery.status else "no answer"
        text = f"{delivery.transport}: {came}\n{delivery.text}\n"
        return Response(text, 200 if delivery.status else 502, content_type="text/plain; charset=utf-8")

    def _sign_in(self, elements: Mapping[str, str], address: str) -> list[str]:
        """Check user and password; return the codes of what is wrong."""
        user, password = elements.get("user", ""), elements.get("password", "")
        missing = [code for code, text in (("431", user), ("432", password)) if not text]
        if missing:
            return missing
        by_user, by_address = f"user {user}", f"address {address}"
        blocked = "003" if self._failures[by_address] >= 10 else "004" if self._failures[by_user] >= 2 else None
        if blocked and "captcha_id" not in elements and "captcha_code" not in elements:
            return [blocked]
        if blocked and elements.get("captcha_id") != CAPTCHA[0]:
            return ["400"]
        if blocked and elements.get("captcha_code") != CAPTCHA[1]:
            return ["401"]
        expected, activated = ACCOUNTS.get(user, ("", False))
        if password != expected:
            self._failures.update([by_user, by_address])
            return ["404"]
        if not activated:
            return ["103"]
        del self._failures[by_user], self._failures[by_address]
        return []

    def _configure(self, elements: Mapping[str, str]) -> list[str]:
        """Keep the callback of a `create_connection`; return the codes of what is wrong with it."""
        valid = {
            "419": elements.get("connection_id", "2") in CONNECTIONS,
            "420": len(elements.get("ftp_password", "")) <= 10,
            "421": re.fullmatch(r"[0-9]*", elements.get("dial_prefix", "")),
            "422": re.fullmatch(r"[0-9a-fA-F:., ]*", elements.get("ip_address", "")),
            "423": re.fullmatch(r"(https?://\S+)?", elements.get("callback_url", "")),
            "424": elements.get("callback_type_id", "0") in TRANSPORTS,
            "425": len(elements.get("callback_username", "")) <= 64,
            "426": len(elements.get("callback_password", "")) <= 64,
        }
        wrong = [code for code, holds in valid.items() if not holds]
        if not wrong and elements.get("callback_url"):
            self.callbacks.append(
                Callback(
                    elements["callback_url"],
                    TRANSPORTS[elements.get("callback_type_id", "0")],
                    elements.get("callback_username", ""),
                    elements.get("callback_password", ""),
                )
            )
        return wrong

    def _call(self, elements: Mapping[str, str], address: str) -> bytes:
        """Carry out a call and return the document that answers it."""
        action = elements["action"]
        if action not in self._calls:
            return self._documents["error-430"]
        wrong = [] if action == "get_list_callback" else self._sign_in(elements, address)
        if action == "create_connection":
            wrong = wrong or self._configure(elements)
        return _error(action, wrong) if wrong else self._calls[action]

    def _answer(self, request: Request, elements: Mapping[str, str]) -> bytes:
        """Choose the document that answers the request."""
        action = elements.get("action")
        token = request.path.removeprefix("/")
        stem = token.removesuffix(".xml")
        if not token or "/" in token:
            raise NotFound("The path of a call is the authentication token alone.")
        if not request.is_secure:
            stem = "error-009"
        elif not action:
            stem = "error-430"
        elif stem.startswith("error-") and stem not in self._documents:
            known = ", ".join(name for name in self._documents if name.startswith("error-"))
            raise NotFound(f"No documented error has this token. Those that have: {known}.")
        if stem == "response" or stem not in self._documents:
            document = self._call(elements, request.remote_addr or "")
        else:
            document = self._documents[stem]
        if b"<Result>Error</Result>" in document:  # an error repeats the action that was asked for
            return _ACTION.sub(lambda _: f"<Action>{escape(action or '')}</Action>".encode(), document)
        return document


class MockServer:
    """The mock on ports of this machine: one speaks HTTPS, the other plain HTTP.

    Use it as a context manager.
    Each connection has a thread of its own, its TLS handshake included, so that a slow client holds up nobody else.

    Args:
        host: The address to listen on.
        port: The port for plain HTTP; `0` picks a free one.
        tls_port: The port for HTTPS; `0` picks a free one.
        hostnames: Names for the certificate beside those of this machine.
        ca_file: Where to write the certificate of the authority; without it, a temporary file.
        xml_dir: The folder with the documents to send.
        report: Called with each exchange after the answer is made.

    Attributes:
        url: The base URL for HTTPS.
        http_url: The base URL for plain HTTP, on which each call is answered with error `009`.
        tls_port: The port for HTTPS.
        ca_file: The certificate to trust, in PEM format.
        exchanges: What was received and answered, oldest first.
        application: The `MockConnectAPI` that answers, which also delivers and forgets.

    Raises:
        FileNotFoundError: The folder lacks a file that `MockConnectAPI` needs.
        OSError: A port cannot be used, or the certificate cannot be written.

    Examples:
        ```python
        import requests

        from mock_server import MockServer

        with MockServer() as mock:
            url = f"{mock.http_url}/AUTHENTICATION_TOKEN"
            print(requests.get(url, timeout=10).text)
        ```

        ```xml title="Output"
        <CLICKATELLSDK>
          <Action></Action>
          <Result>Error</Result>
          <Error>009</Error>
          <Description>HTTP protocol not allowed, require HTTPS</Description>
        </CLICKATELLSDK>
        ```
    """

    url: str
    http_url: str
    tls_port: int
    ca_file: Path
    exchanges: list[Exchange]
    application: MockConnectAPI

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        *,
        hostnames: Sequence[str] = (),
        ca_file: Path | None = None,
        xml_dir: Path = XML_DIR,
        report: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.application = application = MockConnectAPI(xml_dir, report)
        self.exchanges = application.exchanges
        self._resources = ExitStack()
        with ExitStack() as resources:  # closes what is open if a later step fails
            if ca_file is None:
                ca_file = Path(resources.enter_context(TemporaryDirectory(prefix="connect-api-mock-"))) / "ca.pem"
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(ca_file))
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert("127.0.0.1", "::1", "localhost", *hostnames).configure_cert(context)
            http = resources.enter_context(_serving(application, host, port))
            https = resources.enter_context(_serving(application, host, tls_port, context))
            self._resources = resources.pop_all()
        self.ca_file = ca_file
        self.tls_port = https.port
        shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
        self.http_url = f"http://{shown}:{http.port}"
        self.url = f"https://{shown}:{https.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop both servers and remove the temporary certificate."""
        self._resources.close()

    def lines_to_paste(self) -> str:
        """Return the shell lines that point a program at this mock, and those that undo them.

        Returns:
            Lines for a POSIX shell, then the same for PowerShell.
        """
        variables = {
            "CONNECT_API_URL": self.url,
            "CONNECT_API_TOKEN": "response.xml",
            "REQUESTS_CA_BUNDLE": str(self.ca_file.absolute()),
            "CURL_CA_BUNDLE": str(self.ca_file.absolute()),
        }
        quoted = {name: value.replace("'", "''") for name, value in variables.items()}
        lines = ["macOS and Linux:"]
        lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        lines += ["", "to undo:", f"unset {' '.join(variables)}", "", "PowerShell:"]
        lines += [f"$Env:{name} = '{value}'" for name, value in quoted.items()]
        lines += ["", "to undo:", f"Remove-Item {', '.join(f'Env:{name}' for name in variables)}"]
        return "\n".join(lines)


class _Handler(WSGIRequestHandler):
    timeout = IDLE_SECONDS

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 (the name in Werkzeug)
        """Say nothing: the request line holds the token. Exchanges are reported by the application."""


@contextmanager
def _serving(
    application: MockConnectAPI, host: str, port: int, context: ssl.SSLContext | None = None
) -> Iterator[BaseWSGIServer]:
    """Serve on a thread; the socket is made here because Werkzeug ends the process when a port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as listener:
        server = make_server(
            host, port, application, threaded=True, request_handler=_Handler, ssl_context=context, fd=listener.fileno()
        )
    if context:  # the handshake belongs on the connection's thread: here, one idle client would hold up all others
        vars(server.socket)["do_handshake_on_connect"] = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _document(request: Request) -> str | None:
    values = request.args.getlist("XML") + request.form.getlist("XML")
    return values[0] if len(values) == 1 else None


def _elements(document: str | None) -> dict[str, str]:
    """Return the elements of a request, with their names in small letters; none where it is no request."""
    try:
        root = etree.fromstring((document or "").encode(), _PARSER)
    except etree.XMLSyntaxError:
        return {}
    children = [child for child in root if isinstance(child.tag, str)]
    elements = {child.tag.lower(): (child.text or "").strip() for child in children}
    if root.tag.lower() != "clickatellsdk" or len(elements) != len(children):
        return {}
    return elements


def _error(action: str, codes: Sequence[str]) -> bytes:
    lines = ["<CLICKATELLSDK>", f"  <Action>{escape(action)}</Action>", "  <Result>Error</Result>"]
    for code in codes:
        lines += [f"  <Error>{code}</Error>", f"  <Description>{_MESSAGES[code]}</Description>"]
    return "\n".join([*lines, "</CLICKATELLSDK>", ""]).encode()


def _callback_xml(values: Mapping[str, str]) -> bytes:
    fields = [f"  <{name}>{escape(value)}</{name}>" for name, value in values.items()]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<callback>", *fields, "</callback>", ""]).encode()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _discard_rest(request: Request, read: int) -> None:
    """Read on for a while: closing on unread data would reset the connection before the answer is read."""
    left = min(16 * MAX_REQUEST, request.content_length or 16 * MAX_REQUEST) - read
    while left > 0 and (part := request.environ["wsgi.input"].read(min(left, 65536))):
        left -= len(part)


def _print_exchange(exchange: Exchange) -> None:
    scheme = "HTTPS" if exchange.secure else "HTTP"
    action = ascii(exchange.action) if exchange.action else "no action"
    size = len(exchange.answer)
    print(f"{scheme} {exchange.method} {action}: HTTP {exchange.status}, {size} bytes", file=sys.stderr, flush=True)


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def main() -> int:
    """Serve until a signal to stop comes.

    Returns:
        The exit status: `0` after a signal to stop, `1` where the mock cannot start.

    Raises:
        SystemExit: The options cannot be used, with the exit status `2`; or they ask for help.
    """
    parser = argparse.ArgumentParser(
        description="A Connect API to run and test against. It prints the lines that point a program at it.",
        epilog="Tokens: error-007 answers with error 007, one of your own with what was asked for.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=0, help="port for plain HTTP (default: a free one)")
    parser.add_argument("--tls-port", type=_port, default=0, help="port for HTTPS (default: a free one)")
    parser.add_argument("--hostname", action="append", default=[], help="further name for the certificate; repeatable")
    parser.add_argument("--ca-file", type=Path, help="write the authority's certificate here (default: temporary file)")
    parser.add_argument("--xml-dir", type=Path, default=XML_DIR, help="folder with the documented XML files")
    options = parser.parse_args()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server = MockServer(
            options.host,
            options.port,
            options.tls_port,
            hostnames=options.hostname,
            ca_file=options.ca_file,
            xml_dir=options.xml_dir,
            report=_print_exchange,
        )
    except (OSError, ValueError) as error:
        print(f"mock_server.py: cannot start: {error}", file=sys.stderr)
        return 1
    with server:
        print(f"Mock of the Connect API, independent of Clickatell.\nHTTPS on {server.url}")
        print(f"plain HTTP on {server.http_url}, which answers error 009\n")
        print(server.lines_to_paste())
        print("\nReady. Stop with Ctrl+C.", flush=True)
        while not stopped.wait(0.5):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
