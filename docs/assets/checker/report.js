// Shows a report. What a document contains goes in as text, so that none of it becomes a part of the page.

const MARKS = { good: "✓", bad: "✗", note: "!" };
const url = (path) => new URL(path, import.meta.url).href;

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const code = (text) => element("code", {}, text);
const link = (path, text) => element("a", { href: url(path) }, text);
const more = (count) => (count > 0 ? element("p", {}, `And ${count.toLocaleString("en")} more.`) : null);

function table(caption, header, rows, rowHeaders = false) {
  const cell = (content, place) => element(...(rowHeaders && !place ? ["th", { scope: "row" }] : ["td", {}]), content);
  const head = element("thead", {}, element("tr", {}, header.map((text) => element("th", { scope: "col" }, text))));
  // The table can scroll, so the keyboard has to reach it.
  return element("div", { className: "checker-scroll", tabIndex: 0, role: "group", ariaLabel: caption }, element("table", {},
    element("caption", {}, caption), header.length ? head : null,
    element("tbody", {}, rows.map((row) => element("tr", {}, row.map(cell))))));
}

function problemOf({ problem }, placeOf) {
  if (!problem) return null;
  const text = `Line ${problem.line}, column ${problem.column}: ${problem.reason}`;
  return element("p", {}, text, placeOf?.(problem.line) ?? null);
}

function schemaOf({ wellFormed, schema }) {
  if (!wellFormed) return "Not compared, because the XML isn't well-formed";
  if (!schema) return "Not compared, because this site has no schema for this document";
  const file = link(`../../xml/${schema.file}`, schema.file);
  if (schema.late) return ["Not compared with ", file, ", because it took too long"];
  if (schema.agrees) return ["Follows ", file];
  const items = schema.problems.map(({ line, reason }) => element("li", {}, `Line ${line}: ${reason}`));
  return [`${schema.count.toLocaleString("en")} ${schema.count === 1 ? "difference" : "differences"} from `, file, ":",
    element("ul", {}, items), more(schema.count - schema.problems.length)];
}

function errorsOf({ errors = [], errorCount = 0 }) {
  const shown = errors.map(({ code: number, message, known }) => {
    const explained = known.some(({ meaning }) => meaning);
    const rows = known.map(({ source, message: words, meaning }) =>
      [source, words === null ? "Not defined" : code(words), ...(explained ? [meaning] : [])]);
    const header = ["Source", "Message", "Meaning"].slice(0, explained ? 3 : 2);
    const [anchor, words] = known.length ? [`#error-${number}`, `What to do about error ${number}`] : ["", "All error codes"];
    return element("section", {},
      rows.length ? table(`Error ${number}: ${message}`, header, rows) : element("p", {}, "Error ", code(number), `: ${message}`),
      element("p", {}, link(`../../callback-types/errors/${anchor}`, words)));
  });
  return [shown, more(errorCount - shown.length)];
}

function valuesOf({ values }) {
  if (!values?.rows.length) return null;
  const { header, rows, count } = values;
  const caption = header[0] === "Parameter" ? "Parameters" : "Values";
  const range = count > rows.length ? `: the first ${rows.length} of ${count.toLocaleString("en")}` : "";
  return table(caption + range, header, rows.map((row) => row.map(code)));
}

/** The sentence for a result of the engine, and its colour. */
export function verdictOf({ report, late, failed }, seconds) {
  if (report) return { kind: report.kind, text: `${MARKS[report.kind]} ${report.verdict}` };
  const reason = late ? `the check took more than ${seconds} seconds` : `the checker failed: ${failed}`;
  return { kind: "bad", text: `No verdict: ${reason}`, late };
}

/** The parts of a report. `placeOf(line)` can add something to the place of an error. */
export function render(report, placeOf) {
  const facts = report.facts.map(([name, text, words]) => [name, [code(text), words ? ` ${words}` : null]]);
  const unusual = report.unusual.map((sentence) => element("li", {}, sentence));
  return [
    report.advice ? element("p", {}, report.advice) : null,
    problemOf(report, placeOf),
    ...errorsOf(report).flat(),
    valuesOf(report),
    unusual.length ? element("section", {}, element("p", { className: "checker-title" }, "Unusual"), element("ul", {}, unusual)) : null,
    report.size > 10 * 1024 * 1024 ? null : table("The document", [], [
      ["XML", report.wellFormed ? "Well-formed" : "Not well-formed"], ["Schema", schemaOf(report)], ...facts], true),
  ].filter(Boolean);
}
