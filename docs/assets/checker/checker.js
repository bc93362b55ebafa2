// The page of the checker: takes a document from the reader, and shows what the worker says. Nothing is sent anywhere.

import { Engine } from "./engine.js";
import { render, verdictOf } from "./report.js";

const SHOWN_TEXT = 200_000, SHOWN_LINES = 5_000; // a longer text is checked but not shown: the field would freeze
const MAX_FILE = 11 * 1024 * 1024; // bytes of a file: more than the worker accepts, so that it says so

const [form, source, file, sample, kept, status, report] = ["", "-source", "-file", "-sample", "-kept", "-status", "-report"]
  .map((part) => document.getElementById(`checker${part}`));
const engine = new Engine();
const CHANGED = "The text has changed. Check it again.";

let asked = 0; // which document was asked for last: only that one is shown
let held = null; // what is checked but not shown in the field: a long text, or a file

function say(text, kind = "") {
  status.textContent = text;
  status.className = kind && `checker-${kind}`;
}

function begin(text) {
  say(text);
  report.replaceChildren();
  return (asked += 1);
}

const content = () => held?.content ?? source.value;

/** A button that selects a line, if the field shows it. */
function placeOf(line) {
  const lines = held ? [] : source.value.split("\n");
  if (lines[line - 1] === undefined) return null;
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: `Show line ${line}` });
  button.addEventListener("click", () => {
    const start = lines.slice(0, line - 1).reduce((length, text) => length + text.length + 1, 0);
    source.focus();
    source.setSelectionRange(start, start + lines[line - 1].length);
  });
  return button;
}

async function check(name) {
  const given = content(), seconds = Number(form.dataset.seconds);
  const number = begin(`Checking ${name}…`);
  const result = await engine.check(given, seconds);
  if (result.replaced || number !== asked) return;
  if (given !== content()) return begin(CHANGED); // by something that fires no event
  const { text, kind } = verdictOf(result, seconds);
  say(text, kind);
  if (result.report) report.replaceChildren(...render(result.report, placeOf));
  status.scrollIntoView({ block: "nearest" });
}

function hold(content, words, chosen = null) {
  held = { content, chosen };
  source.value = "";
  kept.textContent = words;
  kept.hidden = false;
}

function drop() {
  held = null;
  file.value = "";
  kept.hidden = true;
}

const tooLong = (text) => text.length > SHOWN_TEXT || text.split(/\r\n|\r|\n/, SHOWN_LINES + 1).length > SHOWN_LINES;

/** Read and check a file; again with each check, because it can change on the disk. */
async function checkFile(chosen) {
  const number = begin(`Reading ${chosen.name}…`);
  const bytes = await chosen.slice(0, MAX_FILE).arrayBuffer().then((read) => new Uint8Array(read), () => null);
  if (number !== asked) return;
  drop(); // so that the same file can be chosen again
  if (!bytes) return say(`No verdict: could not read ${chosen.name}. Choose the file again.`, "bad");
  hold(bytes, `The checker reads the bytes of the file ${chosen.name}.`, chosen);
  check(chosen.name);
}

async function checkSample() {
  const number = begin("Loading the sample…");
  const response = await fetch(new URL(`../../xml/${sample.value}`, import.meta.url)).catch(() => null);
  const text = response?.ok ? await response.text() : null;
  if (number !== asked) return;
  if (text === null) return say("No verdict: could not load the sample. Try again.", "bad");
  drop();
  source.value = text;
  check("the sample");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.value === "sample") checkSample();
  else if (held?.chosen) checkFile(held.chosen);
  else check("the text");
});
source.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain");
  drop();
  if (tooLong(text)) { // before the browser puts it into the field
    event.preventDefault();
    hold(text, `The text has ${text.length.toLocaleString("en")} characters, too many to show. The checker reads the whole text.`);
  }
  begin("Checking the text…");
  setTimeout(() => check("the text")); // after the browser has put it in
});
source.addEventListener("input", () => {
  if (held) drop();
  if (asked && status.textContent !== CHANGED) begin(CHANGED); // what is under way is about the text as it was
});
source.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
// A file can be dropped next to the field: without this, the browser leaves the page for the file.
form.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
form.addEventListener("drop", (event) => {
  const [dropped] = event.dataTransfer.files;
  if (!dropped) return;
  event.preventDefault();
  checkFile(dropped);
});
file.addEventListener("change", () => file.files[0] && checkFile(file.files[0]));

say("The verdict appears here.");
form.querySelector("fieldset").disabled = false;
