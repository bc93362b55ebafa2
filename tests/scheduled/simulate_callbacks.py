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
PATIENCE = 60  # after how many seconds without a response the simulation gives up
CODES = ["001", "002", "003", "004", "005", "006", "007", "008", "009", "010", "011", "012", "014", "013", "999"]
ODD = {
    "timestamp": ["", "1218008129000", "now"],
    "from": ["Clickatell", "", "00"],
    "charge": ["0.3", "1", "-1", "free"],
    "cliMsgId": ["two\nlines", "x" * 200],
    "status": ["4", "04"],
}


class Callback(NamedTuple):
    """A callback to send, and its row: message id, status, fields as JSON. Without a row, it has to be refused."""

    target: str
    content_type: str
    body: bytes
    row: tuple[str, str, str] | None


def deliver(transport: str, fields: list[tuple[str, str]], *, keep: bool = True) -> Callback:
    """Put the fields into a callback: `get`, `post` or `xml`."""
    values = dict(fields)
    row = (values["apiMsgId"], values["status"].zfill(3), json.dumps(fields)) if keep else None
    if transport == "get":
        return Callback(f"/callback?{urlencode(fields)}", "", b"", row)
    if transport == "post":
        return Callback("/callback/", "application/x-www-form-urlencoded", urlencode(fields).encode(), row)
    children = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields)
    return Callback("/callback", "text/xml", f"<callback>{children}</callback>".encode(), row)


def generate(count: int, seed: int) -> Iterator[Callback]:
    """Yield callbacks, the same for the same seed: one in ten repeats another, a few are odd, a few can't be read."""
    draw = random.Random(seed)  # noqa: S311 (sample data)
    sent: list[list[tuple[str, str]]] = []
    message, left = "", deque[str]()
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
            name = draw.choice(list(ODD))
            values[name] = draw.choice(ODD[name])
        more = [("extra", "1"), ("extra", "2")] if draw.random() < 0.3 else []
        sent.append([("api_id", "3334222"), *values.items(), *more])
        yield deliver(transport, sent[-1])


class Simulation:
    """The receiver as a process that is killed and started again, and threads that send callbacks until it responds."""

    def __init__(self, folder: Path, program: Path, callbacks: list[Callback]) -> None:
        self.database, self.log, self.program = folder / "callbacks.db", folder / "receiver.log", program
        self.queue, self.lock, self.figures = deque(callbacks), threading.Lock(), Counter[str]()
        self.acknowledged: list[tuple[str, str, str]] = []
        self.violations: list[str] = []

    def start(self) -> None:
        """Start the receiver and wait until it is ready."""
        settings = {"DATABASE": str(self.database), "USER": USER, "PASSWORD": PASSWORD}
        environment = {**os.environ, **{f"CALLBACK_{name}": value for name, value in settings.items()}}
        with self.log.open("ab") as log:
            command = [sys.executable, str(self.program)]
            self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
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
        with self.lock:
            self.violations += [f"{when}: lost: {row}" for row in set(self.acknowledged) - set(rows)]
        return len(rows)

    def send_all(self) -> None:
        """Send the callbacks of the queue over one connection."""
        connection = http.client.HTTPConnection("127.0.0.1", timeout=10)
        with contextlib.closing(connection), contextlib.suppress(IndexError):
            while True:
                callback = self.queue.popleft()
                status = self.send(connection, callback)
                with self.lock:
                    self.figures["responses"] += 1
                    if status != (200 if callback.row else 400):
                        self.violations.append(f"HTTP status {status}: {callback}")
                    elif callback.row:
                        self.acknowledged.append(callback.row)

    def send(self, connection: http.client.HTTPConnection, callback: Callback) -> int:
        """Send until a response arrives; return its status, or 0 if none arrives."""
        headers = {"Authorization": AUTHORIZATION, "Content-Type": callback.content_type}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if connection.sock is None:
                connection.port = self.port
            try:
                connection.request("POST" if callback.body else "GET", callback.target, callback.body, headers)
                with connection.getresponse() as response:
                    response.read()
                if response.status != 503:
                    return response.status
            except (OSError, http.client.HTTPException):
                connection.close()
            with self.lock:
                self.figures["sent again"] += 1
            time.sleep(0.02)
        return 0

    def run(self, connections: int, kills: int) -> None:
        """Send all callbacks, and kill the receiver at even intervals."""
        callbacks, killed, begun = len(self.queue), 0, time.monotonic()
        self.start()
        threads = [threading.Thread(target=self.send_all, daemon=True) for _ in range(connections)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(0.005)
            if killed < kills and self.figures["responses"] >= callbacks * (killed + 1) / (kills + 1):
                self.process.kill()
                self.process.wait()
                killed += 1
                self.check(f"after kill {killed}")
                self.start()
                print(f"{self.figures['responses']:,} of {callbacks:,} callbacks, {killed} kills", flush=True)
        seconds = time.monotonic() - begun
        self.process.send_signal(signal.SIGTERM)
        if status := self.process.wait(PATIENCE):
            self.violations.append(f"the receiver ended with exit status {status}")
        rows, expected = self.check("at the end"), len(set(self.acknowledged))
        if (killed, self.figures["responses"], rows) != (kills, callbacks, expected):
            self.violations.append(f"{killed} kills, {self.figures['responses']} responses, {rows} rows of {expected}")
        print(f"{callbacks:,} of {callbacks:,} callbacks, {killed} kills, {seconds:.1f} s")
        print(f"{len(self.acknowledged):,} acknowledged, {rows:,} rows stored (the others were repeated)")
        print(f"{self.figures['sent again']:,} sent again because no response arrived")


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
        simulation = Simulation(Path(folder), options.program, list(generate(options.callbacks, options.seed)))
        simulation.run(options.connections, options.kills)
    for violation in simulation.violations[:20]:
        print(violation, file=sys.stderr)
    print(f"{len(simulation.violations)} violations")
    return 1 if simulation.violations else 0


if __name__ == "__main__":
    sys.exit(main())
