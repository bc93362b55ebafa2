"""The headings of the page about troubleshooting, for searching readers: something here says each, word for word."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import requests
from lxml import etree

from connect_api import ConnectAPI, ConnectAPIError, ServiceError, TransportError, parse_response
from facts import ROOT, SNIPPETS, XML
from mock_server import MockServer
from receive_callbacks import read_statuses
from scripted_server import answer, scripted, stall

SECTIONS = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8").split("\n## ")[1:]
CLIENT = ROOT / "snippets" / "connect_api.py"
TOKEN = "AUTHENTICATION_TOKEN"
SIGN_IN = ("sampleuser", "samplepass1")


def list_types(url: str, token: str = TOKEN, **settings: Any) -> None:
    ConnectAPI(token, url, **settings).list_callback_types()


def printed_by(*arguments: object, **variables: str) -> str:
    """Run Python with these arguments and variables; return what it prints."""
    command, environment = [sys.executable, *map(str, arguments)], {**os.environ, **variables}
    ended = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=60)
    return ended.stdout + ended.stderr


class TestTroubleshooting:
    """One method for each heading, found by the id of the heading. Each raises what the reader sees."""

    @pytest.fixture(autouse=True)
    def fixtures(
        self, mock: MockServer, session: requests.Session, sandbox: str, says: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.mock, self.session, self.sandbox, self.says, self.patch = mock, session, sandbox, says, monkeypatch
        self.api = ConnectAPI(TOKEN, mock.url, session=session)

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.split("`")[1])
    def test_message(self, section: str) -> None:
        ((heading, anchor),) = re.findall(r"^`(.+)` \{ #(\S+) \}", section)
        with pytest.raises(Exception, match=re.escape(heading)):
            getattr(self, anchor.replace("-", "_"))()

    def no_module(self) -> None:
        raise ImportError(printed_by("-S", CLIENT))  # -S: without the packages of this machine

    def no_distribution(self) -> None:
        """No version of pip trusts the mock, with or without its variables."""
        url = f"https://localhost:{self.mock.tls_port}/simple"  # pip 24.2 ends in another error for an IP address
        options = f"--isolated --disable-pip-version-check --retries 0 --index-url {url}"
        printed = printed_by("-m", "pip", "install", *options.split(), "no-such-package", NO_PROXY="localhost")
        assert "CERTIFICATE_VERIFY_FAILED" in printed
        raise OSError(printed)

    def old_python(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "version_info", (3, 8, 20))
            exec(CLIENT.read_text(encoding="utf-8"), {"__name__": "connect_api"})

    def no_token(self) -> None:
        self.patch.delenv("CONNECT_API_TOKEN", raising=False)
        ConnectAPI.from_environment()

    def no_variable(self) -> None:
        self.patch.delenv("CONNECT_API_USER", raising=False)
        with pytest.raises(KeyError) as raised:
            runpy.run_path(str(SNIPPETS / "authenticate_user.py"))
        raise OSError(f"KeyError: {raised.value}")

    def base_url(self) -> None:
        list_types("http://connect.clickatell.com/")

    def certificate(self) -> None:
        with pytest.raises(TransportError) as raised:
            list_types(self.mock.url)
        assert str(raised.value).startswith("TLS failed")
        self.session.verify = True
        self.session.get(self.mock.url, timeout=10)

    def tls(self) -> None:
        list_types(self.mock.http_url.replace("http:", "https:"))

    def no_bundle(self) -> None:
        with pytest.raises(OSError, match="Could not find a suitable TLS CA certificate bundle"):
            requests.get(self.mock.url, timeout=10, verify="no-such-file.pem")
        self.session.verify = "no-such-file.pem"
        self.api.list_callback_types()

    def proxy(self) -> None:
        self.session.proxies = {"https": "http://127.0.0.1:9"}
        list_types("https://connect.clickatell.com/", session=self.session)

    def no_connection(self) -> None:
        list_types("https://127.0.0.1:9")

    def call_failed(self) -> None:
        variables = {"CONNECT_API_URL": "https://127.0.0.1:9", "CONNECT_API_TOKEN": TOKEN}
        raise OSError(printed_by(SNIPPETS / "list_types.py", **variables))

    def no_answer(self) -> None:
        with scripted(stall) as url, pytest.raises(TransportError) as raised:
            list_types(url, timeout=0.2)
        raise OSError(str(raised.value).replace("0.2 s", f"{self.api.timeout} s"))

    def not_found(self) -> None:
        list_types(f"{self.sandbox}xml", "error-000.xml")

    def html(self) -> None:
        list_types(self.sandbox, "index.html")

    def not_xml(self) -> None:
        list_types(f"{self.sandbox}downloads", CLIENT.name)

    def empty_body(self) -> None:
        with scripted(answer(b"")) as url:
            list_types(url)

    def no_result(self) -> None:
        parse_response(b"<CLICKATELLSDK><result>Success</result></CLICKATELLSDK>")

    def sandbox_still_set(self) -> None:
        with scripted(answer((XML / "response.xml").read_bytes())) as url:
            api = ConnectAPI(TOKEN, url)
            for name in ("create_connection", "list_connection_types", "get_captcha"):
                with pytest.raises(ConnectAPIError) as raised:
                    getattr(api, name)(*SIGN_IN if name == "create_connection" else ())
                assert str(raised.value).partition(" in ")[0] in "".join(SECTIONS)
            api.authenticate_user(*SIGN_IN)

    def encoding_declaration(self) -> None:
        etree.fromstring('<?xml version="1.0" encoding="UTF-8"?><a/>')

    def plain_http(self) -> None:
        try:
            list_types(self.mock.http_url)
        except ServiceError as error:
            self.says("callback-types/endpoint.md", f"| Response to plain HTTP | Error {error.code} |")
            raise

    def type_gone(self) -> None:
        self.api.create_connection(*SIGN_IN, callback_type_id=4)

    def captcha_required(self) -> None:
        for _ in range(2):
            with pytest.raises(ServiceError, match="404"):
                self.api.authenticate_user(SIGN_IN[0], "wrongpass1")
        self.api.create_connection(*SIGN_IN)

    def no_such_type(self) -> None:
        program = (SNIPPETS / "configure_callback.py").read_text(encoding="utf-8").replace("HTTP GET", "HTTP POST")
        self.patch.setattr(ConnectAPI, "from_environment", lambda: self.api)
        with pytest.raises(SystemExit) as ended:
            exec(program, {})
        raise OSError(ended.value.code)

    def port_in_use(self) -> None:
        port = int(self.mock.http_url.rpartition(":")[2])
        with pytest.raises(OSError, match="can't listen") as raised:
            MockServer(port=port, tls_port=self.mock.tls_port)
        raise OSError(str(raised.value).replace(str(port), "8081"))

    def address_in_use(self) -> None:
        with TemporaryDirectory() as folder:
            variables = {"CALLBACK_DATABASE": f"{folder}/callbacks.db", "CALLBACK_USER": "a", "CALLBACK_PASSWORD": "b"}
            raise OSError(printed_by(SNIPPETS / "receive_callbacks.py", "--port", self.mock.tls_port, **variables))

    def no_database(self) -> None:
        list(read_statuses("no-such-folder/callbacks.db"))
