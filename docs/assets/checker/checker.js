// The page of the checker: takes a document from the reader, and shows the report. Nothing is sent anywhere.

import { check } from "./engine.js";
import { show } from "./report.js";

const SHOWN = 200_000, LINES = 5_000; // a longer text is checked, but would freeze the field
const CHANGED = "The text has changed. Check it again.";

// What has an id, in the order of the page.
const [form, source, kept, file, sample, status, report] = document.querySelectorAll(".checker [id]");

let asked = 0; // which verdict was asked for last: only that one is shown
let held = null; // what is checked instead of the field: a file, or a long text

function begin(text) {
  status.textContent = text;
  status.className = "";
  report.replaceChildren();
  return (asked += 1);
}

function hold(content, words) {
  held = content;
  source.value = "";
  kept.textContent = words;
  kept.hidden = false;
}

function drop() {
  held = null;
  kept.hidden = true;
}

/** A button that selects a line of the field. */
function placeOf(line) {
  const lines = source.value.split("\n"), start = lines.slice(0, line - 1).join("\n").length + (line > 1);
  if (held || line > lines.length) return [];
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "md-button", textContent: `Show line ${line}` });
  button.addEventListener("click", () => {
    source.focus();
    source.setSelectionRange(start, start + lines[line - 1].length);
  });
  return [button];
}

async function run() {
  const number = begin("Checking…");
  const found = await check(held ?? source.value, Number(form.dataset.seconds));
  if (number !== asked) return;
  show(found, status, report, placeOf);
  status.scrollIntoView({ block: "nearest" });
}

async function runSample() {
  const number = begin("Loading the sample…");
  const response = await fetch(new URL(`../../xml/${sample.value}`, import.meta.url)).catch(() => null);
  const text = response?.ok ? await response.text() : null;
  if (number !== asked) return;
  if (text === null) return begin("No verdict: could not load the sample. Try again.");
  drop();
  source.value = text;
  run();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.value === "sample") runSample();
  else run();
});
file.addEventListener("change", () => {
  const [chosen] = file.files;
  if (!chosen) return;
  hold(chosen, `The checker reads the bytes of the file ${chosen.name}.`);
  file.value = ""; // so that the same file can be chosen again
  run();
});
source.addEventListener("paste", (event) => {
  const text = event.clipboardData.getData("text/plain"), size = text.length.toLocaleString("en");
  if (text.length <= SHOWN && text.split(/\r\n|\r|\n/, LINES + 1).length <= LINES) return;
  event.preventDefault(); // before the browser puts it into the field
  hold(text, `The text has ${size} characters, too many to show. The checker reads the whole text.`);
  run();
});
source.addEventListener("input", (event) => {
  drop();
  if (event.inputType === "insertFromPaste") run();
  else if (asked && status.textContent !== CHANGED) begin(CHANGED); // no verdict on the old text
});
source.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

status.textContent = "The verdict appears here.";
form.querySelector("fieldset").disabled = false;
