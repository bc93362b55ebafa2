"""Send callbacks to the receiver while it is killed and started again; check that nothing acknowledged is lost.

Run it at full size from the top folder of the repository: `python tests/simulate_callbacks.py`.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import itertools
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self
from urllib.parse import quote, urlencode
from xml.sax.saxutils import escape

from harness.run import clean_environment
from project import SNIPPETS

RECEIVER = SNIPPETS / "receive_callbacks.py"
USER, PASSWORD = "callback_user", "callback_password"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
PATIENCE = 60
"""After how many seconds without an answer the simulation gives up."""

Row = tuple[str, str, int, str, str, str, str]
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Callback:
    """One callback to send, and the row that it has to become; without one, it has to be refused."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    row: Row | None
    repeated: bool = False


@dataclass
class Figures:
    """What came of a simulation."""

    acknowledged: int = 0
    repeated: int = 0
    sent_again: int = 0
    refused: int = 0
    kills: int = 0
    seconds: float = 0
    violations: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        rate = (self.acknowledged + self.refused) / self.seconds
        return (
            f"{self.acknowledged:,} acknowledged, of which {self.repeated:,} repeated\n"
            f"{self.refused:,} malformed refused\n"
            f"{self.sent_again:,} sent again for want of an answer\n"
            f"{self.kills} kills\n"
            f"{rate:,.0f} callbacks per second, in {self.seconds:.1f} s\n"
            f"{len(self.violations)} violations"
        )


def document(pairs: Iterable[tuple[str, str]], declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    children = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in pairs)
    return f"{declaration}<callback>{children}</callback>".encode()


def deliver(transport: str, pairs: Pairs, row: Row | None, *, repeated: bool = False) -> Callback:
    """Put the fields into a callback: `get`, `post` or `xml`."""
    headers = {"Authorization": AUTHORIZATION}
    if transport == "get":
        return Callback("GET", f"/callback?{urlencode(pairs)}", headers, b"", row, repeated)
    if transport == "post":
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        return Callback("POST", "/callback", headers, urlencode(pairs, quote_via=quote).encode(), row, repeated)
    headers["Content-Type"] = "text/xml"
    return Callback("POST", "/callback", headers, document(pairs), row, repeated)


def _spoil(draw: random.Random, transport: str, pairs: Pairs) -> Callback:
    """Make a callback that has to be refused, in one of many ways."""
    at = draw.randrange(len(pairs))
    values = {
        "apiMsgId": ["", "not one id", "é"],
        "cliMsgId": ["two\nlines"],
        "timestamp": ["", "-1218008129", "٣", "now", "99999999999", "0"],
        "to": ["", "٣", "nobody"],
        "from": ["", "nobody"],
        "charge": ["", "-0.300000", "0.3", "NaN", "0,300000", "0.30000٣"],
        "status": ["", "4", "0004", "00٤", "abc"],
    }
    name = pairs[at][0]
    spoilt = {
        "missing": [*pairs[:at], *pairs[at + 1 :]],
        "repeated": [*pairs, pairs[at]],
        "wrong value": [*pairs[:at], (name, draw.choice(values[name])), *pairs[at + 1 :]],
    }
    way = draw.choice([*spoilt, "not readable"])
    if way != "not readable":
        return deliver(transport, spoilt[way], None)
    callback = deliver(transport, pairs, None)
    if transport == "get":
        return Callback("GET", callback.target.replace("cliMsgId=", "cliMsgId=%FF"), callback.headers, b"", None)
    if transport == "post":
        body = callback.body.replace(b"cliMsgId=", b"cliMsgId=\xff")
    else:
        body = draw.choice([callback.body[:-1], document(pairs, "<!DOCTYPE callback>"), b"<answer/>"])
    return Callback("POST", "/callback", callback.headers, body, None)


def generate(count: int, seed: int) -> Iterator[Callback]:
    """Yield callbacks, the same for the same seed: 5 % are malformed, 10 % repeat an earlier one."""
    draw = random.Random(seed)  # noqa: S311 (sample data)
    sent: list[tuple[Pairs, Row]] = []
    codes = ["001", "002", "003", "004", "005", "006", "007", "008", "009", "010", "011", "012", "014", "013", "999"]
    message, left = "", deque[str]()
    for number in range(count):
        transport, chance = draw.choice(["get", "post", "xml"]), draw.random()
        if chance < 0.1 and sent:
            pairs, row = draw.choice(sent[-50:])  # near the first, so that both may be on their way at once
            yield deliver(transport, pairs, row, repeated=True)
            continue
        if not left:  # one message has several statuses, one after the other
            message = f"{draw.getrandbits(128):032x}"
            left.extend(draw.sample(codes, draw.randint(1, 4)))
        client, code = draw.choice(["abc123", "", "a&b <c> = 100 %+", "käse 🧀"]), left.popleft()
        to, charge = f"27999{draw.randrange(10**7):07d}", f"{draw.randrange(3)}.{draw.randrange(10**6):06d}"
        row = (message, client, 1218008129 + number, to, "27833001171", charge, code)
        names = ["apiMsgId", "cliMsgId", "timestamp", "to", "from", "charge", "status"]
        pairs = list(zip(names, map(str, row), strict=True))
        if chance < 0.15:
            yield _spoil(draw, transport, pairs)
            continue
        sent.append((pairs, row))
        yield deliver(transport, [("api_id", "3334222"), *pairs] if draw.random() < 0.3 else pairs, row)


def check(database: Path, expected: Iterable[Row], *, complete: bool = True) -> list[str]:
    """Compare the database with the rows that were acknowledged.

    Returns:
        What is lost, stored twice or wrong; and, where `complete`, what was not acknowledged. Empty when all is well.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection:
        stored: list[Row] = connection.execute("SELECT * FROM delivery_status").fetchall()
    times, rows = Counter((row[0], row[6]) for row in stored), {(row[0], row[6]): row for row in stored}
    wanted = {(row[0], row[6]): row for row in expected}
    found = [f"stored {count} times: {key}" for key, count in times.items() if count > 1]
    found += [f"lost: {key}" for key in wanted if key not in rows]
    found += [f"wrong: {rows[key]} instead of {row}" for key, row in wanted.items() if rows.get(key, row) != row]
    if complete:
        found += [f"not acknowledged: {key}" for key in rows if key not in wanted]
    return found


def _check_copy(database: Path, expected: Iterable[Row]) -> list[str]:
    """Check a copy of the database: to open the database itself would repair it in place of the receiver."""
    with TemporaryDirectory(dir=database.parent) as folder:
        for file in (database, database.with_name(f"{database.name}-wal")):
            if file.exists():
                shutil.copy(file, folder)
        return check(Path(folder) / database.name, expected, complete=False)


def free_port() -> int:
    """Find a port below those that the system gives to callers, so that nobody takes it while the receiver is down.

    The search begins at another place in each process, since two at once would find the same port.
    """
    ports = range(20000, 30000)
    start = os.getpid() % len(ports)
    for port in itertools.chain(ports[start:], ports[:start]):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise OSError("no port is free")


class Receiver:
    """The receiver in a process of its own, which can be killed and started again. Use it as a context manager.

    Attributes:
        port: Where it listens, the same after each start.
        database: Where it stores.
        log: The file with what it prints.
        process: The process that was started last.
    """

    def __init__(self, folder: Path, program: Path = RECEIVER) -> None:
        self.port, self.database, self.log = free_port(), folder / "callbacks.db", folder / "receiver.log"
        self._command = [sys.executable, str(program), "--port", str(self.port)]
        self._environment = clean_environment(
            folder, CALLBACK_DATABASE=str(self.database), CALLBACK_USER=USER, CALLBACK_PASSWORD=PASSWORD
        )
        self.start()

    def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        with self.log.open("a") as log:
            before = log.tell()
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while "Ready on " not in (printed := self.log.read_text()[before:]):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the receiver did not start:\n{printed}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once, without a chance to finish anything."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ask it to stop; return its exit status."""
        self.process.terminate()
        return self.process.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


class _Senders:
    """Threads that send the callbacks, each over one connection that it keeps open, until each has its answer."""

    def __init__(self, port: int, callbacks: Iterable[Callback], connections: int) -> None:
        self.figures = Figures()
        self.acknowledged: dict[tuple[str, str], Row] = {}
        self._port, self._queue, self._lock = port, deque(callbacks), threading.Lock()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def answered(self) -> int:
        return self.figures.acknowledged + self.figures.refused

    def snapshot(self) -> list[Row]:
        with self._lock:
            return list(self.acknowledged.values())

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with contextlib.closing(connection), contextlib.suppress(IndexError):
            while True:
                callback = self._queue.popleft()
                self._record(callback, self._send(connection, callback))

    def _send(self, connection: http.client.HTTPConnection, callback: Callback) -> int:
        """Send until an answer comes; return its status, or 0 if none came in time."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                connection.request(callback.method, callback.target, callback.body or None, callback.headers)
                with connection.getresponse() as answer:
                    answer.read()
                if answer.status != 503:
                    return answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
            with self._lock:
                self.figures.sent_again += 1
            time.sleep(0.02)
        return 0

    def _record(self, callback: Callback, status: int) -> None:
        with self._lock:
            if status != (200 if callback.row else 400):
                self.figures.violations.append(f"answered with {status}: {callback}")
            if status == 200 and callback.row:
                self.figures.acknowledged += 1
                self.figures.repeated += callback.repeated
                self.acknowledged[callback.row[0], callback.row[6]] = callback.row
            elif status == 400:
                self.figures.refused += 1


def simulate(
    folder: Path,
    *,
    callbacks: int = 10_000,
    connections: int = 8,
    kills: int = 3,
    seed: int = 1,
    program: Path = RECEIVER,
    report: Callable[[str], None] = lambda _: None,
) -> Figures:
    """Run the receiver in a folder, send the callbacks, kill it evenly over them, and check the database.

    Args:
        folder: Where database and log go; it is left as it is at the end.
        callbacks: How many are sent, malformed and repeated ones included.
        connections: How many senders there are.
        kills: How often the receiver is killed and started again.
        seed: What the data are drawn from.
        program: The receiver.
        report: Called with a line of progress after each kill, and about once a second.

    Returns:
        The figures; without violations, all is well.
    """
    prepared = list(generate(callbacks, seed))
    with Receiver(folder, program) as receiver:
        begun = time.monotonic()
        reported = begun - 1  # so that the first line comes at once
        senders = _Senders(receiver.port, prepared, connections)
        figures = senders.figures
        while senders.busy():
            time.sleep(0.005)
            if figures.kills < kills and senders.answered() >= callbacks * (figures.kills + 1) / (kills + 1):
                receiver.kill()
                figures.kills += 1
                found = _check_copy(receiver.database, senders.snapshot())
                figures.violations += [f"after kill {figures.kills}: {violation}" for violation in found]
                receiver.start()
                reported = begun - 1
            if time.monotonic() >= reported + 1:
                reported = time.monotonic()
                report(
                    f"{reported - begun:5.1f} s: {senders.answered():,} of {callbacks:,} answered, "
                    f"{figures.sent_again:,} sent again, {figures.kills} kills"
                )
        figures.seconds = time.monotonic() - begun
        if figures.kills != kills:
            figures.violations.append(f"{figures.kills} kills instead of {kills}")
        if status := receiver.stop():
            figures.violations.append(f"the receiver ended with exit status {status}")
        figures.violations += check(receiver.database, senders.snapshot())
        return figures


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"not a number: {text!r}")
    return int(text)


def main() -> int:
    """Run the simulation at the size that the options give; return the exit status."""
    parser = argparse.ArgumentParser(description="Kill the receiver of callbacks while it receives; look what is lost.")
    parser.add_argument("--callbacks", type=_number, default=10_000, help="how many to send (default: %(default)s)")
    parser.add_argument("--connections", type=_number, default=8, help="how many senders (default: %(default)s)")
    parser.add_argument("--kills", type=_number, default=3, help="how many kills (default: %(default)s)")
    parser.add_argument("--seed", type=_number, default=1, help="what the data are drawn from (default: %(default)s)")
    options = parser.parse_args()
    if not options.callbacks > options.kills or not options.connections:
        parser.error("there must be a sender, and more callbacks than kills")
    with TemporaryDirectory(prefix="simulate-callbacks-") as folder:
        figures = simulate(Path(folder), **vars(options), report=lambda line: print(line, flush=True))
    for violation in figures.violations[:20]:
        print(violation, file=sys.stderr)
    print(figures)
    return 1 if figures.violations else 0


if __name__ == "__main__":
    sys.exit(main())
