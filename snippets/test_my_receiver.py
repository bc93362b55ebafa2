# /// script
# requires-python = ">=3.9"
# dependencies = ["pytest", "requests", "lxml", "trustme", "flask", "waitress"]
# ///
import threading
from contextlib import closing
from pathlib import Path
from wsgiref.simple_server import make_server

from connect_api import ConnectAPI
from mock_server import MockServer
from receive_callbacks import create_app, read_statuses

USER = "sampleservice"
PASSWORD = "samplesecret"  # noqa: S105 (sample data)


def test_my_receiver_stores_a_status(tmp_path: Path) -> None:
    app = create_app(tmp_path / "callbacks.db", USER, PASSWORD)
    store = closing(app.extensions["receive_callbacks"])
    server = make_server("127.0.0.1", 0, app)
    with store, server as receiver, MockServer() as mock:
        api = ConnectAPI("AUTHENTICATION_TOKEN", mock.url)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        api.session.verify = str(mock.ca_file)
        ids = {found.name: found.id for found in api.list_callback_types()}
        api.create_connection(
            "sampleuser",
            "samplepass1",
            callback_url=f"http://127.0.0.1:{receiver.server_port}/callback",
            callback_type_id=ids["HTTP GET"],
            callback_username=USER,
            callback_password=PASSWORD,
        )
        assert mock.deliver(status="007").status == 200
        receiver.shutdown()
    (status,) = read_statuses(tmp_path / "callbacks.db")
    assert status.status == "007"
