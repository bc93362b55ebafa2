// The page of the checker: takes what the reader pastes, shows what the worker says. Nothing is sent anywhere.

import { Engine } from "./engine.js";

const SHOWN_TEXT = 200_000; // characters; a longer paste is checked and not shown, since the text field would freeze
const SHOWN_LINES = 5_000; // likewise: browsers lay out each of them
const SHOWN_RESULT = 2_000;
const SHOWN_ITEMS = 20; // of errors and of remarks: a document may hold a hundred thousand
const SHOWN_CODES = 3; // in a sentence that is read aloud
const MAX_FILE = 16 * 1024 * 1024; // bytes that are read of a file: more than the client reads, so that it says so

const form = document.getElementById("checker");
const source = document.getElementById("checker-source");
const file = document.getElementById("checker-file");
const held = document.getElementById("checker-held");
const status = document.getElementById("checker-status");
const report = document.getElementById("checker-report");
const engine = new Engine();
const url = (path) => new URL(path, import.meta.url).href;

const CHANGED = "The text has changed since it was checked.";

let asked = 0; // how many documents were asked for, or changed: only the last one is shown
let busy = false; // whether one is being loaded, read or checked
let kept = null; // what is checked and not shown in the text field: a long text, or a file with its bytes

// Building the report: text goes in as text, so nothing of a document can become a part of the page.

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

const code = (text) => element("code", {}, text);
const paragraph = (...children) => element("p", {}, ...children);
const link = (path, text) => element("a", { href: url(path) }, text);
const clip = (text, length) => (text.length > length ? `${text.slice(0, length)}… (${text.length} characters)` : text);

function block(text) {
  // It scrolls, so a keyboard has to be able to reach it.
  return element("pre", { tabIndex: 0 }, code(clip(text, SHOWN_RESULT)));
}

function table(caption, header, rows) {
  const cells = (kind, row) => element("tr", {}, ...row.map((cell) => element(kind, kind === "th" ? { scope: "col" } : {}, cell)));
  return element("div", { className: "checker-scroll" }, element("table", {},
    element("caption", {}, caption),
    element("thead", {}, cells("th", header)),
    element("tbody", {}, ...rows.map((row) => cells("td", row)))));
}

const MARKS = { good: "✓", bad: "✗", note: "!" };

function card(title, kind, verdict, ...details) {
  return element("section", { className: `checker-${kind}` },
    element("h3", {}, title),
    element("p", { className: "checker-verdict" }, `${MARKS[kind]} ${verdict}`),
    ...details);
}

const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

const others = (items, shown) => counted(items.length - shown, "other", "others");

// The parts of the report.

function placeOf(problem, given) {
  const lines = typeof given === "string" && given === source.value ? given.split("\n") : [];
  if (!lines[problem.line - 1]) return null;
  const button = element("button", { type: "button" }, `Show line ${problem.line}`);
  button.addEventListener("click", () => {
    const start = lines.slice(0, problem.line - 1).join("\n").length + (problem.line > 1 ? 1 : 0);
    source.focus();
    source.setSelectionRange(start, start + lines[problem.line - 1].length);
  });
  return paragraph(button);
}

function wellFormedness({ wellFormed }, given) {
  if (!wellFormed) return card("Well-formed XML", "note", "Not checked", paragraph("It is larger than what the client reads."));
  if (wellFormed.yes) return card("Well-formed XML", "good", "Well-formed");
  const { line, column, reason } = wellFormed.problem;
  return card("Well-formed XML", "bad", "Not well-formed", paragraph(`Line ${line}, column ${column}: ${clip(reason, 300)}`), placeOf(wellFormed.problem, given));
}

function schemaVerdict({ schema, wellFormed }) {
  const title = "The schema’s verdict";
  const file = link("../../xml/response.xsd", "response.xsd");
  if (schema.verdict === "agrees") return card(title, "good", "Agrees", paragraph("The document agrees with ", file, "."));
  if (schema.verdict === "unknown") {
    const reason = wellFormed?.yes ? "It holds an entity, and the library validates no document with one." : "Only a well-formed document can be compared with it.";
    return card(title, "note", "Not checked", paragraph(file, ": ", reason));
  }
  const more = schema.count - schema.problems.length;
  return card(title, "bad", "Does not agree",
    paragraph(`${counted(schema.count, "difference", "differences")} from `, file, ":"),
    element("ul", {}, ...schema.problems.map(({ line, reason }) => element("li", {}, `Line ${line}: ${clip(reason, 300)}`))),
    more > 0 ? paragraph(`And ${counted(more, "other", "others")}.`) : null);
}

function call(name, outcome) {
  if ("returns" in outcome) return [paragraph(code(`${name}(body)`), " returns"), block(outcome.returns)];
  return [paragraph(code(`${name}(body)`), " raises ", code(outcome.raises)), block(outcome.message)];
}

function codesOf({ errors }) {
  const codes = errors.slice(0, SHOWN_CODES).map((error) => error.code).join(", ");
  const more = errors.length > SHOWN_CODES ? ` and ${others(errors, SHOWN_CODES)}` : "";
  return `${errors.length === 1 ? "error" : "errors"} ${codes}${more}`;
}

function clientVerdict(verdict) {
  const { parseCallbackTypes: types, parseResponse: response, typeCount } = verdict;
  const title = "The client’s verdict";
  if (types.raises === "TransportError") {
    return card(title, "bad", types.raises, paragraph(code("ConnectAPI"), " stops reading there, and nothing is parsed:"), block(types.message));
  }
  const details = [...call("parse_callback_types", types), ...call("parse_response", response)];
  if ("returns" in types) return card(title, "good", `Returns ${counted(typeCount, "callback type", "callback types")}`, ...details);
  if (types.raises === "ServiceError") return card(title, "note", `Reports ${codesOf(verdict)}`, ...details);
  return card(title, "bad", types.raises, ...details);
}

function whatItSays({ says }) {
  const rows = [
    ["Root element", says.root],
    ["Result", says.result],
    ["Action", says.action],
    ["Timestamp", says.date ? `${says.timestamp}: ${says.date}` : says.timestamp],
    ["Encoding", says.encoding],
  ].filter(([, value]) => value);
  return rows.length ? table("What the document says", ["Part", "Text"], rows.map(([part, value]) => [part, code(clip(value, 200))])) : null;
}

function callbackTypes({ types, typeCount }) {
  if (!types.length) return null;
  const caption = typeCount > types.length ? `Callback types: the first ${types.length} of ${typeCount}` : "Callback types";
  return table(caption, ["Id", "Name"], types.map(([id, name]) => [code(id), code(clip(name, 200))]));
}

function serviceError({ code: number, message, known }) {
  const rows = known.map((meaning) => [meaning.sources, meaning.message === null ? element("em", {}, "not defined") : code(meaning.message), meaning.description]);
  const section = known.length ? `../../callback-types/errors/#error-${number}` : "../../callback-types/errors/";
  return element("div", {},
    element("h3", {}, "Error ", code(number), `: ${clip(message, 200)}`),
    rows.length ? table(`What the sources say about ${number}`, ["Source", "Message", "Description"], rows) : null,
    paragraph(link(section, known.length ? `All about error ${number}` : "All errors that the sources list")));
}

function serviceErrors({ errors }) {
  const shown = errors.slice(0, SHOWN_ITEMS).map(serviceError);
  return errors.length > SHOWN_ITEMS ? [...shown, paragraph(`And ${others(errors, SHOWN_ITEMS)}.`)] : shown;
}

function remarks({ unusual }) {
  const shown = unusual.slice(0, SHOWN_ITEMS);
  if (unusual.length > SHOWN_ITEMS) shown.push(`And ${others(unusual, SHOWN_ITEMS)}.`);
  const list = shown.length ? element("ul", {}, ...shown.map((sentence) => element("li", {}, sentence))) : paragraph("Nothing.");
  return element("div", {}, element("h3", {}, "Unusual"), list);
}

function summary(verdict) {
  const { wellFormed, schema, parseCallbackTypes: types, typeCount } = verdict;
  const first = wellFormed ? (wellFormed.yes ? "well-formed" : `not well-formed, line ${wellFormed.problem.line}`) : "too large";
  const second = { agrees: "the schema agrees", differs: "the schema does not agree", unknown: "the schema was not asked" }[schema.verdict];
  const raised = types.raises === "ServiceError" ? `${types.raises} for ${codesOf(verdict)}` : types.raises;
  const third = "returns" in types ? `the client returns ${counted(typeCount, "callback type", "callback types")}` : `the client raises ${raised}`;
  return `${first}; ${second}; ${third}.`;
}

function show(verdict, given) {
  const first = wellFormedness(verdict, given);
  first.classList.add("checker-wide");
  report.replaceChildren(
    element("h2", {}, "Verdict"),
    element("div", { className: "checker-cards" }, first, schemaVerdict(verdict), clientVerdict(verdict)),
    ...[...serviceErrors(verdict), callbackTypes(verdict), remarks(verdict), whatItSays(verdict)].filter(Boolean));
  report.hidden = false;
}

// What the reader does.

/** Announce a piece of work; the number that it returns is `asked` for as long as nothing newer came. */
function begin(sentence) {
  status.textContent = sentence;
  report.hidden = true; // it is about another document
  busy = true;
  return (asked += 1);
}

function end(sentence) {
  status.textContent = sentence;
  busy = false;
}

const current = () => (kept ? kept.content : source.value);

async function check(name) {
  const given = current();
  const seconds = Number(form.dataset.seconds);
  const number = begin(`Checking ${name}…`);
  const result = await engine.check(given, seconds);
  if (result.replaced || number !== asked) return;
  if (given !== current()) end(CHANGED); // by something that fires no event
  else if (result.late) end(`No verdict: ${name} took more than ${seconds} s, so the check was ended.`);
  else if (result.failed) end(`No verdict on ${name}: the checker itself failed (${result.failed}).`);
  else {
    show(result.verdict, given);
    end(`Checked ${name}: ${summary(result.verdict)}`);
  }
}

function keep(content, words, chosen = null) {
  kept = { content, chosen };
  source.value = "";
  held.textContent = words;
  held.hidden = false;
}

function drop() {
  kept = null;
  file.value = "";
  held.hidden = true;
}

function showText(text) {
  drop();
  source.value = text;
}

const tooLong = (text) => text.length > SHOWN_TEXT || text.split(/\r\n|\r|\n/, SHOWN_LINES + 1).length > SHOWN_LINES;

function keepText(text) {
  drop();
  keep(text, `${counted(text.length, "character", "characters")} were pasted, which is too long to show here.`);
}

/** Read a file and check it; again with each check, since it may have changed on the disk. */
async function takeFile(chosen) {
  const number = begin(`Reading ${chosen.name}…`);
  const bytes = await chosen.slice(0, MAX_FILE).arrayBuffer().then((read) => new Uint8Array(read), () => null);
  if (number !== asked) return;
  file.value = ""; // so that the same file can be chosen again
  if (!bytes) {
    end(`No verdict: ${chosen.name} cannot be read. If it has changed, choose it again.`);
    return;
  }
  keep(bytes, `The bytes of ${chosen.name} are checked as they are.`, chosen);
  check(chosen.name);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (kept?.chosen) takeFile(kept.chosen);
  else check("the text");
});
form.addEventListener("click", async ({ target }) => {
  const path = target.dataset.document;
  if (!path) return;
  const number = begin(`Loading ${path}…`);
  const text = await fetch(url(`../../xml/${path}`)).then((answer) => (answer.ok ? answer.text() : null), () => null);
  if (number !== asked) return;
  if (text === null) end(`No verdict: ${path} could not be loaded.`);
  else {
    showText(text);
    check(path);
  }
});
source.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain");
  if (tooLong(text)) {
    event.preventDefault();
    keepText(text);
  }
  begin("Checking the text…");
  setTimeout(() => check("the text")); // after the browser has put it in
});
source.addEventListener("input", () => {
  drop();
  asked += 1; // what is under way is about the text as it was
  if (busy || !report.hidden) end(CHANGED);
});
source.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
source.addEventListener("drop", (event) => {
  const text = event.dataTransfer.getData("text/plain");
  if (event.dataTransfer.files.length || !tooLong(text)) return;
  event.preventDefault();
  keepText(text);
  check("the text");
});
// A file may fall beside the field: unless it is taken here, the browser leaves the page for it.
form.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
form.addEventListener("drop", (event) => {
  const [dropped] = event.dataTransfer.files;
  if (!dropped) return;
  event.preventDefault();
  takeFile(dropped);
});
file.addEventListener("change", () => file.files[0] && takeFile(file.files[0]));
source.addEventListener("focus", () => engine.load().catch(() => {}), { once: true });

form.querySelector("fieldset").disabled = false;
