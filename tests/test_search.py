"""The search leads to what readers look for: the theme's own search, run on the index of the built site in Node."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from docs_runner.build import Site
from docs_runner.walk import missing

ERRORS, TROUBLE = "callback-types/errors/#", "troubleshooting/#"
RECEIVE, FIND_ID = "guides/receive-status/", "quickstart/#find-the-id-of-a-type"

FIRST = {  # what readers copy, and the place that comes first; of several places, any
    "004": f"{ERRORS}error-004",
    "E007": f"{ERRORS}error-007",
    "<Error>007</Error>": f"{ERRORS}error-007",
    "no response within 10 s": f"{TROUBLE}no-answer",
    "CA_BUNDLE": f"{TROUBLE}no-bundle {TROUBLE}certificate guides/production/#proxies-and-redirects",
    "webhook": "callback-types/about/ guides/configure-callback/",
    "DLR": RECEIVE,
    "delivery report": RECEIVE,
}
AMONG_THREE = {  # questions, and words that several pages share
    "type_id": FIND_ID,
    "sender id": RECEIVE,
    "what does error 007 mean": f"{ERRORS}error-007",
    "how do I know if my message was delivered": RECEIVE,
    "how do I get a token": "callback-types/endpoint/#authentication-token",
    "Which callback type should I choose?": "callback-types/about/",
    "can I use this from PHP": "callback-types/request/",
}
SEARCH = """
const fs = require("fs"), vm = require("vm"), [site, queries] = process.argv.slice(1);
const folder = `${site}/assets/javascripts/workers/`;
const warn = (...reasons) => { throw new Error(reasons.join(" ")); };
let answer, listen;
const world = { addEventListener: (_, add) => (listen = add), postMessage: (data) => answer(data), console: { warn } };
vm.runInNewContext(fs.readFileSync(folder + fs.readdirSync(folder).find((name) => /^search.*js$/.test(name)), "utf8"),
  Object.assign(world, { self: world }));
const ask = (type, data) => new Promise((resolve, reject) => {
  answer = resolve;
  Promise.resolve(listen({ data: { type, data } })).catch(reject);
});
(async () => {
  await ask(0, { ...JSON.parse(fs.readFileSync(`${site}/search/search_index.json`)), options: {} });
  for (const letter of "abcdefghijklmnopqrstuvwxyz0123456789") await ask(2, letter); // each word of the index, once
  const found = {};
  for (const query of JSON.parse(queries)) found[query] = (await ask(2, query)).data.items;
  console.log(JSON.stringify(found));
})();
"""


@pytest.fixture(scope="module")
def found(site: Site) -> dict[str, list[set[str]]]:
    """For each query, what each result shows: the address of its page, and that of its best section."""
    if not shutil.which("node"):
        raise missing("node")
    command = ["node", "-e", SEARCH, str(site.output), json.dumps([*FIRST, *AMONG_THREE])]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert ended.returncode == 0, f"the search fails, so a reader finds nothing:\n{ended.stderr}"
    return {query: [_shown(result) for result in results] for query, results in json.loads(ended.stdout).items()}


def _shown(result: list[dict[str, str | float]]) -> set[str]:
    sections = [part for part in result if "#" in str(part["location"])]
    best = max((float(part["score"]) for part in sections), default=0)
    page = str(result[0]["location"]).partition("#")[0]
    return {page, *(str(part["location"]) for part in sections if part["score"] == best)}


@pytest.mark.parametrize("query", [*FIRST, *AMONG_THREE])
def test_query(query: str, found: dict[str, list[set[str]]]) -> None:
    places, count = (FIRST[query], 1) if query in FIRST else (AMONG_THREE[query], 3)
    shown = found[query][:count]
    assert any(place in each for place in places.split() for each in shown), f"{query!r} leads to {shown}"
