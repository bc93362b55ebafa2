"""The reference pages: every public name is there, with the signature that it has."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import tomllib
from types import ModuleType

import pytest

import connect_api
import mock_server
import receive_callbacks
from harness.site import Site
from project import ROOT

PAGES = {
    "docs/reference/client.md": connect_api,
    "docs/reference/mock.md": mock_server,
    "docs/reference/receiver.md": receive_callbacks,
}


def public(module: ModuleType) -> dict[str, object]:
    """Dotted name to object of all that a module defines: its own public names, and the public methods of classes."""
    found: dict[str, object] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            names = [statement.name]
        elif isinstance(statement, ast.Assign):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        else:
            continue
        for name in names:
            if not name.startswith("_"):
                found[f"{module.__name__}.{name}"] = getattr(module, name)
    for name, thing in list(found.items()):
        if inspect.isclass(thing):
            for member, value in vars(thing).items():
                if not member.startswith("_") and (inspect.isfunction(value) or isinstance(value, classmethod)):
                    found[f"{name}.{member}"] = value
    return found


def signature_of(name: str, thing: object, module: ModuleType) -> str:
    """The signature as the source writes it: constants by their names, no `self`."""
    function = thing.__func__ if isinstance(thing, classmethod) else thing
    assert callable(function)
    signature = inspect.signature(function)
    constants = {id(value): constant for constant, value in vars(module).items() if constant.isupper()}
    parts, keyword_only = [], False
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            parts.append("*")
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        text = f"{stars}{parameter.name}: {parameter.annotation}"
        if parameter.default is not parameter.empty:
            text += f" = {constants.get(id(parameter.default), repr(parameter.default))}"
        parts.append(text)
    returns = "" if inspect.isclass(thing) else f" -> {signature.return_annotation}"
    return f"{name.rpartition('.')[2]}({', '.join(parts)}){returns}"


def spaceless(text: str) -> str:
    return re.sub(r"\s|,(?=\s*\))", "", text).replace("'", '"')


@pytest.mark.parametrize("path", PAGES)
def test_every_public_name_is_in_the_reference(path: str, site: Site) -> None:
    module = PAGES[path]
    ids = set(site.page(path).article.xpath(".//@id"))
    missing = set(public(module)) - ids
    assert not missing, f"{path} does not show {missing}"
    assert set(module.__all__) <= {name.split(".")[1] for name in public(module)}


@pytest.mark.parametrize("path", PAGES)
def test_every_public_name_has_a_docstring(path: str) -> None:
    for name, thing in public(PAGES[path]).items():
        if callable(thing):
            assert inspect.getdoc(thing), f"{name} has no docstring"


@pytest.mark.parametrize("path", PAGES)
def test_signatures(path: str, site: Site) -> None:
    """What mkdocstrings shows as the signature is what Python says it is."""
    module = PAGES[path]
    names = public(module)
    shown = site.page(path).signatures()
    for anchor, text in shown.items():
        thing = names[anchor]
        if callable(thing) or isinstance(thing, classmethod):
            assert spaceless(text) == spaceless(signature_of(anchor, thing, module)), f"{path}: {anchor}"
        else:
            name, _, value = text.partition(" = ")
            assert anchor.endswith(f".{name}")
            assert eval(value, vars(module)) == thing, f"{path}: {anchor}"
    without = {name for name, thing in names.items() if name not in shown and not has_no_constructor(thing)}
    assert not without, f"{path} shows no signature of {without}"


@pytest.mark.parametrize("path", PAGES)
def test_requirements_are_what_the_file_imports(path: str) -> None:
    module = PAGES[path]
    body = ast.parse(inspect.getsource(module)).body
    imported = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in body if isinstance(node, ast.ImportFrom)}
    needed = {name.partition(".")[0] for name in imported} - set(sys.stdlib_module_names)
    (sentence,) = re.findall(r"^It needs Python `[\d.]+` or newer with .*\.$", module.__doc__ or "", re.MULTILINE)
    named = set(re.findall(r"`([a-z]\w+)`", sentence))
    brought = {"werkzeug"} if "flask" in named else set()
    assert named == needed - brought, f"{module.__name__}.py: the docstring does not name what the file imports"


@pytest.mark.parametrize("path", PAGES)
def test_every_parameter_and_attribute_has_its_type(path: str, site: Site) -> None:
    entries = site.page(path).article.xpath(".//li[contains(@class, 'doc-section-item')][b]")
    without = [entry.xpath("string(b)") for entry in entries if not entry.xpath("b/following-sibling::code")]
    assert entries
    assert not without, f"{path} shows no type of {without}: annotate them in the class"


@pytest.mark.parametrize("module", PAGES.values(), ids=lambda module: module.__name__)
def test_the_version_is_the_same_everywhere(module: ModuleType) -> None:
    """A reader who copied a file finds its version at the top of the changelog."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.findall(r"^## `([\d.]+)`", (ROOT / "docs" / "changelog.md").read_text(), re.MULTILINE)[0]
    site = re.findall(r"^    version: ([\d.]+)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE)
    versions = {"the file": module.__version__, "pyproject.toml": project["version"], "mkdocs.yml": site[0]}
    assert set(versions.values()) == {newest}, f"the changelog begins with {newest}, the others are {versions}"


def has_no_constructor(thing: object) -> bool:
    """An exception, a tuple or a data class shows its attributes instead."""
    return (inspect.isclass(thing) and "__init__" not in vars(thing)) or hasattr(thing, "__dataclass_fields__")
