"""The OpenAPI description is valid, is up to date, and says what the mock does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import requests
from openapi_spec_validator import validate

from facts import ROOT
from mock_server import MockServer
from openapi import description

OPERATIONS = json.loads(description())["paths"]["/{token}"]


def test_the_description_is_valid_and_up_to_date(update: Callable[[Path, str], None]) -> None:
    validate(json.loads(description()))
    update(ROOT / "docs" / "openapi.json", description())


def test_the_mock_does_what_the_description_says(mock: MockServer, session: requests.Session) -> None:
    get, post = OPERATIONS["get"], OPERATIONS["post"]
    (parameter,) = get["parameters"]
    ((kind, form),) = post["requestBody"]["content"].items()
    url, query = f"{mock.url}/AUTHENTICATION_TOKEN", {parameter["name"]: parameter["example"]}
    gotten = session.get(url, params=query, timeout=10)
    posted = session.post(url, form["example"], headers={"Content-Type": kind}, timeout=10)
    for operation, response in ((get, gotten), (post, posted)):
        ((kind, returned),) = operation["responses"]["200"]["content"].items()
        assert response.headers["Content-Type"].partition(";")[0] == kind
        assert response.text == returned["examples"]["response"]["value"]
