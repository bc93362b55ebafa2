"""Send callbacks to the receiver, kill it again and again, and check that nothing acknowledged is lost or doubled.

Run it from the top folder of the repository: `python tests/scheduled/simulate_callbacks.py`.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlencode
from xml.sax.saxutils import escape

RECEIVER = Path(__file__).parents[2] / "snippets" / "receive_callbacks.py"
USER, PASSWORD = "sampleservice", "käse: ٣"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ODD = [("timestamp", ""), ("from", "Clickatell"), ("charge", "free"), ("cliMsgId", "two\nlines"), ("status", "4")]
ODD += [("apiMsgId", ""), ("status", " ")]  # these have to be refused


class Callback(NamedTuple):
    """A callback to send, and its row: message id, status, fields as JSON. Without a row, it has to be refused."""

    target: str
    content_type: str
    body: bytes
    row: tuple[str, str, str] | None


def deliver(transport: str, values: dict[str, str]) -> Callback:
    """Put the fields into a callback: `get`, `post` or `xml`."""
    form, message, status = urlencode(values), values["apiMsgId"].strip(), values["status"].strip()
    row = (message, status.zfill(3), json.dumps([*values.items()])) if message and status else None
    if transport == "get":
        return Callback(f"/callback?{form}", "", b"", row)
    if transport == "post":
        return Callback("/callback/", "application/x-www-form-urlencoded", form.encode(), row)
    children = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())
    return Callback("/callback", "text/xml", f"<callback>{children}</callback>".encode(), row)


def generate(count: int) -> Iterator[Callback]:
    """Yield callbacks, the same each time: one in ten repeats another, a few are odd, a few can't be read."""
    draw = random.Random(1)  # noqa: S311 (sample data)
    sent: list[dict[str, str]] = []
    for number in range(count):
        values, chance = {"api_id": "3334222", "apiMsgId": f"{number // 3:032x}"}, draw.random()
        values["cliMsgId"] = draw.choice(["abc123", "", "a&b <c> = 100 %+", "käse 🧀"])
        values |= {"timestamp": str(1218008129 + number), "to": "279995631564", "from": "27833001171"}
        values |= {"charge": f"0.{draw.randrange(10**6):06d}", "status": draw.choice(["003", "004", "012", "999"])}
        if chance < 0.2:
            values |= [draw.choice(ODD)]
        elif chance > 0.9 and sent:  # near the first, so that both may be on their way at the same time
            values = draw.choice(sent[-50:])
        sent.append(values)
        yield deliver(draw.choice(["get", "post", "xml"]), values)


class Simulation:
    """The receiver as a process that is killed and started again, and threads that send callbacks until it responds."""

    def __init__(self, folder: Path, program: Path, callbacks: Iterator[Callback]) -> None:
        self.database, self.log, self.program = folder / "callbacks.db", folder / "receiver.log", program
        self.queue, self.violations = deque(callbacks), list[str]()
        self.responses: list[tuple[int, tuple[str, str, str] | None]] = []

    def start(self) -> None:
        """Start the receiver and wait until it is ready."""
        settings = {"CALLBACK_DATABASE": str(self.database), "CALLBACK_USER": USER, "CALLBACK_PASSWORD": PASSWORD}
        command, pipe = [sys.executable, str(self.program)], subprocess.PIPE
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=os.environ | settings, stdout=pipe, stderr=log)
        assert self.process.stdout
        with self.process.stdout as output:
            ready = re.match(rb"Ready on http://127\.0\.0\.1:(\d+)/", output.readline())
        assert ready, self.log.read_text(encoding="utf-8")
        self.port = int(ready[1])

    def check(self, when: str) -> int:
        """Compare the stored rows with the acknowledged ones; return how many there are.

        It reads a copy, because opening the database itself would repair it for the receiver.
        """
        with TemporaryDirectory(dir=self.database.parent) as folder:
            for file in self.database.parent.glob("callbacks.d*[bl]"):  # without the -shm file
                shutil.copy(file, folder)
            with contextlib.closing(sqlite3.connect(Path(folder) / "callbacks.db")) as connection:
                rows = connection.execute("SELECT api_msg_id, status, fields FROM callback").fetchall()
        self.violations += [f"{when}: stored {count} times: {row}" for row, count in Counter(rows).items() if count > 1]
        acknowledged = {row for status, row in self.responses if status == 200 and row}
        self.violations += [f"{when}: lost: {row}" for row in acknowledged - set(rows)]
        return len(rows)

    def send_all(self) -> None:
        """Send the callbacks of the queue over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", timeout=10)
        with contextlib.closing(connection), contextlib.suppress(IndexError):
            while callback := self.queue.popleft():
                self.responses.append((self.send(connection, callback), callback.row))

    def send(self, connection: http.client.HTTPConnection, callback: Callback) -> int:
        """Send until a response arrives; return its status, or 0 if none arrives after 1,000 attempts."""
        headers = {"Authorization": AUTHORIZATION, "Content-Type": callback.content_type}
        for _ in range(1000):
            connection.port = self.port
            try:
                connection.request("POST" if callback.body else "GET", callback.target, callback.body, headers)
                with connection.getresponse() as response:
                    response.read()
                if response.status != 503:
                    return response.status
            except (OSError, http.client.HTTPException):
                connection.close()
            time.sleep(0.02)
        return 0

    def run(self, kills: int) -> None:
        """Send all callbacks, and kill the receiver at even intervals."""
        callbacks, killed = len(self.queue), 0
        self.start()
        threads = [threading.Thread(target=self.send_all, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.005)
            if killed < kills and len(self.responses) >= callbacks * (killed + 1) / (kills + 1):
                self.process.kill()
                self.process.wait()
                killed += 1
                print(f"{len(self.responses):,} of {callbacks:,} callbacks, {killed} kills", flush=True)
                self.check(f"after kill {killed}")
                self.start()
        self.process.send_signal(signal.SIGTERM)
        if status := self.process.wait(60):
            self.violations.append(f"the receiver ended with exit status {status}")
        rows = self.check("at the end")
        wrong = [(status, row) for status, row in self.responses if status != (200 if row else 400)]
        self.violations += [f"HTTP status {status}: {row}" for status, row in wrong]
        if (killed, len(self.responses), rows) != (kills, callbacks, len({row for _, row in self.responses if row})):
            self.violations.append(f"{killed} kills, {len(self.responses)} responses, {rows} rows")
        print(f"{callbacks:,} of {callbacks:,} callbacks, {killed} kills, {rows:,} rows (the others were repeated)")


def main() -> int:
    """Run the simulation at the size that the options give; return the exit status."""
    parser = argparse.ArgumentParser(description="Kill the receiver while it receives, and look for lost callbacks.")
    parser.add_argument("--callbacks", type=int, default=10_000, help="how many to send (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=3, help="how many kills (default: %(default)s)")
    parser.add_argument("--program", type=Path, default=RECEIVER, help="the receiver (default: ours)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="simulate-callbacks-") as folder:
        simulation = Simulation(Path(folder), options.program, generate(options.callbacks))
        simulation.run(options.kills)
    print(f"{len(simulation.violations)} violations")
    print(*simulation.violations[:20], sep="\n", end="", file=sys.stderr)
    return 1 if simulation.violations else 0


if __name__ == "__main__":
    sys.exit(main())
