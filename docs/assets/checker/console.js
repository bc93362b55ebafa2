// The console: sends the documented request to this site's sandbox, and shows the exchange and what the checker reads in it.

const SITE = new URL("../../", import.meta.url);
const DOCUMENT = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>";
const STATIC = /http:\/\/127\.0\.0\.1:8000\/xml\/response\.xml|\/xml\/response\.xml|127\.0\.0\.1:8000/g; // in the static example
const HEADERS = ["Content-Type", "Last-Modified"];
const SECONDS = 10, SHOWN = 20_000; // characters

const [form, choice, status] = ["console", "console-response", "console-status"].map((id) => document.getElementById(id));
const box = form.closest(".console");
const shown = box.querySelector(".language-xml code");
const [head, report] = ["p", "div"].map((name) => document.createElement(name));
let engine = null, sent = 0;

function say(text, kind = "") {
  status.textContent = text;
  status.className = kind && `checker-${kind}`;
}

// The request and the programs: the texts of the static example, with the address of the chosen response.
const texts = [];
for (const code of box.querySelectorAll(":is(.language-http, .language-sh, .language-python) code")) {
  const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push([walker.currentNode, walker.currentNode.data]);
}

function showRequest() {
  const address = new URL(`xml/${choice.value}`, SITE);
  const now = (part) => (part.startsWith("http") ? address.href : part.startsWith("/") ? address.pathname : address.host);
  for (const [node, text] of texts) node.data = text.replace(STATIC, now);
  return new URL(`?${new URLSearchParams({ XML: DOCUMENT })}`, address);
}

function showResponse(response, text) {
  const found = HEADERS.filter((name) => response.headers.has(name)).map((name) => `${name}: ${response.headers.get(name)}`);
  head.textContent = [`HTTP status ${response.status} ${response.statusText}`.trim(), ...found].join("\n");
  shown?.classList.toggle("console-line", !text.trim().includes("\n"));
  shown?.replaceChildren(...text.slice(0, SHOWN).split(/(<!--[^]*?-->|<[^>]*>)/).map((part) => {
    const className = part.startsWith("<!--") ? "c" : part.startsWith("<") ? "nt" : "";
    return Object.assign(document.createElement("span"), { className, textContent: part });
  }));
}

async function send() {
  const number = (sent += 1), current = () => number === sent;
  report.replaceChildren();
  say("Sending…");
  try {
    const response = await fetch(showRequest(), { cache: "no-store" });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (!current()) return;
    showResponse(response, new TextDecoder().decode(bytes));
    say(`HTTP status ${response.status}. Reading the response…`);
    const [{ Engine }, { render, verdictOf }] = await Promise.all([import("./engine.js"), import("./report.js")]);
    const result = await (engine ??= new Engine()).check(bytes, SECONDS);
    if (!current()) return;
    const { text, kind } = verdictOf(result, SECONDS);
    say(`${text} (HTTP status ${response.status})`, kind);
    if (result.report) report.replaceChildren(...render(result.report));
  } catch (error) {
    if (current()) say(`✗ No response: ${error.message}`, "bad");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
head.className = "console-head";
shown?.closest("pre").before(head);
box.append(report);
showRequest();
say("Choose a response, and press Send.");
form.querySelector("fieldset").disabled = false;
