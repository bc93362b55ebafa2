// Shows a report. What a document contains goes in as text, so that none of it becomes a part of the page.

const MARKS = { good: "✓", bad: "✗", note: "!" };

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.flat());
  return made;
}

const list = (items) => element("ul", {}, items.map((item) => element("li", {}, [item].flat().map(shown))));

/** What a part of a report becomes: { code }, { href, text }, { items }, or text as it is. */
function shown(part) {
  if (part.items) return list(part.items);
  if (part.href) return element("a", { href: new URL(part.href, import.meta.url) }, part.text);
  return part.code === undefined ? part : element("code", {}, part.code);
}

function table({ caption, header, rows }) {
  const cell = (parts, column) =>
    element(...(header || column ? ["td", {}] : ["th", { scope: "row" }]), [parts].flat().map(shown));
  const names = (header ?? []).map((text) => element("th", { scope: "col" }, text));
  // It can scroll, so the keyboard has to reach it.
  return element("div", { className: "md-typeset__scrollwrap", tabIndex: 0, role: "group", ariaLabel: caption },
    element("div", { className: "md-typeset__table" }, element("table", {},
      element("caption", {}, caption),
      names.length ? element("thead", {}, element("tr", {}, names)) : [],
      element("tbody", {}, rows.map((row) => element("tr", {}, row.map(cell)))))));
}

function schemaCell({ file, late, count, problems }) {
  const name = { href: `../../xml/${file}`, text: file };
  if (late) return ["Not compared with ", name, ", because it took too long"];
  if (!count) return ["Agrees with ", name];
  const [all, rest] = [count, count - problems.length].map((number) => number.toLocaleString("en"));
  const items = rest === "0" ? problems : [...problems, `And ${rest} more.`];
  return [`${all} ${count === 1 ? "difference" : "differences"} from `, name, { items }];
}

/** Show a report. `placeOf(line)` makes a button that leads to the line. */
export function show(report, status, box, placeOf = () => []) {
  const { kind, verdict, advice, problem, line, tables, unusual, schema, facts } = report;
  status.textContent = `${MARKS[kind]} ${verdict}`;
  status.className = `checker-${kind}`;
  box.replaceChildren();
  if (advice) box.append(element("p", {}, advice));
  if (problem) box.append(element("p", {}, problem, " ", placeOf(line)));
  box.append(...tables.map(table));
  if (unusual.length) box.append(element("p", {}, element("strong", {}, "Unusual")), list(unusual));
  if (!facts) return;
  const compared = schema ? schemaCell(schema) : "Not compared, because this site has no schema for this document";
  const rows = facts.map(([name, text, words = ""]) => [name, [{ code: text }, ` ${words}`]]);
  rows.unshift(["XML", "Well-formed"], ["Schema", compared]);
  box.append(table({ caption: "The document", rows }));
}
