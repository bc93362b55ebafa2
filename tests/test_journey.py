"""The whole journey with the pages' own commands: sign in, pick the type, configure the callback, receive it."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from harness.run import clean_environment, run_process, run_shell, serving, settings
from harness.site import Site
from mock_server import STATUS, Callback, MockServer
from project import FACTS, ROOT, SNIPPETS, XML
from reader import difference, save_downloads

RECEIVE = "docs/guides/receive-status.md"
OVERVIEW = "docs/guides/journey.md"
CONFIGURE = "docs/guides/configure-callback.md"
TESTING = "docs/guides/test-your-integration.md"
PAGE_PORT = "8080"
COMMANDS = ["deliver_get.sh", "deliver_post.sh", "deliver_xml.sh", "stored.sh"]
"""The commands of the page, in its order, each of which prints what its output block shows."""


class Reader:
    """Somebody who follows the pages in one folder, with the port of the page mapped to a free one."""

    def __init__(self, site: Site, folder: Path, home: Path, mock: MockServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        self.site, self.folder = site, folder
        self.environment = clean_environment(
            home,
            CONNECT_API_URL=mock.url,
            CONNECT_API_TOKEN="AUTHENTICATION_TOKEN",
            REQUESTS_CA_BUNDLE=str(mock.ca_file),
            CURL_CA_BUNDLE=str(mock.ca_file),
        )
        save_downloads(site.page(RECEIVE), folder)
        save_downloads(site.page(CONFIGURE), folder)
        for name in ("sample_user.sh", "sample_callback.sh"):
            self.environment |= {key: str(value) for key, value in settings(self.block(CONFIGURE, name)).items()}

    def block(self, page: str, name: str) -> str:
        blocks = [block for block in self.site.page(page).blocks() if block.fence.include == f"snippets/{name}"]
        return blocks[0].text.replace(PAGE_PORT, self.port)

    @contextlib.contextmanager
    def receiver(self) -> Iterator[None]:
        """The receiver, started with the lines of the page."""
        lines = self.block(RECEIVE, "start_receiver.sh").replace("python ", "exec python ")
        with serving(["sh", "-euc", lines], "Ready", self.folder, self.environment):
            yield

    def stored(self) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.folder / "callbacks.db")) as database:
            return database.execute("SELECT * FROM delivery_status").fetchall()


@pytest.fixture
def reader(site: Site, tmp_path: Path, home: Path, mock: MockServer) -> Reader:
    mock.application.reset()
    return Reader(site, tmp_path, home, mock)


def test_commands_of_the_page(reader: Reader, site: Site, update_outputs: bool) -> None:
    page = site.page(RECEIVE)
    blocks = page.blocks()
    with reader.receiver():
        for name in COMMANDS:
            (index,) = [i for i, block in enumerate(blocks) if block.fence.include == f"snippets/{name}"]
            printed = run_shell(reader.block(RECEIVE, name), reader.folder, reader.environment).rstrip("\n")
            output = blocks[index + 1]
            assert output.title == "Output"
            if update_outputs:
                (ROOT / str(output.fence.include)).write_text(printed + "\n")
            else:
                assert not (message := difference(output.text, printed, output.fence)), message
    assert len(reader.stored()) == 1


@pytest.mark.parametrize("name", ["deliver_get.sh", "deliver_post.sh"])
def test_commands_send_the_sample(name: str) -> None:
    """A repeated callback is stored once, whatever else it says: so the values that are sent are compared here."""
    sent = re.findall(r"--data-urlencode '(\w+)=([^']*)'", (SNIPPETS / name).read_text())
    assert sent == list(STATUS.items()), f"snippets/{name} sends other values than the sample"


def test_the_whole_journey(reader: Reader, mock: MockServer) -> None:
    """Each program of the guides in turn, then a delivery status by the mock, and its row in the database."""
    with reader.receiver():
        for name in ("authenticate_user.py", "list_callback_types.py", "configure_callback.py"):
            (reader.folder / name).write_text((SNIPPETS / name).read_text())
            run_process([sys.executable, name], reader.folder, reader.environment)
        actions = [exchange.action for exchange in mock.exchanges]
        assert actions == ["authenticate_user", "get_list_callback", "get_list_callback", "create_connection"]
        (callback,) = mock.application.callbacks
        assert (callback.transport, callback.username) == ("HTTP GET", "sampleservice")
        printed = run_shell(reader.block(TESTING, "deliver.sh"), reader.folder, reader.environment)
        assert printed == "HTTP GET: HTTP status 200\nOK\n\n"
        for transport in ("HTTP POST", "XML POST"):
            delivery = mock.application.deliver(transport, status="003")
            assert (delivery.transport, delivery.status) == (transport, 200)
        assert mock.application.deliver(status="4").status == 400
    rows = reader.stored()
    assert [row[-1] for row in rows] == [STATUS["status"], "003"]
    assert rows[0] == tuple(int(value) if name == "timestamp" else value for name, value in STATUS.items())


@pytest.mark.parametrize("name", ["HTTP POST", "SOAP POST"])
def test_nothing_is_configured_without_the_type(name: str, reader: Reader, tmp_path: Path) -> None:
    """The list has no type of that name any more, or two."""
    documents = tmp_path / "xml"
    shutil.copytree(XML, documents)
    text = (documents / "response.xml").read_text()
    other = text.replace("SOAP POST", "HTTP GET") if name == "SOAP POST" else text.replace("HTTP GET", name)
    (documents / "response.xml").write_text(other)
    with MockServer(xml_dir=documents) as mock:
        environment = {**reader.environment, "CONNECT_API_URL": mock.url, "REQUESTS_CA_BUNDLE": str(mock.ca_file)}
        (reader.folder / "configure_callback.py").write_text((SNIPPETS / "configure_callback.py").read_text())
        with pytest.raises(AssertionError, match=r"[02] callback types are named HTTP GET"):
            run_process([sys.executable, "configure_callback.py"], reader.folder, environment)
        assert [exchange.action for exchange in mock.exchanges] == ["get_list_callback"]


def test_receiver_with_another_password(reader: Reader, mock: MockServer) -> None:
    url = f"http://127.0.0.1:{reader.port}/callback"
    mock.application.callbacks.append(Callback(url, "HTTP GET", "sampleservice", "other"))
    with reader.receiver():
        assert mock.application.deliver().status == 401
    assert reader.stored() == []


@pytest.mark.parametrize(
    ("url", "transport", "message"),
    [
        (None, None, "no callback is configured"),
        ("https://example.com/callback", None, "this machine alone"),
        ("http://127.0.0.1:9/callback", "SOAP POST", "no source prints how SOAP POST"),
        ("http://127.0.0.1:9/callback", "JSON", "no source prints how JSON"),
    ],
)
def test_delivery_that_cannot_be_made(
    url: str | None, transport: str | None, message: str, mock: MockServer, session: requests.Session
) -> None:
    mock.application.reset()
    if url:
        mock.application.callbacks.append(Callback(url, "HTTP GET", "", ""))
    with pytest.raises((LookupError, ValueError), match=message):
        mock.application.deliver(transport)
    form = {"transport": transport} if transport else {}
    answer = session.post(f"{mock.url}/_mock/deliver", data=form, timeout=10)
    assert (answer.status_code, message in answer.text) == (409, True)


def test_delivery_that_nobody_takes(mock: MockServer, session: requests.Session) -> None:
    mock.application.reset()
    mock.application.callbacks.append(Callback("http://127.0.0.1:9/callback", "HTTP GET", "", ""))
    delivery = mock.application.deliver()
    assert (delivery.status, delivery.text) == (None, "ConnectionError")
    answer = session.post(f"{mock.url}/_mock/deliver", timeout=10)
    assert (answer.status_code, answer.text) == (502, "HTTP GET: no answer\nConnectionError\n")


def test_picture_names_what_is_there(site: Site) -> None:
    """The words of the picture are names of calls, fields and roles, and it has a text for those who do not see it."""
    figures = site.page(OVERVIEW).article.xpath(".//figure[@class='journey']")
    assert len(figures) == 1
    (picture,) = figures[0].xpath("./svg")
    labels = picture.get("aria-labelledby").split()
    assert [element.tag for label in labels for element in picture.xpath(f".//*[@id='{label}']")] == ["title", "desc"]
    (text,) = picture.xpath("./desc/text()")
    facts = FACTS["journey"]
    assert (picture.findtext("title"), text) == (facts["title"], facts["text"])
    assert figures[0].findtext("figcaption") == facts["caption"]
    for name, kind in (("names", "name"), ("codes", "code"), ("note", "text")):
        assert [element.text for element in picture.xpath(f".//text[@class='journey-{kind}']")] == facts[name]
    assert [element.text for element in picture.xpath(".//text[@class='journey-number']")] == list("1234")
    shown = [element.text for element in picture.xpath(".//text[@class='journey-code']")]
    fields = {name for label in shown for name in re.findall(r"\w+", label)}
    known = set(
        re.findall(r"\w+", (SNIPPETS / "mock_server.py").read_text() + (ROOT / "docs/xml/response.xml").read_text())
    )
    known |= set(re.findall(r"\w+", (ROOT / "docs/xml/authenticate-user/response.xml").read_text()))
    known |= set(re.findall(r"\w+", (ROOT / "docs/xml/create-connection/response.xml").read_text()))
    assert fields <= known, f"the picture names {fields - known}"
    order = ["authenticate_user", "get_list_callback", "create_connection"]
    assert [label for label in shown if label in order] == order
    assert [text.index(name) for name in order] == sorted(text.index(name) for name in order)
