"""A Connect API to run and test against: it sends the documented XML files, byte for byte.

Run it from a copy of the repository, where it finds the files in `docs/xml`:

```sh
python snippets/mock_server.py
```

Independent work, not affiliated with Clickatell.
What no source specifies is decided here, and the reference marks it as a choice of this mock.
"""

from __future__ import annotations

import argparse
import re
import shlex
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import escape

import trustme
from lxml import etree
from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound, RequestEntityTooLarge
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["Exchange", "MockConnectAPI", "MockServer"]

XML_DIR = Path(__file__).resolve().parent.parent / "docs" / "xml"
"""The folder with the documents, where the repository has it."""

MAX_REQUEST = 1024 * 1024
"""How many bytes the body of a request may have."""

IDLE_SECONDS = 30
"""After how many seconds a connection that says nothing is closed."""

_PARSER = etree.XMLParser(resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False)
_ACTION = re.compile(rb"<Action>[^<]*</Action>")


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


class MockConnectAPI:
    """The mock as a WSGI application, for any WSGI server or test client.

    Args:
        xml_dir: The folder with the documents to send.
        report: Called with each exchange after the answer is made.

    Attributes:
        exchanges: What was received and answered, oldest first.

    Raises:
        FileNotFoundError: The folder does not hold `response.xml`.

    Examples:
        ```python
        from werkzeug.test import Client

        from mock_server import MockConnectAPI

        mock = MockConnectAPI()
        Client(mock).get(
            "/AUTHENTICATION_TOKEN",
            base_url="https://localhost",
            query_string={"XML": "<clickatellsdk><action>get_list_callback</action></clickatellsdk>"},
        )
        print(mock.exchanges[0].action, mock.exchanges[0].secure, mock.exchanges[0].status)
        ```

        ```text title="Output"
        get_list_callback True 200
        ```
    """

    def __init__(self, xml_dir: Path = XML_DIR, report: Callable[[Exchange], None] | None = None) -> None:
        self._documents = {path.stem: path.read_bytes() for path in sorted(xml_dir.glob("*.xml"))}
        if "response" not in self._documents:
            raise FileNotFoundError(f"no response.xml in {xml_dir}: name the folder with the documented XML files")
        self.exchanges: list[Exchange] = []
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
            document = _document(request)
            action = _action(document)
            answer = Response(self._answer(request, action), content_type="text/xml")
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

    def _answer(self, request: Request, action: str | None) -> bytes:
        """Choose the document that answers the request."""
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
        elif stem == "response" or stem not in self._documents:
            stem = "response" if action == "get_list_callback" else "error-430"
        document = self._documents[stem]
        if stem.startswith("error-"):  # an error repeats the action that was asked for
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

    Raises:
        FileNotFoundError: The folder does not hold `response.xml`.
        OSError: A port cannot be used, or the certificate cannot be written.

    Examples:
        ```python
        import requests

        from mock_server import MockServer

        with MockServer() as mock:
            print(requests.get(f"{mock.http_url}/AUTHENTICATION_TOKEN", timeout=10).text)
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
        application = MockConnectAPI(xml_dir, report)
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


def _action(document: str | None) -> str | None:
    """Return the text of the only `action` element, with names compared without regard to case."""
    try:
        root = etree.fromstring((document or "").encode(), _PARSER)
    except etree.XMLSyntaxError:
        return None
    actions = [child for child in root if isinstance(child.tag, str) and child.tag.lower() == "action"]
    if root.tag.lower() != "clickatellsdk" or len(actions) != 1:
        return None
    return (actions[0].text or "").strip()


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
        The exit status.
    """
    parser = argparse.ArgumentParser(
        description="A Connect API to run and test against. It prints the lines that point a program at it.",
        epilog="Tokens: error-007 answers with error 007, any other with the list of callback types.",
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
