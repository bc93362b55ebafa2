"""Documents on which the checker and the client have to agree: name to bytes, or to text where a reader pastes it."""

from __future__ import annotations

import random
import re

from lxml import etree

from connect_api import MAX_BODY
from project import XML
from test_hostile_answers import HOSTILE
from test_schemas import CANNOT_SAY, changes, with_root

SEED = 1
Corpus = dict[str, bytes | str]

DOCUMENTS = {path.relative_to(XML).as_posix(): path.read_bytes() for path in sorted(XML.rglob("*.xml"))}
RESPONSE = DOCUMENTS["response.xml"].decode()
ERROR = DOCUMENTS["error-007.xml"].decode()
SEVERAL = DOCUMENTS["several-errors.xml"].decode()
VALUE = "<Value><callback_type_id>0</callback_type_id><callback_type>HTTP GET</callback_type></Value>"


def answer(values: str, timestamp: str = "1316512313") -> str:
    return (
        "<CLICKATELLSDK><Action>get_list_callback</Action><Result>Success</Result>"
        f"<Values>{values}</Values><Timestamp>{timestamp}</Timestamp></CLICKATELLSDK>"
    )


def failure(inside: str) -> str:
    return f"<CLICKATELLSDK><Action>get_list_callback</Action><Result>Error</Result>{inside}</CLICKATELLSDK>"


def prefixes() -> Corpus:
    found: Corpus = {}
    for name in ("response.xml", "error-007.xml", "several-errors.xml"):
        document = DOCUMENTS[name]
        for length in range(0, len(document), len(document) // 15):
            found[f"the first {length} bytes of {name}"] = document[:length]
    return found


def changed() -> Corpus:
    found: Corpus = {}
    for name, document in (("response.xml", RESPONSE), ("several-errors.xml", SEVERAL)):
        found |= {f"{name}, {change}": text.encode() for change, text in changes(document).items()}
    return found


def hostile() -> Corpus:
    found: Corpus = {name: text.encode() for name, text in HOSTILE.items() if len(text) < MAX_BODY}
    found["one byte more than the client reads"] = RESPONSE.ljust(MAX_BODY + 1).encode()
    found["as many bytes as the client reads"] = RESPONSE.ljust(MAX_BODY).encode()
    found["a text of ten million characters"] = answer(VALUE.replace("HTTP GET", "x" * 9_999_999)).encode()
    found["a text above the library's limit"] = answer(VALUE.replace("HTTP GET", "x" * 10_000_001)).encode()
    found["white space, then a letter"] = (" " * 9_000_000 + "x").encode()
    found["white space before HTML"] = (" \n" * 1_000_000 + "<html>").encode()
    found["white space in a name"] = answer(VALUE.replace("HTTP GET", "HTTP" + " " * 1_000_000 + "GET")).encode()
    found["200,000 errors"] = failure("<Error>555</Error><Description>x</Description>" * 200_000).encode()
    found["30,000 values"] = answer(VALUE * 30_000).encode()
    found["100,000 lines before an error"] = ("<CLICKATELLSDK>" + "\n" * 100_000 + "<a>").encode()
    found["100,000 undeclared prefixes"] = f"<CLICKATELLSDK>{'<a:b/>' * 100_000}</CLICKATELLSDK>".encode()
    for depth in (254, 255, 256, 257):
        nested = "<a>" * depth + "</a>" * depth
        found[f"{depth} elements deep"] = RESPONSE.replace("<Values>", f"{nested}<Values>").encode()
    chance = random.Random(SEED)  # noqa: S311 (documents, no secret)
    for number in range(6):
        found[f"random bytes, {number}"] = chance.randbytes(300)
    found["PNG"] = b"\x89PNG\r\n\x1a\n" + chance.randbytes(100)
    found["gzip"] = b"\x1f\x8b\x08\0" + chance.randbytes(100)
    return found


def encodings() -> Corpus:
    found: Corpus = {}
    named = RESPONSE.replace("HTTP GET", "Café “GET”")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "cp500", "utf-7"):
        for declared in ("UTF-8", "utf-16", "ISO-8859-1", "windows-1252", "US-ASCII", "no-such", None):
            head = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
            found[f"{encoding}, declared {declared}"] = f"{head}{named}".encode(encoding, "replace")
        found[f"{encoding}, with a document type"] = f"<!DOCTYPE CLICKATELLSDK>{RESPONSE}".encode(encoding)
    for encoding in ("utf-32-be", "utf-32-le", "utf-16-be", "koi8-r", "shift_jis", "gb18030", "iso-8859-15", "cp1251"):
        head, mark = f'<?xml version="1.0" encoding="{encoding}"?>', "\ufeff" if encoding.startswith("utf") else ""
        found[f"{encoding} as it is declared"] = f"{mark}{head}{named}".encode(encoding, "replace")
        found[f"{encoding} without a mark"] = f"{head}{RESPONSE}".encode(encoding)
    found["a byte that is no UTF-8"] = RESPONSE.encode().replace(b"HTTP", b"HT\xffTP")
    found["MacRoman"] = f'<?xml version="1.0" encoding="macintosh"?>{RESPONSE}'.encode()
    found["a byte order mark alone"] = b"\xef\xbb\xbf"
    found["a byte order mark before HTML"] = b"\xef\xbb\xbf <HTML>"
    found["a byte order mark twice"] = b"\xef\xbb\xbf\xef\xbb\xbf" + RESPONSE.encode()
    return found


def pasted() -> Corpus:
    """What a browser has decoded already, so that the declaration no longer tells."""
    found: Corpus = {f"pasted {name}": document.decode() for name, document in DOCUMENTS.items()}
    named = RESPONSE.replace("HTTP GET", "Café \N{GRINNING FACE}")
    for declared in ("UTF-8", "utf-16", "UTF-32", "ISO-8859-1", "windows-1252", "cp500", "no-such", "1-bad", ""):
        found[f"pasted, declared {declared}"] = f'<?xml version="1.0" encoding="{declared}" standalone="yes"?>{named}'
        found[f"pasted, declared {declared} in quotes"] = f"<?xml version='1.0' encoding = '{declared}' ?>{RESPONSE}"
    found["pasted byte order mark"] = "\ufeff" + named
    found["pasted, declared UTF-16 after a byte order mark"] = f"\ufeff<?xml version='1.0' encoding='UTF-16'?>{named}"
    found["pasted null"] = RESPONSE.replace("HTTP", "HT\0TP")
    found["pasted nothing"] = ""
    found["pasted white space"] = " \n\t "
    found["pasted HTML"] = "\n<!doctype  HTML><p>not here"
    return found


def values() -> Corpus:
    found: Corpus = {}
    identifiers = [
        "",
        " ",
        "0",
        "007",
        "\n 5\t",
        "9" * 18,
        "1" * 19,
        "7" * 5000,
        "1_0",
        "-1",
        "+1",
        "1.0",
        "1e3",
        "0x1",
    ]
    for identifier in [*identifiers, "\u0663", "\u00b2", "\u00a05", "zero", "it's", '"it\'s"', "a\\b", "\U0001f600"]:
        found[f"id {identifier[:20]!a}"] = answer(VALUE.replace(">0<", f">{identifier}<")).encode()
    for name in (
        "",
        " ",
        "\u00a0",
        "x&#9;y",
        "x&#13;&#10;y",
        "it's",
        '"',
        "it's \"",
        "a\\b",
        "Ünïcödé",
        "日本",
        "\U0001f600",
        "\u200b",
        "\u2028",
        "\x7f",
        "\x85",
        "&lt;&amp;&gt;",
        "\u00ad",
        "e\u0301",
        "\ue000",
    ):
        found[f"name {name!a}"] = answer(VALUE.replace("HTTP GET", name)).encode()
    for seconds in (
        "0",
        "59",
        "60",
        "1316512313",
        "99999999999",
        "9" * 12,
        "1316512313000",
        "9" * 5000,
        "",
        " 1 ",
        "-1",
        "1.5",
        "now",
        "\u0661",
        "951782400",
        "4102444800",
    ):
        found[f"timestamp {seconds[:20]!a}"] = answer(VALUE, seconds).encode()
    for result in ("success", "SUCCESS", "Success ", "", "Succeeded", "Erreur é", "x" * 100, "\n"):
        found[f"result {result[:20]!a}"] = RESPONSE.replace("Success", result).encode()
    for action in ("", "get_list_callbacks", " get_list_callback ", "authenticate_user", "x" * 58, "x" * 59, "é"):
        found[f"action {action[:20]!a}"] = RESPONSE.replace("get_list_callback", action).encode()
    for code in ("7", "0070", " 007 ", "", "abc", "\u0660\u0660\u0667", "001", "555", "4e2"):
        found[f"code {code!a}"] = ERROR.replace("007", code).encode()
    for root in (
        "clickatellsdk",
        "ClickatellSDK",
        "CLICKATELLSDKS",
        "answer",
        "clickatell\u017fdk",
        "CL\u0131CKATELLSDK",
        "É",
    ):
        found[f"root {root!a}"] = with_root(RESPONSE, root).encode()
    return found


def shapes() -> Corpus:
    texts = {
        "no values": answer(""),
        "no values, but space": answer(" \n "),
        "values twice": answer(VALUE).replace("<Timestamp>", "<Values/><Timestamp>"),
        "text among the values": answer(f"...{VALUE}...{VALUE}"),
        "the dots of the specification": RESPONSE.replace("<!-- The", "...<!-- The"),
        "ids that repeat": answer(VALUE * 3),
        "a value without elements": answer("<Value/>"),
        "a value with text": answer("<Value>0</Value>"),
        "a value of another call": answer("<Value><api_id>3334222</api_id></Value>"),
        "an unknown element in a value": answer(VALUE.replace("</Value>", "<x>1</x></Value>")),
        "an unknown element twice in a value": answer(VALUE.replace("</Value>", "<x/><x/></Value>")),
        "an id twice in a value": answer(
            VALUE.replace("<callback_type>", "<callback_type_id>1</callback_type_id><callback_type>")
        ),
        "an element in a name": answer(VALUE.replace("HTTP GET", "<b>HTTP</b> GET")),
        "an element in an unknown element": answer(VALUE.replace("</Value>", "<x><y/></x></Value>")),
        "an unknown element among the values": answer(f"<Other/>{VALUE}<Other>1</Other>"),
        "five elements that are no value": answer("<Other><a/><b/><c/><d/></Other>"),
        "an element in Action": answer(VALUE).replace("get_list_callback<", "get_list_callback<b/><"),
        "an element in Result": answer(VALUE).replace("Success", "<b/>Success"),
        "an element in Timestamp": answer(VALUE, "1<b/>"),
        "an element in Error": failure("<Error>0<b/>07</Error><Description>x</Description>"),
        "an element in Description": failure("<Error>007</Error><Description>x<b/></Description>"),
        "no error": failure(""),
        "an error without a text": failure("<Error>007</Error>"),
        "a text without an error": failure("<Description>x</Description>"),
        "two errors and one text": failure("<Error>007</Error><Error>008</Error><Description>x</Description>"),
        "errors, then texts": failure(
            "<Error>007</Error><Error>008</Error><Description>x</Description><Description>y</Description>"
        ),
        "an empty text of an error": failure("<Error>007</Error><Description/>"),
        "an error with a time": failure("<Error>007</Error><Description>x</Description><Timestamp>1</Timestamp>"),
        "an error with values": failure(f"<Error>007</Error><Description>x</Description><Values>{VALUE}</Values>"),
        "an error with another action": ERROR.replace("get_list_callback", "register"),
        "a long error": failure(f"<Error>007</Error><Description>{'x' * 500}</Description>"),
        "an error that does not exist": failure("<Error>555</Error><Description>No such thing</Description>"),
        "success with an error": answer(VALUE).replace(
            "<Values>", "<Error>007</Error><Description>x</Description><Values>"
        ),
        "attributes": answer(VALUE)
        .replace("<Value>", "<Value id='1'>")
        .replace("<CLICKATELLSDK>", "<CLICKATELLSDK a='1'>"),
        "an attribute twice": answer(VALUE).replace("<CLICKATELLSDK>", "<CLICKATELLSDK a='1' a='2'>"),
        "a default namespace": answer(VALUE).replace("<CLICKATELLSDK>", "<CLICKATELLSDK xmlns='urn:x'>"),
        "a namespace that is used": answer(VALUE)
        .replace("<CLICKATELLSDK>", "<CLICKATELLSDK xmlns:p='urn:x'>")
        .replace("<Values>", "<p:Values/><Values>"),
        "a namespace in a field": answer(
            VALUE.replace("</Value>", "<p:callback_type xmlns:p='urn:é'>x</p:callback_type></Value>")
        ),
        "a prefix of the root": with_root(RESPONSE, "p:CLICKATELLSDK").replace(
            "<p:CLICKATELLSDK>", "<p:CLICKATELLSDK xmlns:p='u'>"
        ),
        "a prefix that is not declared": answer(VALUE).replace("<Values>", "<p:Other/><Values>"),
        "a prefix that is not declared, then a warning": answer(VALUE).replace(
            "<Values>", "<p:Other/><a xmlns='rel'/><Values>"
        ),
        "a namespace that is relative": answer(VALUE).replace("<CLICKATELLSDK>", "<CLICKATELLSDK xmlns:p='relative'>"),
        "a reserved prefix": answer(VALUE).replace("<Values>", "<xml:Other/><Values>"),
        "comments in a text": answer(VALUE.replace("HTTP GET", "HT<!-- a -->TP<!-- b --> <!-- c -->GET")),
        "a comment before a space": answer(VALUE.replace("HTTP GET", "<!-- a --> <!-- b -->GET")),
        "instructions in a text": answer(VALUE.replace(">0<", "><?a b?>0<?c?> <?d?><")),
        "CDATA": answer(
            VALUE.replace("HTTP GET", "<![CDATA[<HTTP>]]> &amp; <![CDATA[]]>GET").replace(">0<", "><![CDATA[ 0 ]]><")
        ),
        "CDATA among the elements": answer(VALUE).replace("<Values>", "<![CDATA[x]]><Values>"),
        "references to characters": answer(
            VALUE.replace("HTTP GET", "&#72;TTP&#x20;GET&#160;").replace(">0<", ">&#48;<")
        ),
        "an entity that is not declared": answer(VALUE.replace("HTTP", "&nbsp;HTTP")),
        "two entities that are not declared": answer(VALUE.replace("HTTP", "&a;HTTP&b;")),
        "an ampersand alone": answer(VALUE.replace("HTTP", "HTTP & ")),
        "an instruction at the start": f"<?xml-stylesheet href='a'?>{RESPONSE}",
        "a declaration of version 1.1": f"<?xml version='1.1'?>{RESPONSE}",
        "a declaration of version 2.0": f"<?xml version='2.0'?>{RESPONSE}",
        "a declaration after a line": f"\n<?xml version='1.0'?>{RESPONSE}",
        "a declaration that does not end": f"<?xml version='1.0'{RESPONSE}",
        "CR LF": RESPONSE.replace("\n", "\r\n"),
        "CR": RESPONSE.replace("\n", "\r"),
        "a closing tag without its slash": RESPONSE.replace("</Action>", "<Action>"),
        "crossed tags": RESPONSE.replace("</Values>\n", "").replace("</Timestamp>", "</Timestamp></Values>"),
        "text after the root": f"{RESPONSE}x",
        "a null after the root": f"{RESPONSE}\0",
        "a form feed": answer(VALUE).replace("><", ">\f<"),
        "an entity in a document type": f"<!DOCTYPE a [<!ENTITY e 'HTTP'>]>{answer(VALUE.replace('HTTP', '&e;'))}",
        "an entity of a file that is not loaded": f"<!DOCTYPE a SYSTEM 'x'>{answer(VALUE.replace('HTTP', '&e;'))}",
        "a document type in capitals and not": f"<!doctype CLICKATELLSDK>{RESPONSE}",
        "a document type in a comment": f"<!-- <!DOCTYPE a> -->{RESPONSE}",
        "a document type in CDATA": answer(VALUE.replace("HTTP GET", "<![CDATA[<!DOCTYPE a>]]>")),
        "empty": "",
        "white space": " \t\r\n\f\v",
        "a letter": "x",
        "a number": "0",
        "HTML": "<html><body>Login</body></html>",
        "HTML in capitals": "  <HTML>",
        "HTML with a type": "<!DOCTYPE html>\n<html></html>",
        "XHTML": '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "a.dtd"><html/>',
        "HTML after a declaration": "<?xml version='1.0'?><html/>",
        "an element that begins like HTML": "<htmlx/>",
        "HTML after a vertical tab": "\v<html>",
        "HTML after an ï": "\u00ef<html>",
        "HTML after an Ï": "\u00cf<html>",
        "a SOAP fault": "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>",
    }
    return {name: text.encode() for name, text in texts.items()}


def tree(chance: random.Random, depth: int = 0) -> etree._Element:
    """An answer that may be anything: the known names and texts in any place."""
    tags = [
        "Action",
        "Result",
        "Values",
        "Value",
        "Error",
        "Description",
        "Timestamp",
        "callback_type_id",
        "callback_type",
        "x",
    ]
    element = etree.Element(chance.choice(tags) if depth else "CLICKATELLSDK")
    element.text = chance.choice(
        ["", "0", "6", "Success", "Error", "get_list_callback", "HTTP GET", "1316512313", "007", " é "]
    )
    if depth == 0:
        for name, text in (
            ("Action", "get_list_callback"),
            ("Result", chance.choice(["Success", "Error"])),
            ("Timestamp", "1"),
        ):
            etree.SubElement(element, name).text = text
    for _ in range(chance.randint(0, 3) if depth < 3 else 0):
        element.append(tree(chance, depth + 1))
    return element


def generated() -> Corpus:
    chance = random.Random(SEED)  # noqa: S311 (documents, no secret)
    found: Corpus = {f"generated tree {number}": etree.tostring(tree(chance)) for number in range(60)}
    for number in range(40):
        pairs = [
            (chance.randrange(10 ** chance.randint(1, 18)), chance.choice(["HTTP", "SOAP", "É", "it's"]))
            for _ in range(chance.randint(1, 8))
        ]
        rows = "".join(VALUE.replace(">0<", f">{identifier}<").replace("HTTP", name) for identifier, name in pairs)
        found[f"generated list {number}"] = answer(rows, str(chance.randrange(10**11))).encode()
    for number in range(80):
        body = bytearray(chance.choice(list(DOCUMENTS.values())))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(body))
            body[place : place + chance.randint(0, 3)] = chance.choice(
                [chance.randbytes(2), b"<", b">", b"", b"&", b"a", b"</"]
            )
        found[f"generated change {number}"] = bytes(body)
    return found


def corpus() -> Corpus:
    documents: Corpus = dict(DOCUMENTS)
    cannot_say = {f"the schema cannot say: {name}": text.encode() for name, text in CANNOT_SAY.items()}
    for part in (prefixes(), changed(), cannot_say, hostile(), encodings(), pasted(), values(), shapes(), generated()):
        assert not documents.keys() & part.keys(), documents.keys() & part.keys()
        documents |= part
    return documents


def as_received(document: bytes | str) -> bytes:
    """The bytes that the client gets: those of a paste are UTF-8, and say so where they name an encoding."""
    if isinstance(document, bytes):
        return document
    declared = r"""^(\ufeff?<\?xml[^>]*?\sencoding\s*=\s*["'])[A-Za-z][\w.-]*"""
    return re.sub(declared, r"\1UTF-8", document).encode()
