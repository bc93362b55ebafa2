"""Write what the response checker knows into `docs/assets/checker/facts.json`, from the sources of the pages.

```sh
python tests/checker_facts.py
```

The codes and messages are those of `tests/facts.toml`, names and patterns those of the published schema,
limits those of the client.
"""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path
from typing import Any

from lxml import etree

sys.path.insert(0, str(Path(__file__).parents[1] / "snippets"))

from connect_api import MAX_BODY
from project import FACTS, ROOT, XML, meanings

PATH = ROOT / "docs" / "assets" / "checker" / "facts.json"
XS = "{http://www.w3.org/2001/XMLSchema}"


def libraries() -> dict[str, str]:
    """The versions of libxml2 that the parity of checker and client was last recorded with."""
    vendored = runpy.run_path(str(ROOT / ".ci" / "vendor-libxml2"))
    return {
        "libxml2-wasm": vendored["VERSION"],
        "libxml2 of the checker": vendored["LIBXML2"],
        "lxml": etree.__version__,
        "libxml2 of the tests": ".".join(map(str, etree.LIBXML_VERSION)),
    }


def facts() -> dict[str, Any]:
    schema = etree.parse(XML / "response.xsd").getroot()
    roots = [str(element.get("name")) for element in schema.findall(f"{XS}element")]
    (root,) = {name.upper() for name in roots}
    patterns = {
        str(kind.get("name")): str(pattern.get("value"))
        for kind in schema.findall(f"{XS}simpleType")
        for pattern in kind.iter(f"{XS}pattern")
    }
    inside = {
        str(kind.get("name")): list(dict.fromkeys(str(element.get("name")) for element in kind.iter(f"{XS}element")))
        for kind in schema.findall(f"{XS}complexType")
    }
    other_calls = [
        str(field.tag)
        for path in sorted(XML.glob("*/response.xml"))
        for field in etree.parse(path).iterfind("Values/Value/*")
    ]
    inside["Value"] += dict.fromkeys(other_calls)
    inside[""] = inside.pop("Answer")
    codes = sorted({*FACTS["specification"], *FACTS["user_guide"]["codes"], *FACTS["user_guide"]["not_defined"]})
    assert all(re.fullmatch(patterns["ErrorCode"], code) for code in codes)
    return {
        "written by": "tests/checker_facts.py",
        "libraries": libraries(),
        "maxBody": MAX_BODY,
        "action": etree.parse(XML / "request.xml").findtext("action"),
        "root": root,
        "roots": roots,
        "patterns": patterns,
        "elements": inside,
        "codes": {code: [meaning._asdict() for meaning in meanings(code)] for code in codes},
    }


def written() -> str:
    return json.dumps(facts(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(written(), encoding="utf-8")
    print(PATH.relative_to(ROOT))
