"""The schemas: they accept each documented document in each printed spelling, and reject what is wrong."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from connect_api import MalformedResponse, ServiceError, build_request, parse_callback_types
from harness.site import Site, included_text
from project import FENCES, ROOT, XML

SCHEMAS = {name: etree.XMLSchema(file=str(XML / f"{name}.xsd")) for name in ("request", "response")}
DOCUMENTS = {path.name: path.read_text() for path in sorted(XML.glob("*.xml"))}
REQUEST, RESPONSE = DOCUMENTS["request.xml"], DOCUMENTS["response.xml"]
ANSWERS = [name for name in DOCUMENTS if name != "request.xml"]


def agrees(schema: str, document: str) -> bool:
    return bool(SCHEMAS[schema].validate(etree.fromstring(document.encode())))


def root_spellings(schema: str) -> list[str]:
    elements = etree.parse(XML / f"{schema}.xsd").findall("{http://www.w3.org/2001/XMLSchema}element")
    return [str(element.get("name")) for element in elements]


def with_root(document: str, name: str) -> str:
    return re.sub(r"(?i)(</?)clickatellsdk>", rf"\1{name}>", document)


def test_root_spellings_are_those_that_the_sources_print() -> None:
    assert root_spellings("request") == ["clickatellsdk", "CLICKATELLSDK"]
    assert root_spellings("response") == ["ClICKATELLSDK", "CLICKATELLSDK"]


@pytest.mark.parametrize("root", root_spellings("request"))
@pytest.mark.parametrize("action", ["action", "Action"])
def test_request_is_accepted(root: str, action: str) -> None:
    assert agrees("request", with_root(REQUEST, root).replace("action>", f"{action}>"))


def test_what_the_client_builds_is_accepted() -> None:
    assert agrees("request", build_request("get_list_callback").decode())


@pytest.mark.parametrize("root", root_spellings("response"))
@pytest.mark.parametrize("name", ANSWERS)
def test_answers_are_accepted(name: str, root: str) -> None:
    assert agrees("response", with_root(DOCUMENTS[name], root))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("get_list_callback", "get_list_callbacks"),
        ("get_list_callback", ""),
        ("action>", "ACTION>"),
        ("clickatellsdk>", "ClickatellSDK>"),
        ("  <action>get_list_callback</action>\n", ""),
        ("</action>", "</action><action>get_list_callback</action>"),
        ("</action>", "</action><other/>"),
    ],
)
def test_wrong_request_is_rejected(old: str, new: str) -> None:
    assert old in REQUEST
    assert not agrees("request", REQUEST.replace(old, new))


def changes(document: str) -> dict[str, str]:
    """The document with each tag misspelled, and each element taken away or doubled, one at a time."""
    elements = list(etree.fromstring(document).iter(etree.Element))
    found = {}
    for tag in {str(element.tag) for element in elements}:
        found[f"misspelled {tag}"] = document.replace(f"<{tag}>", f"<{tag}x>").replace(f"</{tag}>", f"</{tag}x>")
    for place in range(1, len(elements)):
        for change in ("without", "doubled"):
            root = etree.fromstring(document)
            element = list(root.iter(etree.Element))[place]
            parent = element.getparent()
            assert parent is not None
            if change == "doubled":
                parent.insert(parent.index(element), etree.fromstring(etree.tostring(element)))
            else:
                parent.remove(element)
            found[f"{change} {element.tag} ({place})"] = etree.tostring(root, encoding="unicode")
    return found


CHANGES = changes(RESPONSE)


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_changed_answer(name: str) -> None:
    """Schema and client reject it, unless the page says that one of them allows it."""
    document = CHANGES[name]
    change, element = name.split()[:2]
    any_number = element == "Value" and change != "misspelled"
    assert agrees("response", document) == any_number
    if any_number:
        assert len(parse_callback_types(document.encode())) == (1 if change == "without" else 3)
    elif name == "misspelled Value":  # the client passes over elements that it does not know
        assert parse_callback_types(document.encode()) == []
    else:
        with pytest.raises(MalformedResponse):
            parse_callback_types(document.encode())


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("response.xml", "Success", "Succes"),  # codespell:ignore succes
        ("response.xml", ">0<", ">zero<"),
        ("response.xml", ">0<", ">1_0<"),
        ("response.xml", ">0<", ">-1<"),
        ("response.xml", ">0<", ">+1<"),
        ("response.xml", ">0<", ">\u0663<"),
        ("response.xml", ">0<", f">{'1' * 19}<"),
        ("response.xml", "HTTP GET", "  "),
        ("response.xml", "1316512313", "1316512313.5"),
        ("response.xml", "1316512313", "2011-09-20"),
        ("response.xml", "1316512313", "9" * 12),
        ("error-007.xml", ">007<", ">7<"),
        ("error-007.xml", ">007<", ">0070<"),
        ("error-007.xml", ">007<", ">\u0660\u0660\u0667<"),
        ("error-007.xml", "<Error>007</Error>", ""),
        ("error-007.xml", "<Description>Command not allowed</Description>", ""),
    ],
)
def test_wrong_value_is_rejected_by_both(name: str, old: str, new: str) -> None:
    document = DOCUMENTS[name].replace(old, new)
    assert document != DOCUMENTS[name]
    assert not agrees("response", document)
    with pytest.raises(MalformedResponse):
        parse_callback_types(document.encode())


CANNOT_SAY = {
    "Values follows Error": RESPONSE.replace("Success", "Error"),
    "Error follows Success": DOCUMENTS["error-007.xml"].replace(">Error<", ">Success<"),
    "as many Error as Description": DOCUMENTS["error-007.xml"].replace(
        "<Description>", "<Error>008</Error><Description>"
    ),
    "the action asked for": RESPONSE.replace(">get_list_callback<", ">other<"),
}


@pytest.mark.parametrize("name", CANNOT_SAY)
def test_what_the_schema_cannot_say_the_client_checks(name: str) -> None:
    assert agrees("response", CANNOT_SAY[name])
    with pytest.raises(MalformedResponse):
        parse_callback_types(CANNOT_SAY[name].encode())


def test_the_client_reads_more_root_spellings() -> None:
    document = with_root(RESPONSE, "ClickatellSDK")
    assert not agrees("response", document)
    assert parse_callback_types(document.encode()) == parse_callback_types(RESPONSE.encode())


def test_where_the_schema_is_stricter() -> None:
    """It wants the printed order and knows no other elements; the client does not mind either."""
    timestamp = "<Timestamp>1316512313</Timestamp>"
    moved = RESPONSE.replace(timestamp, "").replace("<Values>", f"{timestamp}<Values>")
    extended = RESPONSE.replace("<Values>", "<Other/><Values>")
    for document in (moved, extended):
        assert not agrees("response", document)
        assert parse_callback_types(document.encode()) == parse_callback_types(RESPONSE.encode())


@pytest.mark.parametrize("name", ANSWERS)
def test_client_and_schema_agree_on_the_documents(name: str) -> None:
    if name == "response.xml":
        assert parse_callback_types(RESPONSE.encode())
        return
    with pytest.raises(ServiceError):
        parse_callback_types(DOCUMENTS[name].encode())


@pytest.mark.parametrize("name", [*DOCUMENTS, "request.xsd", "response.xsd"])
def test_published_and_shown_file_is_the_one_that_is_sent(name: str, site: Site) -> None:
    assert (site.output / "xml" / name).read_bytes() == (XML / name).read_bytes()
    shown = [fence for fence, _, _ in FENCES if fence.include == f"docs/xml/{name}" and not fence.is_output]
    assert shown, f"no page shows {name}"
    for fence in shown:
        assert included_text(ROOT, fence) == (XML / name).read_text().rstrip("\n")
    linked = {href for page in site.pages for href in page.article.xpath(".//a/@href")}
    assert any(href.endswith(f"xml/{name}") for href in linked), f"no page links {name} for download"
