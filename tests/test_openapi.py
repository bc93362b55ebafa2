"""The OpenAPI description is valid, is up to date, and says what the mock does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from openapi_spec_validator import validate

from facts import ROOT
from mock_server import MockServer
from openapi import description

OPERATIONS = json.loads(description())["paths"]["/{token}"]


def test_the_description_is_valid_and_up_to_date(update: Callable[[Path, str], None]) -> None:
    validate(json.loads(description()))
    update(ROOT / "docs" / "openapi.json", description())


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_mock_does_what_the_description_says(method: str, mock: MockServer, session: requests.Session) -> None:
    operation = OPERATIONS[method]
    if method == "get":
        (parameter,) = operation["parameters"]
        request = requests.Request("GET", params={parameter["name"]: parameter["example"]})
    else:
        ((kind, form),) = operation["requestBody"]["content"].items()
        request = requests.Request("POST", data=form["example"], headers={"Content-Type": kind})
    request.url = f"{mock.url}/AUTHENTICATION_TOKEN"
    response = session.send(request.prepare(), timeout=10)
    ((kind, returned),) = operation["responses"]["200"]["content"].items()
    assert response.headers["Content-Type"].partition(";")[0] == kind
    assert response.text == returned["examples"]["response"]["value"]
