"""Each heading of the page about troubleshooting is a message that something here really says, word for word."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from lxml import etree

import connect_api
from connect_api import ConnectAPI
from mock_server import MockServer

PAGE = Path(__file__).parent.parent / "docs" / "troubleshooting.md"
SECTIONS = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
HEADINGS = [section.split("`")[1] for section in SECTIONS]
TOKEN = "AUTHENTICATION_TOKEN"  # noqa: S105 (no secret)


def list_types(url: str, token: str = TOKEN, **settings: object) -> None:
    ConnectAPI(token, url, **settings).list_callback_types()  # type: ignore[arg-type]


class Provoke:
    """One method for each heading, found by the id of the heading. Each raises what the reader sees."""

    def __init__(
        self, mock: MockServer, session: requests.Session, sandbox: str, respond: Callable[[int, bytes], str]
    ) -> None:
        self.mock, self.session, self.sandbox, self.respond = mock, session, sandbox, respond

    def no_module(self) -> None:
        bare = [sys.executable, "-S", "-c", "import connect_api"]  # -S: without the packages of this machine
        ended = subprocess.run(bare, cwd=PAGE.parent.parent / "snippets", capture_output=True, text=True, check=False)
        raise ImportError(ended.stderr)

    def old_python(self) -> None:
        source = Path(connect_api.__file__).read_text(encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "version_info", (3, 8, 20))
            exec(compile(source, "connect_api.py", "exec"), {"__name__": "connect_api"})

    def no_token(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("CONNECT_API_TOKEN", raising=False)
            ConnectAPI.from_environment()

    def base_url(self) -> None:
        list_types("http://connect.clickatell.com/")

    def certificate(self) -> None:
        requests.get(self.mock.url, timeout=10)

    def no_bundle(self) -> None:
        self.session.verify = "no-such-file.pem"
        list_types(self.mock.url, session=self.session)

    def proxy(self) -> None:
        self.session.proxies = {"https": "http://127.0.0.1:9"}
        list_types("https://connect.clickatell.com/", session=self.session)

    def no_connection(self) -> None:
        list_types("https://127.0.0.1:9")

    def no_answer(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            try:
                list_types(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
            except connect_api.TransportError as error:
                raise RuntimeError(str(error).replace("0.2 s", f"{ConnectAPI(TOKEN).timeout} s")) from error

    def not_found(self) -> None:
        list_types(f"{self.sandbox}xml", "error-000.xml")

    def html(self) -> None:
        list_types(f"{self.sandbox}quickstart", "index.html")

    def not_xml(self) -> None:
        list_types(f"{self.sandbox}downloads", "connect_api.py")

    def sandbox_still_set(self) -> None:
        url = self.respond(200, (PAGE.parent / "xml" / "response.xml").read_bytes())
        ConnectAPI(TOKEN, url).authenticate_user("sampleuser", "samplepass1")

    def encoding_declaration(self) -> None:
        etree.fromstring('<?xml version="1.0" encoding="UTF-8"?><a/>')

    def plain_http(self) -> None:
        list_types(self.mock.http_url)

    def type_gone(self) -> None:
        api = ConnectAPI(TOKEN, self.mock.url, session=self.session)
        api.create_connection("sampleuser", "samplepass1", callback_type_id=4)

    def port_in_use(self) -> None:
        with pytest.raises(OSError, match="can't listen") as raised:
            MockServer(tls_port=self.mock.tls_port)
        raise OSError(str(raised.value).replace(str(self.mock.tls_port), "8443"))


@pytest.mark.parametrize("section", SECTIONS, ids=HEADINGS)
def test_message(section: str, mock: MockServer, session: requests.Session, sandbox: str, respond: object) -> None:
    heading, anchor = re.match(r"`(.+)` \{ #(\S+) \}", section).groups()  # type: ignore[union-attr]
    provoke = getattr(Provoke(mock, session, sandbox, respond), anchor.replace("-", "_"))  # type: ignore[arg-type]
    with pytest.raises(Exception) as raised:  # noqa: PT011 (the message is what counts)
        provoke()
    assert heading in str(raised.value)
    assert re.findall(r"(?m)^\*\*(\w+):\*\*", section) == ["Fix", "Cause"]
