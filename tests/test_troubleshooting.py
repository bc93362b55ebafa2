"""The headings of the page about troubleshooting, for searching readers: something here says each, word for word."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
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


class TestTroubleshooting:
    """One method for each heading, found by the id of the heading. Each raises what the reader sees."""

    @pytest.fixture(autouse=True)
    def servers(
        self, mock: MockServer, session: requests.Session, sandbox: str, says: Callable[[str, str], None]
    ) -> None:
        self.mock, self.session, self.sandbox, self.says = mock, session, sandbox, says

    @pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.split("`")[1])
    def test_message(self, section: str) -> None:
        ((heading, anchor),) = re.findall(r"^`(.+)` \{ #(\S+) \}", section)
        with pytest.raises(Exception, match=re.escape(heading)):
            getattr(self, anchor.replace("-", "_"))()

    def no_module(self) -> None:
        program = [sys.executable, "-S", str(CLIENT)]  # -S: without the packages of this machine
        raise ImportError(subprocess.run(program, capture_output=True, encoding="utf-8", check=False).stderr)

    def no_distribution(self) -> None:
        """No version of pip trusts the mock, with or without its variables."""
        url = f"{self.mock.url}/simple"
        options = ["--disable-pip-version-check", "--no-cache-dir", "--retries", "0", "--index-url", url]
        command = [sys.executable, "-m", "pip", "--isolated", "install", *options, "no-such-package"]
        variables = {**os.environ, "NO_PROXY": "127.0.0.1"}
        ended = subprocess.run(command, env=variables, capture_output=True, encoding="utf-8", check=False)
        assert "CERTIFICATE_VERIFY_FAILED" in ended.stdout + ended.stderr
        raise OSError(ended.stderr)

    def old_python(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "version_info", (3, 8, 20))
            exec(CLIENT.read_text(encoding="utf-8"), {"__name__": "connect_api"})

    def no_token(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("CONNECT_API_TOKEN", raising=False)
            ConnectAPI.from_environment()

    def no_variable(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("CONNECT_API_USER", raising=False)
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
        list_types(self.mock.url, session=self.session)

    def proxy(self) -> None:
        self.session.proxies = {"https": "http://127.0.0.1:9"}
        list_types("https://connect.clickatell.com/", session=self.session)

    def no_connection(self) -> None:
        list_types("https://127.0.0.1:9")

    def call_failed(self) -> None:
        variables = {**os.environ, "CONNECT_API_URL": "https://127.0.0.1:9", "CONNECT_API_TOKEN": TOKEN}
        program = [sys.executable, str(SNIPPETS / "list_types.py")]
        raise OSError(subprocess.run(program, env=variables, capture_output=True, encoding="utf-8", check=False).stderr)

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
        api = ConnectAPI(TOKEN, self.mock.url, session=self.session)
        api.create_connection(*SIGN_IN, callback_type_id=4)

    def captcha_required(self) -> None:
        api = ConnectAPI(TOKEN, self.mock.url, session=self.session)
        for _ in range(2):
            with pytest.raises(ServiceError, match="404"):
                api.authenticate_user(SIGN_IN[0], "wrongpass1")
        api.create_connection(*SIGN_IN)

    def no_such_type(self) -> None:
        program = (SNIPPETS / "configure_callback.py").read_text(encoding="utf-8").replace("HTTP GET", "HTTP POST")
        api = ConnectAPI(TOKEN, self.mock.url, session=self.session)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ConnectAPI, "from_environment", lambda: api)
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
            command = [sys.executable, str(SNIPPETS / "receive_callbacks.py"), "--port", f"{self.mock.tls_port}"]
            ended = subprocess.run(
                command, env={**os.environ, **variables}, capture_output=True, encoding="utf-8", check=False, timeout=60
            )
        raise OSError(ended.stderr)

    def no_database(self) -> None:
        list(read_statuses("no-such-folder/callbacks.db"))
