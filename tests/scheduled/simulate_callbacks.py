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
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode
from xml.sax.saxutils import escape

RECEIVER = Path(__file__).parents[2] / "snippets" / "receive_callbacks.py"
USER, PASSWORD = "sampleservice", "käse: ٣"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PATIENCE = 60  # after how many seconds without a response the simulation gives up
CODES = ["001", "002", "003", "004", "005", "006", "007", "008", "009", "010", "011", "012", "014", "013", "999"]

Row = tuple[str, str, str]
"""What the receiver has to store: the message id, the status and the fields as JSON."""


@dataclass(frozen=True)
class Callback:
    """A callback to send, and the row that the receiver has to store; without a row, it has to refuse the callback."""

    target: str
    content_type: str
    body: bytes
    row: Row | None


@dataclass
class Figures:
    """The result of a simulation."""

    acknowledged: int = 0
    sent_again: int = 0
    refused: int = 0
    kills: int = 0
    rows: int = 0
    seconds: float = 0
    violations: list[str] = field(default_factory=list)

    def responses(self) -> int:
        return self.acknowledged + self.refused

    def progress(self, seconds: float, callbacks: int) -> str:
        return f"{seconds:5.1f} s: {self.responses():,} of {callbacks:,} callbacks, {self.kills} kills"

    def __str__(self) -> str:
        rate = self.responses() / self.seconds
        return (
            f"{self.acknowledged:,} acknowledged, {self.refused:,} refused, {self.rows:,} rows stored\n"
            f"{self.sent_again:,} sent again because no response arrived, {self.kills} kills\n"
            f"{rate:,.0f} callbacks per second, {self.seconds:.1f} s\n"
            f"{len(self.violations)} violations"
        )


def deliver(transport: str, fields: list[tuple[str, str]], *, keep: bool = True) -> Callback:
    """Put the fields into a callback: `get`, `post` or `xml`."""
    values = dict(fields)
    row = (values["apiMsgId"], values["status"].zfill(3), json.dumps(fields)) if keep else None
    if transport == "get":
        return Callback(f"/callback?{urlencode(fields)}", "", b"", row)
    if transport == "post":
        return Callback("/callback/", "application/x-www-form-urlencoded", urlencode(fields).encode(), row)
    children = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields)
    body = f'<?xml version="1.0" encoding="UTF-8"?><callback>{children}</callback>'
    return Callback("/callback", "text/xml", body.encode(), row)


def generate(count: int, seed: int) -> Iterator[Callback]:
    """Yield callbacks, the same for the same seed: one in ten repeats another, a few are odd, a few can't be read."""
    draw = random.Random(seed)  # noqa: S311 (sample data)
    sent: list[list[tuple[str, str]]] = []
    message, left = "", deque[str]()
    odd = {
        "timestamp": ["", "1218008129000", "now"],
        "from": ["Clickatell", "", "00"],
        "charge": ["0.3", "1", "-1", "free"],
        "cliMsgId": ["two\nlines", "x" * 200],
        "status": ["4", "04"],
    }
    for number in range(count):
        transport, chance = draw.choice(["get", "post", "xml"]), draw.random()
        if chance < 0.1 and sent:  # near the first, so that both may be on their way at the same time
            yield deliver(transport, draw.choice(sent[-50:]))
            continue
        if not left:  # a message has several statuses, one after the other
            message = f"{draw.getrandbits(128):032x}"
            left.extend(draw.sample(CODES, draw.randint(1, 4)))
        values = {
            "apiMsgId": message,
            "cliMsgId": draw.choice(["abc123", "", "a&b <c> = 100 %+", "käse 🧀"]),
            "timestamp": str(1218008129 + number),
            "to": f"27999{draw.randrange(10**7):07d}",
            "from": "27833001171",
            "charge": f"{draw.randrange(3)}.{draw.randrange(10**6):06d}",
            "status": left.popleft(),
        }
        if chance > 0.95:
            values[draw.choice(["apiMsgId", "status"])] = draw.choice(["", " "])
            yield deliver(transport, list(values.items()), keep=False)
            continue
        if chance > 0.8:
            name = draw.choice(list(odd))
            values[name] = draw.choice(odd[name])
        more = [("extra", "1"), ("extra", "2")] if draw.random() < 0.3 else []
        sent.append([("api_id", "3334222"), *values.items(), *more])
        yield deliver(transport, sent[-1])


def check(database: Path, acknowledged: list[Row]) -> tuple[int, list[str]]:
    """Compare the stored rows with the acknowledged ones: return how many there are, and what is wrong.

    It reads a copy, because opening the database itself would repair it for the receiver.
    """
    with TemporaryDirectory(dir=database.parent) as folder:
        for file in database.parent.glob("callbacks.d*[bl]"):  # without the -shm file
            shutil.copy(file, folder)
        with contextlib.closing(sqlite3.connect(Path(folder) / database.name)) as connection:
            rows: list[Row] = connection.execute("SELECT api_msg_id, status, fields FROM callback").fetchall()
    found = [f"stored {count} times: {row}" for row, count in Counter(rows).items() if count > 1]
    return len(rows), found + [f"lost: {row}" for row in set(acknowledged) - set(rows)]


class Receiver:
    """The receiver as a process that can be killed and started again. `port` is a new one after each start."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.database, self._log, self._program = folder / "callbacks.db", folder / "receiver.log", program
        settings = {"DATABASE": str(self.database), "USER": USER, "PASSWORD": PASSWORD}
        self._environment = {**os.environ, **{f"CALLBACK_{name}": value for name, value in settings.items()}}
        self.start()

    def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as log:
            command = [sys.executable, str(self._program)]
            self.process = subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout
        line = self.process.stdout.readline().decode()
        ready = re.match(r"Ready on http://127\.0\.0\.1:(\d+)/", line)
        if not ready:
            raise RuntimeError(f"the receiver did not start: {line}{self._log.read_text(encoding='utf-8')}")
        self.port = int(ready[1])

    def end(self, number: signal.Signals) -> int:
        """End it with a signal; return its exit status."""
        assert self.process.stdout
        self.process.send_signal(number)
        self.process.stdout.close()
        return self.process.wait(PATIENCE)


class Senders:
    """Threads that send the callbacks, each over its own connection, until each callback has a response."""

    def __init__(self, receiver: Receiver, callbacks: list[Callback], connections: int) -> None:
        self.figures = Figures()
        self._acknowledged: list[Row] = []
        self._receiver, self._queue, self._lock = receiver, deque(callbacks), threading.Lock()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def acknowledged(self) -> list[Row]:
        with self._lock:
            return list(self._acknowledged)

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", timeout=10)
        with contextlib.closing(connection), contextlib.suppress(IndexError):
            while True:
                callback = self._queue.popleft()
                status = self._send(connection, callback)
                with self._lock:
                    if status != (200 if callback.row else 400):
                        self.figures.violations.append(f"HTTP status {status}: {callback}")
                    if status == 200 and callback.row:
                        self.figures.acknowledged += 1
                        self._acknowledged.append(callback.row)
                    else:
                        self.figures.refused += 1

    def _send(self, connection: http.client.HTTPConnection, callback: Callback) -> int:
        """Send until a response arrives; return its status, or 0 if none arrives."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if connection.sock is None:
                connection.port = self._receiver.port
            try:
                headers = {"Authorization": AUTHORIZATION, "Content-Type": callback.content_type}
                connection.request("POST" if callback.body else "GET", callback.target, callback.body, headers)
                with connection.getresponse() as response:
                    response.read()
                if response.status != 503:
                    return response.status
            except (OSError, http.client.HTTPException):
                connection.close()
            with self._lock:
                self.figures.sent_again += 1
            time.sleep(0.02)
        return 0


def simulate(folder: Path, *, callbacks: int, connections: int, kills: int, seed: int, program: Path) -> Figures:
    """Send the callbacks, kill the receiver at even intervals, and check the database after each kill."""
    receiver = Receiver(folder, program)
    senders = Senders(receiver, list(generate(callbacks, seed)), connections)
    begun = reported = time.monotonic()
    figures = senders.figures
    while senders.busy():
        time.sleep(0.005)
        if figures.kills < kills and figures.responses() >= callbacks * (figures.kills + 1) / (kills + 1):
            receiver.end(signal.SIGKILL)
            figures.kills += 1
            _, found = check(receiver.database, senders.acknowledged())
            figures.violations += [f"after kill {figures.kills}: {violation}" for violation in found]
            receiver.start()
        if time.monotonic() >= reported + 1:
            reported = time.monotonic()
            print(figures.progress(reported - begun, callbacks), flush=True)
    figures.seconds = time.monotonic() - begun
    print(figures.progress(figures.seconds, callbacks), flush=True)
    if status := receiver.end(signal.SIGTERM):
        figures.violations.append(f"the receiver ended with exit status {status}")
    figures.rows, found = check(receiver.database, senders.acknowledged())
    figures.violations += found
    if (figures.kills, figures.responses(), figures.rows) != (kills, callbacks, len(set(senders.acknowledged()))):
        figures.violations.append("the numbers don't agree")
    return figures


def main() -> int:
    """Run the simulation at the size that the options give; return the exit status."""
    parser = argparse.ArgumentParser(description="Kill the receiver while it receives, and look for lost callbacks.")
    parser.add_argument("--callbacks", type=int, default=10_000, help="how many to send (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=8, help="how many senders (default: %(default)s)")
    parser.add_argument("--kills", type=int, default=3, help="how many kills (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the random data (default: %(default)s)")
    parser.add_argument("--program", type=Path, default=RECEIVER, help="the receiver (default: ours)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="simulate-callbacks-") as folder:
        figures = simulate(Path(folder), **vars(options))
    for violation in figures.violations[:20]:
        print(violation, file=sys.stderr)
    print(figures)
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
