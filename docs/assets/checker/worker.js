// Reads a document away from the page, so that the page stays alive and can end the work.

const LIMIT = 10 * 1024 * 1024; // bytes of a document
const ROWS = 200, ITEMS = 20; // that are shown of a table, and of errors or differences

const CALLS = ["authenticate-user", "create-connection", "get-captcha", "get-list-connection"];
const SCHEMAS = ["response.xsd", "request.xsd", ...CALLS.map((call) => `${call}/response.xsd`)];

function clip(text, width = 200) {
  return text.length > width ? `${text.slice(0, width)}… (${text.length.toLocaleString("en")} characters)` : text;
}

const quote = (text) => `“${clip(text, 60)}”`;
const counted = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;
const dateOf = (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
const distinct = (items) => [...new Set(items)];

function list(items, shown = 5, total = items.length) {
  const rest = total - shown;
  const words = rest > 0 ? [...items.slice(0, shown), `${rest.toLocaleString("en")} more`] : items;
  return words.length > 1 ? `${words.slice(0, -1).join(", ")} and ${words.at(-1)}` : words.join("");
}

// Loading the library, the schemas and the facts. Only its public interface is used.

async function prepare() {
  const get = async (path) => {
    const response = await fetch(new URL(path, import.meta.url));
    if (!response.ok) throw new Error(`HTTP status ${response.status} for ${path}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const paths = ["facts.json", ...SCHEMAS.map((file) => `../../xml/${file}`)];
  const [xml, facts, ...files] = await Promise.all([import("./libxml2-wasm/index.js"), ...paths.map(get)]);
  const schemas = files.map((bytes, place) => {
    const document = xml.XmlDocument.fromBuffer(bytes);
    const roots = document.find("xs:element/@name", { xs: "http://www.w3.org/2001/XMLSchema" }).map((name) => name.value);
    return [SCHEMAS[place], { file: SCHEMAS[place], roots, validator: xml.XsdValidator.fromDoc(document) }];
  });
  return { xml, facts: JSON.parse(new TextDecoder().decode(facts)), schemas: new Map(schemas) };
}

function parse({ ParseOption, XmlDocument }, bytes, isText) {
  // CDATA becomes text, lines are counted beyond 65,535, nothing is loaded, and the limits on depth and length stay.
  const names = ["NOCDATA", "BIG_LINES", "NONET", "NO_XXE"];
  const option = names.reduce((sum, name) => sum | ParseOption[`XML_PARSE_${name}`], 0);
  return XmlDocument.fromBuffer(bytes, isText ? { option, encoding: "UTF-8" } : { option });
}

// Text that isn't XML, by its first characters. UTF-16 has a null next to each character.

const BEGINNINGS = [
  [/^$/, "Empty", "The text is empty or contains only white space. Check that you stored or copied the whole body."],
  [/^<(!doctype\s+html|html|head|body)\b/i, "An HTML page", "Check the URL that you called, and any proxy between you and the service."],
  [/^(\{\s*["}]|\[\s*[{["\]])/, "JSON, not XML", "The sources show only XML responses. Check the URL that you called."],
  [/^&(lt|#60|#x3c);/i, "Escaped XML",
    "The tags are written as “&lt;”, as in a log or the source of a web page. Use the body as you received it."],
  [/^(HTTP\/\d|(connection|content-[a-z-]+|date|server|set-cookie|transfer-encoding|vary|x-[a-z-]+): )/i, "HTTP headers, then a body",
    "Check only the body, which begins after the first empty line."],
];

function beginning(bytes) {
  const skipped = [0, 9, 10, 11, 12, 13, 32, 0xef, 0xbb, 0xbf, 0xfe, 0xff];
  const start = bytes.findIndex((byte) => !skipped.includes(byte));
  const text = start < 0 ? "" : new TextDecoder().decode(bytes.subarray(start, start + 200)).replaceAll("\0", "");
  return BEGINNINGS.find(([pattern]) => pattern.test(text));
}

// The parts of a document. XPath does the counting, so that a huge document costs no more than its parsing.

const count = (node, path) => node.eval(`count(${path})`);
const texts = (node, path, most = ITEMS) => node.find(`(${path})[position() <= ${most}]`).map((found) => found.content.trim());

function errorsOf(root, { codes }) {
  const messages = texts(root, "Description");
  const known = (code) => (Object.hasOwn(codes, code) ? codes[code] : []);
  return texts(root, "Error").map((code, place) => ({ code: clip(code, 20), message: clip(messages[place] ?? ""), known: known(code) }));
}

function valuesOf(root, call) {
  const rows = root.find(`(Values/Value)[position() <= ${ROWS}]`).map((value) =>
    new Map(value.find("*[position() <= 20]").map((field) => [clip(field.name, 60), clip(field.content.trim())])));
  const expected = call === "get_list_callback" ? ["callback_type_id", "callback_type"] : [];
  const header = distinct([...expected, ...rows.flatMap((row) => [...row.keys()])]).slice(0, 6);
  return { header, rows: rows.map((row) => header.map((name) => row.get(name) ?? "")), count: count(root, "Values/Value") };
}

function parametersOf(root) {
  const rows = root.find("*[not(self::action or self::Action)][position() <= 40]").map((field) =>
    [clip(field.name), /password/i.test(field.name) ? "(not shown)" : clip(field.content.trim())]);
  return { header: ["Parameter", "Value"], rows, count: rows.length };
}

// Everything that a reader wouldn't expect, in sentences.

const KNOWN = ["Action", "Result", "Values", "Value", "Timestamp", "Error", "Description"];
const not = (...known) => `*[not(${known.map((name) => `self::${name}`).join(" or ")})]`;

function* unusualIn(root, roots) {
  if (!roots.includes(root.name)) yield `No source spells the root element ${clip(root.name, 60)}. The sources spell it ${list(roots)}.`;
  const [foreign] = root.find("(descendant-or-self::*[namespace-uri()])[1]");
  if (foreign) yield `${clip(foreign.name, 60)} is in the namespace ${quote(foreign.namespaceUri)}. The documented elements don't have a namespace.`;
  const attributes = distinct(root.find(`(descendant-or-self::*/@*)[position() <= ${ROWS}]`).map(({ name }) => clip(name, 60)));
  if (attributes.length) yield `The sources show no attributes, but this document contains ${list(attributes)}.`;
}

function* unusualElements(root, call) {
  const places = [not(...KNOWN), `Values/${not("Value")}`, "*[not(self::Values or self::Value)]/*", "Values/Value/*/*", "Value/*/*"];
  if (call === "get_list_callback") places.push(`Values/Value/${not("callback_type_id", "callback_type")}`);
  const found = root.find(`(${places.join(" | ")})[position() <= ${ROWS}]`);
  const unknown = distinct(found.map(({ name, parent }) => `${clip(name, 60)} in ${clip(parent.name, 60)}`));
  if (unknown.length) yield `No source shows these elements here: ${list(unknown)}.`;
  const between = distinct(texts(root, "(. | Values | Values/Value)/text()[normalize-space()]"));
  const dots = between.includes("...") ? " The specification contains such dots where it leaves out values." : "";
  if (between.length) yield `The document contains text between the elements: ${list(between.map(quote))}.${dots}`;
  for (const name of ["Action", "Result", "Values", "Timestamp"]) {
    const times = count(root, name);
    if (times > 1) yield `${name} appears ${times.toLocaleString("en")} times.`;
  }
}

function* unusualTime(timestamp) {
  if (/^\d{13}$/.test(timestamp)) yield `Timestamp has 13 digits. In milliseconds, it is ${dateOf(timestamp / 1000)}. The documented unit is seconds.`;
  else if (!/^\d{1,11}$/.test(timestamp)) yield `Timestamp isn't a Unix time: ${quote(timestamp)}.`;
  else if (timestamp * 1000 > Date.now() + 86_400_000) yield `Timestamp is in the future, according to your machine's clock: ${dateOf(timestamp)}.`;
}

function* unusualErrors(root, errors) {
  if (count(root, "Values")) yield "Result is Error, but the response contains Values.";
  const [codes, messages] = [count(root, "Error"), count(root, "Description")];
  if (codes !== messages) yield `The response contains ${counted(codes, "Error")} and ${counted(messages, "Description")}. Each code should have a message.`;
  for (const code of distinct(errors.map((error) => error.code))) {
    const { known, message } = errors.find((error) => error.code === code);
    if (!/^\d{3}$/.test(code)) yield `An error code has three digits. This one is ${quote(code)}.`;
    else if (!known.length) yield `No source lists error ${code}.`;
    else if (known.every((meaning) => meaning.message !== message)) yield `The message ${quote(message)} isn't documented for error ${code}.`;
  }
}

function* unusualTypes(root, { rows }, { types }) {
  if (!count(root, "Values")) yield "The response doesn't contain Values.";
  else if (!rows.length) yield "The list is empty. The sources don't say whether that can happen.";
  for (const [place, what] of [[0, "ids"], [1, "names"]]) {
    const twice = rows.map((row) => row[place].toLowerCase()).filter((item, index, all) => all.indexOf(item) !== index);
    if (twice.length) yield `These ${what} appear more than once: ${list(distinct(twice).map(quote))}.`;
  }
  const [wrong, right] = [false, true].map((wanted) => rows.filter(([id, name]) => wanted === (/^\d+$/.test(id) && name !== "")));
  if (wrong.length) yield `Each callback type should have an id in digits and a name, unlike ${list(wrong.map(([id, name]) => quote(`${id} ${name}`.trim())))}.`;
  const other = right.filter(([id, name]) => types[id]?.toLowerCase() !== name.toLowerCase());
  const known = other.map(([id, name]) => `${id} ${clip(name, 60)} (${types[id] ? `the sources have ${types[id]}` : "an unknown id"})`);
  if (known.length) yield `No source lists ${list(known)}.`;
}

const DECLARATION = "The sources show no such declaration. It can define entities, which is a known way to attack a parser, so the client rejects it too.";
const DECLARED = /^\ufeff?<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]*)/;
const DECODED = "But your browser decoded the text that you pasted. To check the bytes, choose the file.";

// The reading of a document: a verdict in words, and the parts.

function readRequest(root, call, { schemas }) {
  const request = schemas.get("request.xsd"), schema = call === "get_list_callback" ? request : null;
  const verdict = `A request for ${clip(call, 60)}, not a response`;
  return { kind: "note", verdict, schema, values: parametersOf(root), facts: [], unusual: [...unusualIn(root, request.roots)] };
}

function readError(root, call, facts) {
  const errors = errorsOf(root, facts), total = count(root, "Error");
  const one = errors.map(({ code, message }) => `Error ${code}: ${clip(message, 100)}`)[0] ?? "An error without a code";
  const verdict = total > 1 ? `${counted(total, "error")}: ${list(errors.map(({ code }) => code), 3, total)}` : one;
  const about = root.find("Value/*[position() <= 5]").map((field) => [clip(field.name, 60), clip(field.content.trim()), "(what the error is about)"]);
  const unusual = [...(call === undefined ? ["The response doesn't contain Action. Neither do the recorded errors."] : []), ...unusualErrors(root, errors)];
  return { kind: total ? "note" : "bad", verdict, errors, errorCount: total, facts: about, unusual };
}

function readSuccess(root, call, facts) {
  const values = valuesOf(root, call), unusual = [];
  if (!call) unusual.push("The response doesn't contain Action, so you can't tell which call it belongs to.");
  if (!count(root, "Timestamp")) unusual.push("The response doesn't contain Timestamp.");
  if (count(root, "Error")) unusual.push("Result is Success, but the response contains an Error.");
  const types = call === "get_list_callback";
  if (types) unusual.push(...unusualTypes(root, values, facts));
  const what = types ? counted(values.count, "callback type") : `a response to ${clip(call ?? "an unknown call", 60)}`;
  return { kind: call ? "good" : "note", verdict: `Success: ${what}`, values, facts: [], unusual };
}

function readResponse(root, call, { schemas, facts }) {
  const own = [undefined, "get_list_callback"].includes(call) ? "response.xsd" : `${call.replaceAll("_", "-")}/response.xsd`;
  const [result, timestamp] = ["Result", "Timestamp"].map((name) => texts(root, name, 1)[0]);
  const found = result === undefined ? "Result is missing" : `Result is ${quote(result)}`;
  const readings = { Error: readError, Success: readSuccess };
  const reading = Object.hasOwn(readings, result ?? "") ? readings[result](root, call, facts)
    : { kind: "bad", verdict: `Not a documented response: ${found}`, facts: [], unusual: [] };
  const unusual = [...unusualIn(root, schemas.get("response.xsd").roots), ...unusualElements(root, call)];
  const rows = [["Result", result && clip(result)]];
  if (timestamp !== undefined) {
    rows.push(["Timestamp", clip(timestamp), /^\d{1,11}$/.test(timestamp) ? dateOf(timestamp) : ""]);
    unusual.push(...unusualTime(timestamp));
  }
  return { ...reading, schema: schemas.get(own) ?? null, facts: [...rows, ...reading.facts], unusual: [...unusual, ...reading.unusual] };
}

function read(document, tools, advice) {
  const { root } = document;
  const call = texts(root, "Action | action", 1)[0];
  if (root.name.toUpperCase() !== "CLICKATELLSDK") {
    const verdict = `Not a Connect API document: the root element is ${clip(root.name, 60)}`;
    return { verdict, advice, facts: [["Root element", clip(root.name)]] };
  }
  const asks = call !== undefined && !count(root, "Result | Error | Values | Timestamp");
  const reading = (asks ? readRequest : readResponse)(root, call, tools);
  const facts = [["Root element", clip(root.name)], ["Action", call && clip(call)], ...reading.facts];
  return { ...reading, facts: facts.filter(([, text]) => text !== undefined) };
}

function compare(document, { validator, file }, { XmlValidateError }) {
  try {
    validator.validate(document);
    return { file, agrees: true, problems: [], count: 0 };
  } catch (error) {
    if (!(error instanceof XmlValidateError)) throw error;
    const problems = error.details.slice(0, ITEMS).map(({ line, message }) => ({ line, reason: clip(message.trim(), 300) }));
    return { file, agrees: false, problems, count: error.details.length };
  }
}

/** Report on a document: first what it contains, then the same with what the schema says, which can take long. */
function* check(source, tools) {
  const isText = typeof source === "string";
  const bytes = isText ? new TextEncoder().encode(source) : source;
  const report = { size: bytes.length, kind: "bad", schema: null, facts: [], unusual: [] };
  const [, what, advice] = beginning(bytes) ?? [];
  if (bytes.length > LIMIT) return yield { ...report, verdict: "Not checked: larger than 10 MiB" };
  let document;
  try {
    document = parse(tools.xml, bytes, isText);
  } catch (error) {
    if (!(error instanceof tools.xml.XmlParseError)) throw error;
    const { line, col, message } = error.details.find(({ level }) => level > 1) ?? { line: 1, col: 1, message: "no document" };
    const [, name, opened] = /mismatch: (.+) line (\d+) and/.exec(message) ?? [];
    const open = name && `${clip(name, 60)} opens in line ${opened} and isn't closed before this line.`;
    const problem = { line, column: col, reason: clip(message.trim(), 300) };
    return yield { ...report, verdict: what ?? `Not well-formed XML: line ${line}, column ${col}`, advice: advice ?? open, problem };
  }
  try {
    report.wellFormed = true;
    if (document.dtd) { // its entities could make a text of any length, so nothing in the document is read
      return yield { ...report, verdict: what ?? "Not read: the document contains a document type declaration", advice: advice ?? DECLARATION };
    }
    const { schema, ...reading } = read(document, tools, advice);
    Object.assign(report, reading);
    if (!isText) report.facts.push(["Encoding", document.encoding ?? "UTF-8"]);
    const declared = isText && DECLARED.exec(source.slice(0, 200))?.[1];
    if (declared && !/^utf-?8$/i.test(declared)) report.unusual.push(`The declaration says ${declared}. ${DECODED}`);
    yield { ...report, schema: schema && { file: schema.file, late: true } };
    if (!schema) return;
    report.schema = compare(document, schema, tools.xml);
    if (report.kind === "good" && !report.schema.agrees) {
      Object.assign(report, { kind: "note", verdict: `${report.verdict}, with differences from the schema` });
    }
    yield report;
  } finally {
    document.dispose();
  }
}

const prepared = prepare();
prepared.catch(() => {}); // reported with the first document
onmessage = async ({ data }) => {
  try {
    const tools = await prepared;
    postMessage({ started: true });
    for (const report of check(data, tools)) postMessage({ report });
    postMessage({ done: true });
  } catch (error) {
    postMessage({ failed: String(error.message ?? error) });
  }
};
