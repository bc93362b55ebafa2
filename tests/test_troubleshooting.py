"""The headings of the page about troubleshooting, for searching readers: something here says each, word for word."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
import requests
from lxml import etree

from connect_api import ConnectAPI, TransportError
from facts import ROOT, XML
from mock_server import MockServer
from scripted_server import answer, scripted, stall

SECTIONS = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").split("\n## ")[1:]
CLIENT = ROOT / "snippets" / "connect_api.py"
TOKEN = "AUTHENTICATION_TOKEN"


def list_types(url: str, token: str = TOKEN, **settings: Any) -> None:
    ConnectAPI(token, url, **settings).list_callback_types()


class TestTroubleshooting:
    """One method for each heading, found by the id of the heading. Each raises what the reader sees."""

    @pytest.fixture(autouse=True)
    def servers(self, mock: MockServer, session: requests.Session, sandbox: str) -> None:
        self.mock, self.session, self.sandbox = mock, session, sandbox

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.split("`")[1])
    def test_message(self, section: str) -> None:
        ((heading, anchor),) = re.findall(r"^`(.+)` \{ #(\S+) \}", section)
        with pytest.raises(Exception, match=re.escape(heading)):
            getattr(self, anchor.replace("-", "_"))()

    def no_module(self) -> None:
        program = [sys.executable, "-S", str(CLIENT)]  # -S: without the packages of this machine
        raise ImportError(subprocess.run(program, capture_output=True, text=True, check=False).stderr)

    def old_python(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "version_info", (3, 8, 20))
            exec(CLIENT.read_text(encoding="utf-8"), {"__name__": "connect_api"})

    def no_token(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("CONNECT_API_TOKEN", raising=False)
            ConnectAPI.from_environment()

    def base_url(self) -> None:
        list_types("http://connect.clickatell.com/")

    def certificate(self) -> None:
        with pytest.raises(TransportError) as raised:
            list_types(self.mock.url)
        assert str(raised.value) in "".join(SECTIONS)
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
        with scripted(stall) as url, pytest.raises(TransportError) as raised:
            list_types(url, timeout=0.2)
        raise OSError(str(raised.value).replace("0.2 s", f"{ConnectAPI(TOKEN).timeout} s"))

    def not_found(self) -> None:
        list_types(f"{self.sandbox}xml", "error-000.xml")

    def html(self) -> None:
        list_types(self.sandbox, "index.html")

    def not_xml(self) -> None:
        list_types(f"{self.sandbox}downloads", CLIENT.name)

    def sandbox_still_set(self) -> None:
        with scripted(answer((XML / "response.xml").read_bytes())) as url:
            ConnectAPI(TOKEN, url).authenticate_user("user", "password")

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
