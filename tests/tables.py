"""The tables made of data: each is computed here, written by `pytest --update`, and included by the pages."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from lxml import etree

from facts import FACTS, ROOT, XML, all_codes, meanings
from receive_callbacks import MessageStatus

_XS = "{http://www.w3.org/2001/XMLSchema}"
GUIDES = {"authenticate_user": "authenticate-user", "create_connection": "configure-callback"}
"""The guide of each call that has advice for its errors."""
NOT_DOCUMENTED = "[Not documented](../glossary.md#not-documented)"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (header, *rows)]
    return "\n".join([lines[0], f"|{' --- |' * len(header)}", *lines[1:]]) + "\n"


def errors_of_this_call() -> str:
    rows = [
        [f"[`{code}`](#error-{code})", f"`{message}`", meaning]
        for code, (message, meaning) in FACTS["errors_of_this_call"].items()
    ]
    return table(["Code", "Message", "Meaning"], rows)


def all_error_codes() -> str:
    page = (ROOT / "docs" / "callback-types" / "errors.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^#.*\{ #error-(\d{3}) \}", page, re.MULTILINE))
    advice = {"002": "#error-004"} | dict.fromkeys(FACTS["user_guide_lists"]["undefined"], "#unknown-code")
    for call, guide in GUIDES.items():
        advice |= dict.fromkeys(FACTS["errors_of_other_calls"][call], f"../guides/{guide}.md#when-it-fails")
    rows = []
    for code in all_codes():
        linked = f"[`{code}`]({advice[code]})" if code in advice else f"`{code}`"
        anchor = f"[`{code}`](#error-{code})" if code in sections else f"{linked}{{ #error-{code} }}"
        rows += [
            [anchor, f"`{message}`" if message else "Not documented", source] for message, source in meanings(code)
        ]
    return table(["Code", "Message", "Source"], rows)


def errors_of(call: str) -> str:
    rows = [
        [f"[`{code}`](../callback-types/errors.md#error-{code})", f"`{FACTS['user_guide_errors'][code]}`"]
        for code in FACTS["errors_of_other_calls"][call]
    ]
    return table(["Code", "Message"], rows)


def parameters_of(call: str) -> str:
    rows = [
        [f"`{name}`", required, limits or NOT_DOCUMENTED]
        for name, (required, limits) in FACTS["parameters"][call].items()
    ]
    return table(["Parameter", "Required", "Limits"], rows)


def callback_types() -> str:
    rows = []
    for number, (specified, recorded) in FACTS["callback_types"].items():
        source = "Specification, recorded responses" if specified else "Recorded responses"
        rows.append([f"`{number}`", f"`{specified}`" if specified else "Left out", f"`{recorded}`", source])
    return table(["Id", "Name in the specification", "Recorded name", "Source"], rows)


def connection_types() -> str:
    names = {"UG, RA": "User Guide, recorded responses", "RA": "Recorded responses"}
    rows = [[f"`{number}`", f"`{name}`", names[mark]] for number, (name, mark) in FACTS["connection_types"].items()]
    return table(["Id", "Name", "Source"], rows)


def callback_fields() -> str:
    rows = [[f"`{name}`", meaning, f"`{sample}`"] for name, (meaning, sample) in FACTS["callback_fields"].items()]
    return table(["Field", "Meaning", "Sample"], rows)


def delivery_statuses() -> str:
    rows, lists = [], FACTS["callback_statuses"].values()
    for code, (name, meaning) in FACTS["delivery_statuses"].items():
        final = [code in each["final"] for each in lists]
        never = "No" if any(code in each["intermediate"] for each in lists) else "Not documented"
        mark = "Yes" if all(final) else "Sources disagree" if any(final) else never
        rows.append([f"`{code}`", name, meaning, mark])
    text = table(["Status", "Name", "Meaning", "Final"], rows)
    text = text.replace("Sources disagree", "[Sources disagree](../discrepancies.md#d20)", 1)
    return text.replace("Not documented", NOT_DOCUMENTED, 1)


def message_status() -> str:
    rows = [[f"`{code}`", f"`{MessageStatus(code).name}`"] for code in FACTS["delivery_statuses"]]
    return table(["Status", "Member"], rows)


def sources() -> str:
    return table(["Source", "What it is", "Date"], list(FACTS["sources"].values()))


def fields_of(schema: str, *samples: str) -> str:
    """Return a row for each element that the schema declares below the root, with an example from the documents."""
    tree = etree.parse(XML / schema).getroot()
    documents = [etree.parse(XML / sample).getroot() for sample in samples]
    types = {str(element.get("name")): element for element in tree if element.get("name")}
    root = next(element for element in tree if element.tag == f"{_XS}element")
    rows = []
    for path, element, often in _declared(types[str(root.get("type"))], types):
        kind = _type(str(element.get("type")), types)
        examples = [found.text for document in documents for found in document.iterfind(path) if found.text]
        meaning = " ".join("".join(map(str, element.itertext())).split())
        shown = f", for example `{examples[0].strip()}`" if examples and kind != "Elements" else ""
        name = f"<code>{path.replace('/', '/<wbr>')}</code>"  # a phone breaks it there, and not inside a word
        rows.append([name, f"{kind}, {often}", meaning + shown])
    return table(["Element", "Type", "Meaning"], rows)


def _declared(
    parent: etree._Element, types: dict[str, etree._Element], path: str = ""
) -> Iterator[tuple[str, etree._Element, str]]:
    """Yield path, declaration and occurrence of each element, depth first, each path once."""
    seen: set[str] = set()
    for element in parent.iter(f"{_XS}element"):
        name = f"{path}{element.get('name')}"
        if name in seen:
            continue
        seen.add(name)
        groups = [group for group in element.iterancestors() if group.tag in (f"{_XS}sequence", f"{_XS}choice")]
        optional = any(each.get("minOccurs") == "0" or each.tag == f"{_XS}choice" for each in (element, *groups))
        many = any(each.get("maxOccurs") == "unbounded" for each in (element, *groups))
        once, often = ("at most once", "any number of times") if optional else ("once", "once or more")
        yield name, element, often if many else once
        kind = types.get(element.get("type", ""))
        if kind is not None and kind.tag == f"{_XS}complexType":
            yield from _declared(kind, types, f"{name}/")


def _type(name: str, types: dict[str, etree._Element]) -> str:
    kind = types.get(name)
    if kind is None:
        return "Text"
    if kind.tag == f"{_XS}complexType":
        return "Elements"
    values = [f"`{value.get('value')}`" for value in kind.iter(f"{_XS}enumeration")]
    patterns = [str(pattern.get("value")) for pattern in kind.iter(f"{_XS}pattern")]
    if values:
        return " or ".join(values)
    if not patterns:
        return "Text, not empty"
    return patterns[0].removeprefix("[0-9]{").removesuffix("}").replace(",", " to ") + " digits"


def checker_facts() -> str:
    """Return what the response checker knows: what each source says about a code, and the names of the types."""
    codes = {
        code: [
            {
                "source": source,
                "message": message or None,
                "meaning": FACTS["errors_of_this_call"][code][1] if source.startswith("Specification") else "",
            }
            for message, source in meanings(code)
        ]
        for code in all_codes()
    }
    types = {number: specified or recorded for number, (specified, recorded) in FACTS["callback_types"].items()}
    return json.dumps({"codes": codes, "types": types}, indent=1, ensure_ascii=False) + "\n"


TABLES: dict[str, Callable[[], str]] = {
    "sources": sources,
    "errors-of-this-call": errors_of_this_call,
    "all-error-codes": all_error_codes,
    "authenticate-user-errors": lambda: errors_of("authenticate_user"),
    "create-connection-errors": lambda: errors_of("create_connection"),
    "authenticate-user-parameters": lambda: parameters_of("authenticate_user"),
    "create-connection-parameters": lambda: parameters_of("create_connection"),
    "callback-types": callback_types,
    "connection-types": connection_types,
    "callback-fields": callback_fields,
    "delivery-statuses": delivery_statuses,
    "message-status": message_status,
    "response-fields": lambda: fields_of("response.xsd", "response.xml", "recorded-error-103.xml"),
}
