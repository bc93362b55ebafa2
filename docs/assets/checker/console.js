// The console: sends the documented request to this site's sandbox, and shows the exchange and a report.

const SITE = new URL("../../", import.meta.url);
const DOCUMENT = "<clickatellsdk><action>get_list_callback</action></clickatellsdk>";
// In the static example:
const STATIC = /http:\/\/127\.0\.0\.1:8000\/xml\/response\.xml|\/xml\/response\.xml|127\.0\.0\.1:8000/g;
const SECONDS = 10, SHOWN = 20_000; // characters

const box = document.querySelector(".console");
const [form, choice, status] = box.querySelectorAll("[id^=console]"); // in the order of the page
const shown = box.querySelector(".language-xml code");
const [head, report] = ["span", "div"].map((name) => document.createElement(name));
let sent = 0;

function say(text, kind = "") {
  status.textContent = text;
  status.className = kind;
}

// The request and the programs: the texts of the static example, with the address of the chosen response.
const texts = [];
for (const code of box.querySelectorAll(":is(.language-http, .language-sh, .language-python) code")) {
  const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) texts.push([walker.currentNode, walker.currentNode.data]);
}

function showRequest() {
  const address = new URL(`xml/${choice.value}`, SITE);
  const { href, pathname, host } = address;
  const now = (part) => (part.startsWith("http") ? href : part.startsWith("/") ? pathname : host);
  for (const [node, text] of texts) node.data = text.replace(STATIC, now);
  return new URL(`?${new URLSearchParams({ XML: DOCUMENT })}`, address);
}

function showResponse({ status, statusText, headers }, text) {
  const found = ["Content-Type", "Last-Modified"].filter((name) => headers.has(name));
  const lines = found.map((name) => `${name}: ${headers.get(name)}`);
  head.textContent = [`HTTP status ${status} ${statusText}`.trim(), ...lines].join("\n");
  shown.classList.toggle("console-line", !text.trim().includes("\n"));
  shown.closest("pre").before(head);
  shown.replaceChildren(...text.slice(0, SHOWN).split(/(<!--[^]*?-->|<[^>]*>)/).map((part) => {
    const className = part.startsWith("<!--") ? "c" : part.startsWith("<") ? "nt" : ""; // the theme's colours
    return Object.assign(document.createElement("span"), { className, textContent: part });
  }));
}

async function send() {
  const number = (sent += 1);
  report.replaceChildren();
  say("Sending…");
  try {
    const response = await fetch(showRequest(), { cache: "no-store" });
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (number !== sent) return;
    showResponse(response, new TextDecoder().decode(bytes));
    say(`HTTP status ${response.status}. Reading the response…`);
    const [{ check }, { show }] = await Promise.all([import("./engine.js"), import("./report.js")]);
    const found = await check(bytes, SECONDS);
    if (number === sent) show(found, status, report);
  } catch (error) {
    if (number === sent) say(`✗ No response: ${error.message}`, "checker-bad");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
head.className = "filename console-head"; // as the theme shows a title
box.append(report);
showRequest();
say("Choose a response and press Send.");
form.querySelector("fieldset").disabled = false;
