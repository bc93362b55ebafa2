"""Fixtures: the site is built once, one sandbox and one mock serve all tests."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from harness import guard
from harness.browser import Tools, chromium, find_chromium
from harness.host import host
from harness.run import cannot_run
from harness.site import Site
from mock_server import MockServer
from project import CONTENT_SECURITY_POLICY, ROOT

guard.install()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-outputs", action="store_true", help="write the output files anew instead of comparing")
    parser.addoption("--report", type=Path, metavar="FILE", help="write what was verified on which page to this file")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-outputs") and os.environ.get("CI"):
        raise pytest.UsageError("--update-outputs does not run in CI: there, outputs are compared")
    if config.getoption("--update-outputs"):
        for page in ROOT.glob("docs/**/*.md"):  # a new example has no output yet, and the build wants the file
            for output in re.findall(r'--8<-- "(snippets/\w+\.out)"', page.read_text()):
                (ROOT / output).touch()
    if path := config.getoption("--report"):
        from claims import report  # it reads the whole site, which only a report needs

        config.pluginmanager.register(report(path.absolute()), "verification")


@pytest.fixture(scope="session")
def update_outputs(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--update-outputs"))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The site, built in strict mode with its default address."""
    site = Site(ROOT, tmp_path_factory.mktemp("build") / "site")
    ended = site.build()
    assert ended.returncode == 0, f"mkdocs build --strict failed:\n{ended.stderr}"
    return site


@pytest.fixture(scope="session")
def sandbox(site: Site) -> Iterator[str]:
    """The address of the built site on a static host."""
    with host(site.output) as url:
        yield url


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one, its tests are skipped, and in CI they fail."""
    program = find_chromium()
    if program is None:
        cannot_run("no Chromium: install `chromium-headless-shell` or `chromium`, or name its program in CHROMIUM")
    with chromium(program) as browser:
        yield browser


@pytest.fixture(scope="session")
def tools() -> Tools:
    """What npm installs for the tests; without it, its tests are skipped, and in CI they fail."""
    tools = Tools(ROOT / ".ci" / "browser-tools" / "node_modules")
    if missing := tools.missing():
        cannot_run(missing)
    return tools


@pytest.fixture(scope="session")
def hosted(site: Site) -> Iterator[str]:
    """The address of the built site on a host that compresses and sends the security policy."""
    with host(site.output, CONTENT_SECURITY_POLICY) as url:
        yield url


@pytest.fixture(scope="session")
def mock() -> Iterator[MockServer]:
    """The mock, over real TLS, with a certificate that the service's own name is in too."""
    with MockServer(hostnames=["connect.clickatell.com"]) as server:
        yield server


@pytest.fixture
def session(mock: MockServer) -> Iterator[requests.Session]:
    """A session that trusts the mock's certificate and nothing else, whatever this machine presets."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(mock.ca_file)
        yield session


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")
