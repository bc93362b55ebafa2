"""The recipe for a host: Debian's nginx, with the configuration of the page, serves the site at a path below a host."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import trustme
from playwright.sync_api import Browser

from harness.browser import Visit, choose, visit, wait_until
from harness.run import cannot_run, clean_environment, run_process, serving
from harness.site import Site
from project import CONTENT_SECURITY_POLICY, FACTS, ROOT, SNIPPETS
from test_sandbox import OUTPUT, follow_the_home_page

CONFIGURATION = SNIPPETS / "nginx.conf"
SITE_PATH = "/docs/connect"
REPOSITORY = "https://github.com/example/docs"  # a host that the theme would ask for the number of stars
PLACEHOLDER = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
EXTRA_FILES = {
    "llms.txt": "text/plain; charset=utf-8",
    "page.md": "text/markdown; charset=utf-8",
    "module.wasm": "application/wasm",
    "module.mjs": "text/javascript; charset=utf-8",
}
"""Files that the site publishes or may publish one day, and how they have to come."""

SERVER = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    proxy_temp_path {folder}/proxy;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/site.conf;
}}
"""


def program(name: str, package: str) -> str:
    """The path of a program of the system, where that of an administrator counts too."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(name, path=path) or cannot_run(f"no {name} on this machine: install the package {package}")


@dataclass(frozen=True)
class Host:
    """The site as nginx serves it."""

    url: str
    site: Site
    ca_file: Path

    def get(self, path: str, method: str = "GET") -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, timeout=10, verify=str(self.ca_file), allow_redirects=False)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    nginx = program("nginx", "nginx")
    folder = tmp_path_factory.mktemp("nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{port}{SITE_PATH}/"
    site = Site(ROOT, folder / "site")
    environment = {**os.environ, "REPO_URL": REPOSITORY}
    command = [str(ROOT / ".ci" / "build-site"), url, str(site.output)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    for name in EXTRA_FILES:
        (site.output / name).touch()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    values = {
        "HTTPS_PORT": f"127.0.0.1:{port}",
        "SERVER_NAME": "127.0.0.1",
        "TLS_CERTIFICATE": str(folder / "server.pem"),
        "TLS_KEY": str(folder / "server.pem"),
        "SITE_PATH": SITE_PATH,
        "SITE_FOLDER": str(site.output),
    }
    text = CONFIGURATION.read_text()
    assert set(PLACEHOLDER.findall(text)) == set(values)
    (folder / "site.conf").write_text(PLACEHOLDER.sub(lambda found: values[found[0]], text))
    user = "user root;" if os.geteuid() == 0 else ""  # its workers have to read the folder of the tests
    (folder / "nginx.conf").write_text(SERVER.format(folder=folder, user=user))
    command = [nginx, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
    home = tmp_path_factory.mktemp("home")
    run_process([*command, "-t"], folder, clean_environment(home))
    with serving(command, "start worker process", folder, clean_environment(home)):
        yield Host(url, site, folder / "ca.pem")


@pytest.fixture
def opened(browser: Browser, host: Host) -> Iterator[Visit]:
    with visit(browser, host.url, any_certificate=True) as opened:
        yield opened


def test_missing_program_is_skipped_or_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="install the package some-package"):
        program("no-such-program", "some-package")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="install the package some-package"):
        program("no-such-program", "some-package")


# The configuration.


def added_headers() -> dict[str, str]:
    text = CONFIGURATION.read_text()
    return {name: value.strip('"') for name, value in re.findall(r'add_header (\S+) ("[^"]*"|\S+?)(?: always)?;', text)}


def policy() -> dict[str, list[str]]:
    directives = CONTENT_SECURITY_POLICY.split(";")
    return {name: values for name, *values in (directive.split() for directive in directives)}


def content_types() -> dict[str, list[str]]:
    block = re.findall(r"types \{(.*?)\}", CONFIGURATION.read_text(), re.DOTALL)[0]
    return {kind: endings.split() for kind, endings in re.findall(r"(\S+/\S+) +([a-z ]+);", block)}


def cache_rules() -> dict[str, str]:
    """The values of the map: what stands under `default`, and what under the pattern of hashed names."""
    return dict(re.findall(r'^    (default|"~[^"]*")\s+"([^"]*)";$', CONFIGURATION.read_text(), re.MULTILINE))


def inline_scripts(site: Site) -> dict[str, str]:
    """Hash of each script that stands within a page, and one of these pages."""
    found = {}
    for page in sorted(site.output.rglob("*.html")):
        for attributes, text in re.findall(r"<script([^>]*)>(.*?)</script>", page.read_text(), re.DOTALL):
            if " src=" not in attributes and "application/json" not in attributes:
                digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
                found[f"'sha256-{digest}'"] = page.relative_to(site.output).as_posix()
    return found


def test_policy_allows_each_script_of_the_pages_and_no_other(site: Site) -> None:
    scripts = inline_scripts(site)
    allowed = {value for value in policy()["script-src"] if value.startswith("'sha")}
    assert len(scripts) > 1
    for digest, page in scripts.items():
        assert digest in allowed, f"snippets/nginx.conf: add {digest} to script-src, for a script of {page}"
    assert allowed <= set(scripts), f"snippets/nginx.conf: no page has the scripts of {allowed - set(scripts)}"


def test_pages_hold_nothing_else_that_the_policy_refuses(site: Site) -> None:
    for page in site.output.rglob("*.html"):
        found = re.findall(r"<style|<[^>]* (?:style|on\w+)=[^>]*>|href=\"?javascript:", page.read_text())
        assert not found, f"{page.relative_to(site.output)}: the policy refuses {found}"


def test_each_file_of_the_site_has_a_content_type(site: Site) -> None:
    known = [ending for endings in content_types().values() for ending in endings]
    endings = {path.suffix.removeprefix(".") for path in site.output.rglob("*") if path.is_file()}
    assert endings <= set(known), f"snippets/nginx.conf: no content type for {endings - set(known)}"


def test_link_to_the_repository_is_left_out_where_none_is_known(site: Site) -> None:
    assert "md-source" not in (site.output / "index.html").read_text()


def test_page_explains_each_placeholder(site: Site) -> None:
    lines = site.page("docs/hosting.md").lines
    explained = {name for line in lines if line.startswith("- `") for name in PLACEHOLDER.findall(line)}
    assert explained == set(PLACEHOLDER.findall(CONFIGURATION.read_text()))


# What nginx sends.


def test_program_runs_against_the_sandbox_of_this_host(host: Host, home: Path, tmp_path: Path) -> None:
    """The lines of the page and its program, as copied from the page that is built for this address."""
    trusted = {"CURL_CA_BUNDLE": str(host.ca_file), "REQUESTS_CA_BUNDLE": str(host.ca_file)}
    assert follow_the_home_page(host.site, tmp_path, home, **trusted) == OUTPUT
    assert f'DOCS_URL = "{host.url}"' in (tmp_path / "connect_api.py").read_text()


def test_sandbox_answers_as_documented(host: Host) -> None:
    answer = host.get("xml/response.xml?XML=%3Cclickatellsdk%2F%3E")
    assert answer.status_code == 200
    assert answer.content == (ROOT / "docs" / "xml" / "response.xml").read_bytes()
    assert answer.headers["Content-Type"] == "application/xml"
    assert host.get("xml/response.xml", method="POST").status_code == 405
    assert host.get("xml/no-such-token").status_code == 404


def test_each_kind_of_file_has_its_content_type(host: Host) -> None:
    kinds = {ending: kind for kind, endings in content_types().items() for ending in endings}
    files = {path.suffix.removeprefix("."): path for path in host.site.output.rglob("*") if path.is_file()}
    assert set(files) == set(kinds), "each content type is tested, and each file has one"
    for ending, path in files.items():
        answer = host.get(path.relative_to(host.site.output).as_posix())
        wanted = kinds[ending]
        if wanted.startswith("text/") or wanted == "application/json":
            wanted += "; charset=utf-8"
        assert answer.headers["Content-Type"] == wanted, path.name
    for name, wanted in EXTRA_FILES.items():
        assert host.get(name).headers["Content-Type"] == wanted


@pytest.mark.parametrize("path", ["", "quickstart/", "xml/response.xml", "downloads/connect_api.py", "no-such-page"])
def test_headers_come_with_each_answer(path: str, host: Host) -> None:
    answer = host.get(path)
    assert answer.status_code == (404 if path == "no-such-page" else 200)
    headers = added_headers()
    del headers["Cache-Control"]
    for name, value in headers.items():
        assert answer.headers.get(name) == value, f"{name} of /{path}"
    assert ("Cache-Control" in answer.headers) == (answer.status_code == 200)
    assert "nginx/" not in answer.headers["Server"], "the version of nginx is nobody's business"


def test_only_hashed_names_are_kept(host: Host) -> None:
    kept, asked = set[str](), set[str]()
    for path in host.site.output.rglob("*.*"):
        name = path.relative_to(host.site.output).as_posix()
        control = host.get(name).headers["Cache-Control"]
        (kept if "immutable" in control else asked).add(name)
        assert control in ("no-cache", "public, max-age=31536000, immutable"), name
    assert kept == {name for name in kept | asked if re.search(r"\.[0-9a-f]{8}\.min\.(?:css|js)(?:\.map)?$", name)}
    assert any(name.endswith(".css") for name in kept)
    assert "Cache-Control" not in host.get("assets/javascripts/bundle.00000000.min.js").headers
    assert host.get("").headers["ETag"], "what asks whether it has changed needs something to ask with"


def test_path_without_its_slash_leads_to_the_page(host: Host) -> None:
    answer = host.get("quickstart")
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{SITE_PATH}/quickstart/")
    assert "Cache-Control" in answer.headers


def test_unknown_path_gets_the_page_of_the_site(host: Host) -> None:
    assert host.get("no/such/page").text == (host.site.output / "404.html").read_text()


def test_text_is_compressed_where_it_is_asked_for(host: Host) -> None:
    answer = host.get("search/search_index.json")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"


# What a browser makes of it.


def test_every_page_works_under_the_policy(host: Host, opened: Visit) -> None:
    """No page asks for anything that the policy refuses, nor for anything of another host."""
    pages = [page.relative_to(host.site.output).as_posix() for page in sorted(host.site.output.rglob("index.html"))]
    assert len(pages) > 10
    for name in [*pages, "no-such-page"]:
        opened.errors.clear()
        opened.go(host.url + name.removesuffix("index.html"))
        expected = ["404" in error for error in opened.errors] if name == "no-such-page" else []
        assert len(expected) == len(opened.errors), f"{name}: {opened.errors}"
        assert opened.page.evaluate("typeof __md_get") == "function", f"{name}: the scripts of the theme do not run"
        if name != "no-such-page":
            assert opened.page.locator(f"a.md-source[href='{REPOSITORY}']").count() > 0
    outside = {address for address in opened.requests if not address.startswith((host.url, "data:"))}
    assert not outside, f"the pages ask other hosts: {outside}"


def test_search_and_palette_work_under_the_policy(host: Host, opened: Visit) -> None:
    opened.page.locator(".md-search__input").press_sequentially("several errors")
    opened.page.locator(".md-search-result__item").first.wait_for()
    opened.page.keyboard.press("Escape")
    choose(opened.page, "dark", 1280)
    opened.go(host.url + "quickstart/")
    assert opened.page.locator("body").get_attribute("data-md-color-scheme") == "slate"
    assert not opened.errors


def test_policy_lets_webassembly_run_and_no_foreign_script(host: Host, opened: Visit) -> None:
    (host.site.output / "probe.js").write_text("""
        const empty = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);
        WebAssembly.instantiate(empty).then(() => (window.wasm = "runs"), (error) => (window.wasm = String(error)));
        try { window.evaluated = eval("'runs'"); } catch { window.evaluated = "refused"; }
        const inline = document.createElement("script");
        inline.textContent = "window.inline = 'runs'";
        document.head.append(inline);
    """)
    opened.page.evaluate(
        "url => document.head.append(Object.assign(document.createElement('script'), { src: url }))",
        f"{host.url}probe.js",
    )
    wait_until(opened.page, "Boolean(window.wasm)", "WebAssembly has run or was refused")
    found = opened.page.evaluate("[window.wasm, window.evaluated, window.inline || 'refused']")
    (host.site.output / "probe.js").unlink()
    assert found == ["runs", "refused", "refused"]
    assert any("Content Security Policy" in error for error in opened.errors)


# What the page says.


def test_all_xml_is_utf_8_with_a_declaration_or_without(site: Site) -> None:
    for path in [*site.output.rglob("*.xml"), *site.output.rglob("*.xsd")]:
        declared = re.match(rb"<\?xml [^>]*encoding=[\"']([^\"']*)", path.read_bytes())
        assert declared is None or declared[1] == b"UTF-8", f"{path.name} declares {declared}"
        path.read_text(encoding="utf-8")


def test_browsers_keep_to_https_for_a_year() -> None:
    assert added_headers()["Strict-Transport-Security"] == f"max-age={365 * 24 * 60 * 60}"


def test_reasons_are_those_of_the_tables() -> None:
    assert set(FACTS["hosting"]["headers"]) == set(added_headers())
    assert set(FACTS["hosting"]["policy"]) == set(policy())
