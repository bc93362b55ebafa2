"""Every code block of every page: it is run, or it is compared with what it shows."""

from __future__ import annotations

import inspect
import re
import shutil
from pathlib import Path

import pytest

from connect_api import ConnectAPI
from harness.run import clean_environment, run_python, run_shell, serving, settings
from harness.site import Block, Fence, Page, Problem, Site, included_text
from mock_server import MockServer
from project import DEFAULT_SITE_URL, FENCES, ROOT, SNIPPETS, SOURCE
from reader import POSTED, difference, environment_for, save_downloads, undocumented

LANGUAGES = {
    ".py": "python",
    ".sh": "sh",
    ".ps1": "powershell",
    ".xml": "xml",
    ".xsd": "xml",
    ".http": "http",
    ".conf": "nginx",
}
INSTALL = "python3 -m venv .venv && .venv/bin/pip install -r .ci/requirements.txt"
NOT_RUN = {
    f"{INSTALL}\n. .venv/bin/activate": "it downloads packages; .ci/run runs the README's commands, which begin alike",
    "npm ci --prefix .ci/browser-tools": "it installs what these tests run with; .ci/run runs it before them",
    "pytest": "it would run these tests within themselves; the README's test command is run by .ci/run",
    "python tests/benchmark.py": "it measures for minutes, and its figures are no test's business",
    "python tests/simulate_callbacks.py": "the tests run it at a smaller size: tests/test_receive_callbacks.py",
    "pytest --report verification.json": "a run within a run: tests/test_verification.py reads a report of a few tests",
    (ROOT / "tests" / "mutation.txt").read_text().splitlines()[0]: "it runs these tests for each of its changes",
    "pytest --update-outputs": "it would write the files that these tests compare",
    ".ci/build-site https://docs.example.com/connect/": "tests/test_hosting.py runs it for an address of this machine",
    "nginx -t && nginx -s reload": "it concerns the server of the reader; tests/test_hosting.py starts one of its own",
}
"""The shell blocks that are shown and not run, each with the reason."""

RUN_ELSEWHERE = {
    "snippets/build_with_zensical.sh": "tests/test_successor.py",
    "snippets/deliver.sh": "tests/test_journey.py",
    "snippets/deliver_get.sh": "tests/test_journey.py",
    "snippets/deliver_post.sh": "tests/test_journey.py",
    "snippets/deliver_xml.sh": "tests/test_journey.py",
    "snippets/mock_options.sh": "tests/test_mock_server.py",
    "snippets/fixed_url.sh": "tests/test_integration_guide.py",
    "snippets/start_receiver.sh": "tests/test_journey.py",
    "snippets/stored.sh": "tests/test_journey.py",
}
"""The shell blocks that need more than one server, and the test that runs them from the page."""

SERVER = "python snippets/mock_server.py"


def is_run(fence: Fence) -> bool:
    return fence.language in {"python", "sh"} and not fence.is_output


def output_after(page: Page, fence: Fence) -> Fence | None:
    following = page.fences[page.fences.index(fence) + 1 :]
    return following[0] if following and following[0].is_output else None


def has_right_title(fence: Fence) -> bool:
    """Tell whether a title is the name of the included file, or the word for what the block holds."""
    if not fence.title or fence.is_output:
        return True
    include = str(fence.include)
    words = {".request.http": "Request", ".answer.http": "Answer"}
    for ending, word in words.items():
        if include.endswith(ending):
            return fence.title == word
    return f"/{include}".endswith(f"/{fence.title}")


def unowned(page: Page) -> list[Problem]:
    """The blocks that are neither run nor compared with anything."""
    problems = []
    for previous, fence in zip([None, *page.fences], page.fences, strict=False):
        if fence.is_output:
            if previous is None or not is_run(previous):
                problems.append(fence.problem("this output belongs to no program: the block before it is not run"))
        elif fence.include:
            language = LANGUAGES.get(Path(fence.include).suffix)
            if fence.language != language:
                problems.append(fence.problem(f"the language of {fence.include} is {language}, not {fence.language!r}"))
        elif not (fence.language == "sh" or (fence.language == "python" and fence.path != page.path)):
            problems.append(
                fence.problem(f"no test owns this block of {fence.language!r}: move it into a file and include that")
            )
        if not has_right_title(fence):
            problems.append(fence.problem(f"the title is {fence.title}, the file {fence.include}"))
    return problems


def not_as_written(blocks: list[Block], root: Path) -> list[Problem]:
    """The blocks that come out of the build in another way than their source says."""
    problems = []
    for block in blocks:
        fence = block.fence
        if not block.text.strip():
            problems.append(fence.problem("this block is empty on the built page"))
        elif block.text != included_text(root, fence):
            problems.append(fence.problem("this block differs from the file or lines that it is made of"))
        if (block.language, block.title) != (fence.language, fence.title):
            problems.append(fence.problem(f"built as {block.language!r} with the title {block.title!r}"))
    return problems


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_every_block_has_an_owner(page: Page) -> None:
    problems = unowned(page)
    assert not problems, "\n".join(map(str, problems))


@pytest.mark.parametrize("page", SOURCE.pages, ids=lambda page: page.path.as_posix())
def test_blocks_come_out_as_written(page: Page, site: Site) -> None:
    problems = not_as_written(site.page(page.path.as_posix()).blocks(), ROOT)
    assert not problems, "\n".join(map(str, problems))


RUNS = [
    pytest.param(page, index, target, id=f"{fence}-{target}")
    for fence, page, index in FENCES
    if is_run(fence) and "\n".join(fence.lines) not in NOT_RUN and fence.include not in RUN_ELSEWHERE
    if included_text(ROOT, fence) != SERVER
    for target in ("sandbox", "mock")
    if target == "mock" or (fence.include not in POSTED and fence.path.suffix == ".md")
]


@pytest.mark.parametrize(("path", "index", "target"), RUNS)
def test_run(
    path: str,
    index: int,
    target: str,
    site: Site,
    sandbox: str,
    mock: MockServer,
    home: Path,
    tmp_path: Path,
    update_outputs: bool,
) -> None:
    """Run the block as it stands on the built page, where its reader would be, and compare what it prints."""
    page = site.page(path)
    block = page.blocks()[index]
    environment = environment_for(page, block, home, sandbox, mock if target == "mock" else None)
    save_downloads(page, tmp_path)
    text = block.text.replace(DEFAULT_SITE_URL, sandbox) if block.language == "sh" else block.text
    mock.application.reset()
    if block.language == "python":
        printed = run_python(text, block.fence.include or str(block.fence), tmp_path, environment)
    else:
        printed = run_shell(text, tmp_path, environment)
    printed = printed.replace(sandbox, DEFAULT_SITE_URL).rstrip("\n")

    if target == "mock" and block.fence.path == page.path:
        posted = block.fence.include in POSTED
        sent = list(mock.exchanges)
        methods = ["POST" if posted and "configure" not in str(block.fence.include) else "GET"] * len(sent)
        methods = ["POST" if exchange.action != "get_list_callback" else methods[0] for exchange in sent]
        wrong = [fault for exchange, way in zip(sent, methods, strict=True) if (fault := undocumented(exchange, way))]
        assert not wrong, f"{block.fence}: {wrong[0]}"
        is_test = block.title.startswith("test_")  # its functions call when pytest runs them: test_programs.py
        calls = not is_test and re.search(r"from_environment|environ.*CONNECT_API_URL|\$\{?CONNECT_API_URL", text)
        assert bool(sent) == bool(calls), f"{block.fence}: {len(sent)} requests reached the mock"

    output = output_after(page, block.fence)
    compare(printed, page, output, block.fence, update_outputs)


def compare(printed: str, page: Page, output: Fence | None, fence: Fence, update_outputs: bool) -> None:
    if output is None:
        assert not printed, f"{fence}: this prints, and no output block follows:\n{printed}"
    elif update_outputs and (output.include or "").endswith(".out"):
        (ROOT / str(output.include)).write_text(printed + "\n")
    else:
        shown = page.blocks()[page.fences.index(output)].text
        assert not (message := difference(shown, printed, output)), message


STARTS = [(page, index) for fence, page, index in FENCES if included_text(ROOT, fence) == SERVER]


@pytest.mark.parametrize(("path", "index"), STARTS)
def test_server_is_started_used_and_stopped(
    path: str, index: int, site: Site, home: Path, tmp_path: Path, update_outputs: bool
) -> None:
    """Start the server with the page's line, paste the lines that it prints, and call it with the page's program."""
    page = site.page(path)
    fence = page.fences[index]
    shutil.copytree(SNIPPETS, tmp_path / "snippets")
    (tmp_path / "docs").mkdir()
    shutil.copytree(ROOT / "docs" / "xml", tmp_path / "docs" / "xml")
    (tmp_path / "reader").mkdir()
    save_downloads(page, tmp_path / "reader")
    command = ["sh", "-euc", f"exec {page.blocks()[index].text}"]
    with serving(command, "Ready", tmp_path, clean_environment(home)) as lines:
        pasted = "\n".join(line for line in lines if line.startswith("export "))
        program = (SNIPPETS / "request_post.sh").read_text()
        answer = run_shell(f"{pasted}\n{program}", tmp_path / "reader", clean_environment(home))
        assert answer == (ROOT / "docs" / "xml" / "response.xml").read_text()
        listed = run_shell(
            f"{pasted}\npython {SNIPPETS / 'list_callback_types.py'}", tmp_path / "reader", clean_environment(home)
        )
        assert listed == (SNIPPETS / "list_callback_types.out").read_text()
        undone = run_shell(
            f"{pasted}\n{next(line for line in lines if line.startswith('unset '))}\nenv",
            tmp_path,
            clean_environment(home),
        )
        assert "CONNECT_API" not in undone
        assert "CA_BUNDLE" not in undone
    printed = "\n".join(lines)
    ca_file = re.findall(r"REQUESTS_CA_BUNDLE=(.*)", printed)[0]
    assert not Path(ca_file).exists(), "the temporary certificate is left behind"
    printed = printed.replace(ca_file, "/tmp/connect-api-mock/ca.pem")  # noqa: S108 (text of a page)
    printed = re.sub(r"https://127.0.0.1:\d+", "https://127.0.0.1:8443", printed)
    printed = re.sub(r"http://127.0.0.1:\d+", "http://127.0.0.1:8081", printed)
    if output := output_after(page, fence):
        compare(printed, page, output, fence, update_outputs)


def test_the_readme_installs_as_the_quickstart_does() -> None:
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if "pip install" in line]
    assert commands, "no command of the README installs the project"
    assert all(line.startswith(f"{INSTALL} && ") for line in commands), "the README installs in another way"


def test_the_list_of_blocks_not_run_is_not_stale() -> None:
    shown = {"\n".join(fence.lines) for fence, _, _ in FENCES}
    assert set(NOT_RUN) <= shown, f"on no page any more: {set(NOT_RUN) - shown}"
    for include, test in RUN_ELSEWHERE.items():
        assert Path(include).name in (ROOT / test).read_text(), f"{test} does not run {include}"


@pytest.mark.parametrize("fence", [fence for fence, _, _ in FENCES if fence.language == "powershell"], ids=str)
def test_powershell_says_what_the_shell_says(fence: Fence) -> None:
    """No PowerShell runs here: its lines are compared with the shell lines of the same name."""
    assert fence.include
    power = (ROOT / fence.include).read_text()
    shell = (ROOT / fence.include).with_suffix(".sh").read_text()
    assigned: dict[str, str | None] = dict(re.findall(r"^\$Env:(\w+) = '([^']*)'$", power, re.MULTILINE))
    fetched = re.findall(r"^Invoke-WebRequest -OutFile (\S+) (\S+)$", power, re.MULTILINE)
    removed = re.findall(r"Env:(\w+)", "".join(re.findall(r"^Remove-Item (.*)$", power, re.MULTILINE)))
    same = set(power.splitlines()) & set(shell.splitlines())
    known = len(assigned) + len(fetched) + power.count("Remove-Item ") + len(same)
    assert known == len(power.splitlines()), f"{fence}: a line of an unknown form"
    assigned |= dict.fromkeys(removed)
    assert assigned == settings(shell), f"{fence}: other values than in the shell lines"
    for name, url in fetched:
        assert "curl -fsSO " in shell, f"{fence}: without -f, the page of an error is saved under the file's name"
        assert shell.split()[-1] == url, f"{fence}: another address than in the shell lines"
        assert url.endswith(f"/{name}"), f"{fence}: {name} is not the name of the file"


def test_timeouts_are_those_of_the_client() -> None:
    default = inspect.signature(ConnectAPI).parameters["timeout"].default
    for path in SNIPPETS.iterdir():
        if path.suffix in {".py", ".sh"} and path.stem not in ("connect_api", "mock_server", "receive_callbacks"):
            found = re.findall(r"(?:timeout=|--max-time )(\d+)", path.read_text())
            assert set(found) <= {str(default)}, f"{path.name} waits {found} s, the client {default} s"


def test_shell_lines_set_what_the_programs_read(mock: MockServer) -> None:
    known = set(settings(mock.lines_to_paste()))
    for path in SNIPPETS.glob("*.py"):
        known |= set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', path.read_text()))
    for fence, _, _ in FENCES:
        if fence.language == "sh":
            unknown = set(settings(included_text(ROOT, fence))) - known
            assert not unknown, f"{fence}: no program reads {unknown}"


@pytest.mark.parametrize(
    "page", [page for page in SOURCE.pages if {"guides", "reference"} & set(page.path.parts)], ids=str
)
def test_blocks_of_guides_and_reference_fit(page: Page) -> None:
    """On a wide screen, a reader sees each line as a whole."""
    for fence in page.fences:
        for line in included_text(ROOT, fence).splitlines():
            assert len(line) <= 80, f"{fence}: this line of {fence.include} is cut off on the page: {line}"


def test_every_snippet_is_on_a_page() -> None:
    included = {fence.include for fence, _, _ in FENCES}
    referenced = {
        f"snippets/{name}.py"
        for page in SOURCE.pages
        for name in re.findall(r"^::: (\w+)", "\n".join(page.lines), re.MULTILINE)
    }
    files = {path.relative_to(ROOT).as_posix() for path in SNIPPETS.iterdir() if path.is_file()}
    assert files - included - referenced == set(), "no page shows these files"
