"""Compare the client's `parse_callback_types` with other ways to read the same answer.

```sh
pip install defusedxml xmltodict pydantic-xml xsdata
python tests/benchmark.py
```

No test runs this, and it judges nothing: it prints ratios to `lxml.etree.fromstring`, which only parses.
The client checks the whole answer; every other contender does the plain job and checks nothing.
A contender whose package is not installed is left out, and named.
"""

import argparse
import gc
import importlib
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "snippets"))

Pairs = list[tuple[int, str]]
Reader = Callable[[bytes], Pairs]
RAW, CLIENT = "lxml.etree.fromstring alone", "connect_api.parse_callback_types"


VALUE = """    <Value>
      <callback_type_id>{number}</callback_type_id>
      <callback_type>HTTP GET {number}</callback_type>
    </Value>
"""


def parts(count: int) -> Iterator[bytes]:
    """An answer with so many values, laid out as the documented one; in parts, to use no memory."""
    yield b"<ClICKATELLSDK>\n  <Action>get_list_callback</Action>\n  <Result>Success</Result>\n  <Values>\n"
    for number in range(count):
        yield VALUE.format(number=number).encode()
    yield b"  </Values>\n  <Timestamp>1316512313</Timestamp>\n</ClICKATELLSDK>\n"


def on_one_line(body: bytes) -> bytes:
    return b"".join(line.strip() for line in body.splitlines())


# The contenders. Each imports what it needs, so that a measurement of memory loads nothing else.


def raw() -> Callable[[bytes], Any]:
    from lxml import etree

    return lambda body: etree.fromstring(body)


def client() -> Callable[[bytes], Any]:
    from connect_api import parse_callback_types

    return parse_callback_types


def with_findtext(parse: Callable[[bytes], Any]) -> Reader:
    return lambda body: [
        (int(value.findtext("callback_type_id")), value.findtext("callback_type"))
        for value in parse(body).iter("Value")
    ]


def lxml_findtext() -> Reader:
    from lxml import etree

    return with_findtext(etree.fromstring)


def lxml_xpath() -> Reader:
    from lxml import etree

    identifiers: Any = etree.XPath("Values/Value/callback_type_id/text()", smart_strings=False)
    names: Any = etree.XPath("Values/Value/callback_type/text()", smart_strings=False)

    def read(body: bytes) -> Pairs:
        root = etree.fromstring(body)
        return list(zip(map(int, identifiers(root)), names(root), strict=True))

    return read


def lxml_objectify() -> Reader:
    from lxml import objectify

    parse: Callable[[bytes], Any] = objectify.fromstring
    return lambda body: [(int(value.callback_type_id), str(value.callback_type)) for value in parse(body).Values.Value]


def standard_library() -> Reader:
    from xml.etree import ElementTree

    return with_findtext(ElementTree.fromstring)


def defusedxml() -> Reader:
    return with_findtext(importlib.import_module("defusedxml.ElementTree").fromstring)


def xmltodict() -> Reader:
    parse = importlib.import_module("xmltodict").parse

    def read(body: bytes) -> Pairs:
        values = parse(body, force_list=("Value",))["ClICKATELLSDK"]["Values"]["Value"]
        return [(int(value["callback_type_id"]), value["callback_type"]) for value in values]

    return read


def pydantic_xml() -> Reader:
    library = importlib.import_module("pydantic_xml")
    model: Any = library.BaseXmlModel

    class Value(model, tag="Value"):  # type: ignore[call-arg, misc]
        callback_type_id: int = library.element()
        callback_type: str = library.element()

    class Answer(model, tag="ClICKATELLSDK", search_mode="unordered"):  # type: ignore[call-arg, misc]
        values: list[Value] = library.wrapped("Values", library.element(tag="Value"))

    return lambda body: [(value.callback_type_id, value.callback_type) for value in Answer.from_xml(body).values]


def xsdata() -> Reader:
    parser = importlib.import_module("xsdata.formats.dataclass.parsers").XmlParser()

    @dataclass
    class Value:
        callback_type_id: int
        callback_type: str

    @dataclass
    class Answer:
        class Meta:
            name = "ClICKATELLSDK"

        action: str = field(metadata={"name": "Action"})
        result: str = field(metadata={"name": "Result"})
        timestamp: int = field(metadata={"name": "Timestamp"})
        values: list[Value] = field(metadata={"wrapper": "Values", "name": "Value"})

    return lambda body: [
        (value.callback_type_id, value.callback_type) for value in parser.from_bytes(body, Answer).values
    ]


CONTENDERS: dict[str, tuple[str | None, Callable[[], Callable[[bytes], Any]]]] = {
    RAW: (None, raw),
    CLIENT: (None, client),
    "lxml, compiled XPath": (None, lxml_xpath),
    "xml.etree, findtext": (None, standard_library),
    "lxml, findtext": (None, lxml_findtext),
    "lxml.objectify": (None, lxml_objectify),
    "defusedxml, findtext": ("defusedxml", defusedxml),
    "xmltodict": ("xmltodict", xmltodict),
    "pydantic-xml": ("pydantic-xml", pydantic_xml),
    "xsdata": ("xsdata", xsdata),
}


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def peak(name: str, path: str) -> float:
    """By how much a call raises the peak memory of this process, in which nothing else has run, per byte of body."""
    import resource

    read = CONTENDERS[name][1]()
    read(b"".join(parts(7)))
    body = Path(path).read_bytes()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = read(body)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert result is not None
    return (after - before) * (1 if sys.platform == "darwin" else 1024) / len(body)


def peaks(counts: list[int], names: list[str]) -> dict[str, list[str]]:
    """The growth of the peak for each contender, each time in a process of its own."""
    table: dict[str, list[str]] = {name: [] for name in names}
    for count in counts:
        with tempfile.NamedTemporaryFile() as file:
            file.writelines(parts(count))
            file.flush()
            for name in names:
                progress(f"memory: {count:,} values, {name}")
                command = [sys.executable, __file__, "--peak", name, file.name]
                runs = [subprocess.run(command, capture_output=True, text=True, check=True) for _ in range(3)]
                table[name].append(f"{statistics.median(float(run.stdout) for run in runs):.1f}")
    return table


def ratios(body: bytes, readers: dict[str, Callable[[bytes], Any]], repeats: int, title: str) -> dict[str, float]:
    """The median, over the rounds, of each contender's time in units of the raw parse of the same round."""
    expected = readers[CLIENT](body)
    for name, read in readers.items():
        if name != RAW and read(body) != expected:
            raise SystemExit(f"{name} reads something else from the answer with {title}")
    calls = {}
    for name, read in readers.items():  # warm by now
        started = time.perf_counter()
        read(body)
        calls[name] = max(1, int(0.01 / (time.perf_counter() - started)))
    rounds: dict[str, list[float]] = {name: [] for name in readers}
    for turn in range(-2, repeats):  # two rounds to warm up
        progress(f"time: {title}, round {turn + 1} of {repeats}")
        took = {}
        for name in random.sample(list(readers), len(readers)):
            read = readers[name]
            read(body)
            started = time.perf_counter()
            for _ in range(calls[name]):
                read(body)
            took[name] = (time.perf_counter() - started) / calls[name]
        if turn >= 0:
            for name in readers:
                rounds[name].append(took[name] / took[RAW])
    return {name: statistics.median(values) for name, values in rounds.items()}


def show(title: str, header: list[str], table: dict[str, list[str]]) -> None:
    print(f"\n{title}\n")
    print(f"| {'':34} | " + " | ".join(f"{cell:>23}" for cell in header) + " |")
    print(f"| {'-' * 34} | " + " | ".join(f"{'-' * 22}:" for _ in header) + " |")
    for name, cells in table.items():
        print(f"| {name:34} | " + " | ".join(f"{cell:>23}" for cell in cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Compare the client's parser with others, in units of lxml.etree.fromstring.",
        epilog="Packages: pip install defusedxml xmltodict pydantic-xml xsdata. What is not installed is left out.",
    )
    parser.add_argument("--repeats", type=int, default=31, help="rounds in which each runs (default: %(default)s)")
    parser.add_argument("--no-memory", action="store_true", help="measure time alone")
    parser.add_argument("--peak", nargs=2, metavar=("CONTENDER", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(peak(*options.peak))
        return

    names = []
    for name, (package, _) in CONTENDERS.items():
        try:
            if package:
                print(f"{package} {version(package)}")
            names.append(name)
        except PackageNotFoundError:
            print(f"left out: {name} (pip install {package})")
    print(f"lxml {version('lxml')}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")

    # Memory first: on Linux a new process starts with the peak of the one that started it.
    memory = {}
    if not options.no_memory and sys.platform != "win32":
        memory = peaks([1_000, 10_000, 100_000], names)
    readers = {name: CONTENDERS[name][1]() for name in names}
    gc.collect()
    gc.freeze()  # so that no contender pays for the modules of another
    bodies = {}
    for count in (7, 10_000):
        title = f"{count:,} values"
        bodies[title] = b"".join(parts(count))
        bodies[f"{title}, one line"] = on_one_line(bodies[title])
    columns = {title: ratios(body, readers, options.repeats, title) for title, body in bodies.items()}
    order = sorted(names, key=lambda name: columns["10,000 values"][name])
    table = {name: [f"{column[name]:.2f}" for column in columns.values()] for name in order}
    show("Time, in units of lxml.etree.fromstring alone:", list(columns), table)
    if memory:
        header = ["1,000 values", "10,000 values", "100,000 values"]
        memory = {name: memory[name] for name in order}
        show("Growth of the peak memory, in units of the body's size:", header, memory)


if __name__ == "__main__":
    main()
