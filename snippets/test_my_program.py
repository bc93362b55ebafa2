# /// script
# requires-python = ">=3.9"
# dependencies = ["pytest", "requests", "lxml", "trustme"]
# ///
from collections.abc import Iterator

import pytest

from connect_api import ConnectAPI, ServiceError
from mock_server import MockServer


@pytest.fixture
def mock(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockServer]:
    with MockServer() as server:
        monkeypatch.setenv("CONNECT_API_URL", server.url)
        monkeypatch.setenv("CONNECT_API_TOKEN", "AUTHENTICATION_TOKEN")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.ca_file))
        yield server


def test_my_program_lists_the_types(mock: MockServer) -> None:
    with ConnectAPI.from_environment() as api:
        types = api.list_callback_types()
    assert [found.id for found in types] == [0, 6]
    assert mock.exchanges[-1].action == "get_list_callback"


def test_my_program_reports_an_error(
    mock: MockServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CONNECT_API_TOKEN", "error-007")
    with pytest.raises(ServiceError, match="Command not allowed"):
        ConnectAPI.from_environment().list_callback_types()
