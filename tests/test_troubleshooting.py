"""Each heading of the page of troubleshooting is a message that its test really provokes, word for word."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import requests
from lxml import etree

from connect_api import ConnectAPI, ConnectAPIError, InvalidRequest
from mock_server import MockServer
from project import ROOT
from scripted_server import answer, scripted

PAGE = ROOT / "docs" / "troubleshooting.md"
Provoke = Callable[[MockServer, requests.Session, pytest.MonkeyPatch], Exception]


def failing(call: Callable[[], object], kind: type[Exception] = ConnectAPIError) -> Exception:
    with pytest.raises(kind) as raised:
        call()
    return raised.value


def certificate(mock: MockServer, session: requests.Session, _: pytest.MonkeyPatch) -> Exception:
    session.verify = True
    error = failing(ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session).list_callback_types)
    assert str(error) in PAGE.read_text(), "the page does not have what the client says"
    raised = failing(lambda: session.get(f"{mock.url}/AUTHENTICATION_TOKEN", timeout=10), requests.exceptions.SSLError)
    assert "SSL: CERTIFICATE_VERIFY_FAILED" in str(raised), "the page says that Python says so"
    return raised


def encoding_declaration(*_: object) -> Exception:
    return failing(lambda: etree.fromstring('<?xml version="1.0" encoding="UTF-8"?><a/>'), ValueError)


def html(*_: object) -> Exception:
    with scripted(answer(b"<!DOCTYPE html><html></html>")) as url:
        return failing(ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types)


def not_xml(*_: object) -> Exception:
    with scripted(answer(b"")) as url:
        empty = failing(ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types)
    assert str(empty) == "expected well-formed XML, found an empty body", "the page says that it has its own message"
    with scripted(answer(b"Bad gateway")) as url:
        return failing(ConnectAPI("AUTHENTICATION_TOKEN", url).list_callback_types)


def not_found(mock: MockServer, session: requests.Session, _: pytest.MonkeyPatch) -> Exception:
    return failing(ConnectAPI("error-000", mock.url, session=session).list_callback_types)


def no_answer(_: MockServer, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> Exception:
    def time_out(*_: object, **__: object) -> requests.Response:
        raise requests.ReadTimeout  # as after the ten seconds, for which no test waits

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", time_out)
    return failing(ConnectAPI("AUTHENTICATION_TOKEN", session=session).list_callback_types)


def base_url(*_: object) -> Exception:
    return failing(lambda: ConnectAPI("AUTHENTICATION_TOKEN", "http://connect.clickatell.com/"), InvalidRequest)


def plain_http(mock: MockServer, session: requests.Session, _: pytest.MonkeyPatch) -> Exception:
    return failing(ConnectAPI("AUTHENTICATION_TOKEN", mock.http_url, session=session).list_callback_types)


def type_gone(mock: MockServer, session: requests.Session, _: pytest.MonkeyPatch) -> Exception:
    api = ConnectAPI("AUTHENTICATION_TOKEN", mock.url, session=session)
    return failing(lambda: api.create_connection("sampleuser", "samplepass1", callback_type_id=5))


def no_token(_: MockServer, __: requests.Session, monkeypatch: pytest.MonkeyPatch) -> Exception:
    monkeypatch.delenv("CONNECT_API_TOKEN", raising=False)
    return failing(ConnectAPI.from_environment, InvalidRequest)


PROVOKED: dict[str, Provoke] = {
    "certificate verify failed": certificate,
    "Unicode strings with encoding declaration are not supported": encoding_declaration,
    "expected an answer of the Connect API, found an HTML page": html,
    "expected well-formed XML, found an error in line 1": not_xml,
    "HTTP status 404 without an answer of the Connect API": not_found,
    "no answer within 10 s": no_answer,
    "base_url must start with https://": base_url,
    "error 009: HTTP protocol not allowed, require HTTPS": plain_http,
    "error 424: Invalid callback_type": type_gone,
    "set CONNECT_API_TOKEN to the authentication token of your Connect API connection": no_token,
}


def test_every_symptom_is_provoked() -> None:
    assert re.findall(r"^## `(.*?)`", PAGE.read_text(), re.MULTILINE) == list(PROVOKED)


def test_every_symptom_has_cause_and_cure() -> None:
    for section in PAGE.read_text().split("\n## ")[1:]:
        assert re.findall(r"^\*\*(\w+):\*\*", section, re.MULTILINE) == ["Cause", "Cure"], section.splitlines()[0]


@pytest.mark.parametrize("message", PROVOKED)
def test_symptom(message: str, mock: MockServer, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    mock.application.reset()
    assert message in str(PROVOKED[message](mock, session, monkeypatch))
