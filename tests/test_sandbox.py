"""The sandbox: the site answers its own examples, under `mkdocs serve` and on static hosts, at a root and below it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from harness.host import host
from harness.run import clean_environment, run_process, run_shell, serving
from harness.site import Site
from project import DEFAULT_SITE_URL, ERROR_CODES, ROOT, SNIPPETS, XML

OUTPUT = (SNIPPETS / "list_callback_types.out").read_text()


def copied(site: Site, path: str, title: str) -> str:
    """The text of a block, as the copy button of the built page gives it."""
    (text,) = [block.text for block in site.page(path).blocks() if block.title == title]
    return text


def follow_the_home_page(site: Site, folder: Path, home: Path, **variables: str) -> str:
    """Do what the first screen says, with these variables set: paste its lines, save its program, run it."""
    start = next(block.text for block in site.page("docs/index.md").blocks() if block.language == "sh")
    (folder / "list_callback_types.py").write_text(copied(site, "docs/index.md", "list_callback_types.py"))
    return run_shell(f"{start}\npython list_callback_types.py", folder, clean_environment(home, **variables))


@pytest.mark.parametrize("name", sorted(path.name for path in XML.glob("*.xml")))
def test_every_document_answers(name: str, sandbox: str, session: requests.Session) -> None:
    answer = session.get(f"{sandbox}xml/{name}", params={"XML": "<clickatellsdk/>"}, timeout=10)
    assert answer.content == (XML / name).read_bytes()
    assert answer.headers["Content-Type"] in ("text/xml", "application/xml")


@pytest.mark.parametrize("folder", ["", "docs/connect"])
def test_published_under_an_address(folder: str, home: Path, tmp_path: Path) -> None:
    """Built for its address by the README's command, the site leads to itself: lines, links and errors."""
    root = tmp_path / "host"
    with host(root) as address:
        url = f"{address}{folder}/" if folder else address
        site = Site(ROOT, root / folder)
        ended = subprocess.run(
            [ROOT / ".ci" / "build-site", url, site.output], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        reader = tmp_path / "reader"
        reader.mkdir()
        assert follow_the_home_page(site, reader, home) == OUTPUT
        environment = clean_environment(home, CONNECT_API_URL=f"{url}xml", CONNECT_API_TOKEN="error-007")
        shutil.copy(SNIPPETS / "handle_failures.py", reader)
        printed = run_process([sys.executable, "handle_failures.py"], reader, environment)
        assert f"see {url}callback-types/errors/#error-007" in printed
        with requests.Session() as session:
            session.trust_env = False
            page = session.get(f"{url}callback-types/errors/", timeout=10)
        assert page.status_code == 200
        assert 'id="error-007"' in page.text
        assert shown_output(site) == printed.rstrip("\n")
    left = [
        path.relative_to(site.output).as_posix()
        for path in site.output.rglob("*")
        if path.suffix in {".html", ".py"} and DEFAULT_SITE_URL in path.read_text() and url != DEFAULT_SITE_URL
    ]
    assert not left, f"these still lead to the default address: {left}"


def shown_output(site: Site) -> str:
    blocks = site.page("docs/quickstart.md").blocks()
    (place,) = [index for index, block in enumerate(blocks) if block.title == "handle_failures.py"]
    return blocks[place + 1].text


@pytest.mark.parametrize(
    "arguments",
    [[], ["example.com"], ["https://example.com/no-slash"], ["ftp://example.com/"], ["http://example.com/"]],
)
def test_build_for_an_address_refuses_what_is_none(arguments: list[str]) -> None:
    ended = subprocess.run([ROOT / ".ci" / "build-site", *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "URL" in ended.stderr


def test_mkdocs_serve(home: Path, tmp_path: Path, session: requests.Session) -> None:
    """The site answers its examples while it is served for writing, on any port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("mkdocs.yml", "docs", "snippets"):
        (copy / name).symlink_to(ROOT / name)
    command = [sys.executable, "-m", "mkdocs", "serve", "--no-livereload", "--dev-addr", f"127.0.0.1:{port}"]
    with serving(command, "Serving on", copy, clean_environment(home, NO_MKDOCS_2_WARNING="1")):
        url = f"http://127.0.0.1:{port}/"
        home_page = session.get(url, timeout=10).text
        lines = re.findall(r"http://127\.0\.0\.1:\d+/(?:xml|downloads)", home_page)
        assert set(lines) == {f"{url}xml", f"{url}downloads"}
        for code in ERROR_CODES:
            answer = session.get(f"{url}xml/error-{code}.xml", params={"XML": "x"}, timeout=10)
            assert answer.content == (XML / f"error-{code}.xml").read_bytes()
        environment = clean_environment(home, CONNECT_API_URL=f"{url}xml", CONNECT_API_TOKEN="response.xml")
        program = [sys.executable, str(SNIPPETS / "list_callback_types.py")]
        assert run_process(program, tmp_path, environment) == OUTPUT
