// Reads a document away from the page, so that the page stays alive and can end the work.

const LIMIT = 10 * 1024 * 1024; // bytes of a document
const ROWS = 200, ITEMS = 20; // shown of a table of values, and of errors or differences
const CALLS = ["authenticate-user", "create-connection", "get-captcha", "get-list-connection"];
const SCHEMAS = ["response.xsd", "request.xsd", ...CALLS.map((call) => `${call}/response.xsd`)];

const words = (number) => number.toLocaleString("en");
const counted = (count, one) => `${words(count)} ${one}${count === 1 ? "" : "s"}`;

function clip(text, width = 200) {
  return text.length > width ? `${text.slice(0, width)}… (${words(text.length)} characters)` : text;
}

function list(items, total = items.length) {
  const shown = items.slice(0, 5), rest = total - shown.length;
  return `${shown.join(", ")}${rest ? ` and ${words(rest)} more` : ""}`;
}

// The library, the schemas and the facts. Only the public interface of the library is used.

async function prepare() {
  const get = async (path) => {
    const response = await fetch(new URL(path, import.meta.url));
    if (!response.ok) throw new Error(`HTTP status ${response.status} for ${path}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const paths = ["facts.json", ...SCHEMAS.map((file) => `../../xml/${file}`)];
  const [xml, facts, ...files] = await Promise.all([import("./libxml2-wasm/index.js"), ...paths.map(get)]);
  const schemas = new Map(files.map((bytes, place) => {
    const document = xml.XmlDocument.fromBuffer(bytes); // is kept, because the validator goes on using it
    return [SCHEMAS[place], { document, validator: xml.XsdValidator.fromDoc(document) }];
  }));
  const { codes, types } = JSON.parse(new TextDecoder().decode(facts));
  return { xml, schemas, codes: new Map(Object.entries(codes)), types: new Map(Object.entries(types)) };
}

function parse({ ParseOption, XmlDocument }, bytes, isText) {
  // Lines beyond 65,535 are counted, and nothing is loaded. The library's limits on depth and length stay.
  const names = ["BIG_LINES", "NONET", "NO_XXE"];
  const option = names.reduce((sum, name) => sum | ParseOption[`XML_PARSE_${name}`], 0);
  return XmlDocument.fromBuffer(bytes, isText ? { option, encoding: "UTF-8" } : { option });
}

// What isn't XML: how it begins, what it is, and what to do.

const BEGINNINGS = [
  [/^$/, "Empty", "The text is empty or contains only white space. Check that you stored the whole body."],
  [/^<(!doctype\s+html|html|head|body)\b/i, "An HTML page",
    "Check the URL that you called, and any proxy between you and the service."],
  [/^(\{\s*["}]|\[\s*[{["\]])/, "JSON, not XML",
    "The sources show only XML responses. Check the URL that you called."],
  [/^&(lt|#60|#x3c);/i, "Escaped XML",
    "The tags are written as “&lt;”, as in a log or a page's source. Use the body as you received it."],
  [/^(HTTP\/\d|(connection|content-[a-z-]+|date|server|set-cookie|transfer-encoding|vary|x-[a-z-]+): )/i,
    "HTTP headers, then a body", "Check only the body, which begins after the first empty line."],
];

function beginning(bytes) {
  const text = new TextDecoder().decode(bytes).replace(/^[\s\0\ufffd]+/, "");
  const start = text.slice(0, 400).replaceAll("\0", ""); // in UTF-16, each letter has a null next to it
  return BEGINNINGS.find(([pattern]) => pattern.test(start)) ?? [];
}

// What a reader wouldn't expect: where it is in the document, the sentence, and what of each place is shown.

const not = (...known) => `*[not(${known.map((name) => `self::${name}`).join(" or ")})]`;
const twice = (name) =>
  `Values/Value[position() <= ${ROWS}]/${name}[. = ../preceding-sibling::Value/${name}]`;
const nameOf = (node) => clip(node.name, 60);
const quote = (text) => `“${clip(text.trim(), 60)}”`;
const textOf = (node) => quote(node.content);
const SUCCESS = "self::*[Result = 'Success']", ERROR = "self::*[Result = 'Error']";
const TYPES = `${SUCCESS}[Action = 'get_list_callback']`;
const UNKNOWN = [
  `self::*[Result]/${not("Action", "Result", "Values", "Value", "Timestamp", "Error", "Description")}`,
  `Values/${not("Value")}`,
  "(Action | Result | Timestamp | Error | Description | Values/Value/* | Value/*)/*",
  `${TYPES}/Values/Value/${not("callback_type_id", "callback_type")}`,
].join(" | ");

const UNUSUAL = [
  ["self::*[not(self::CLICKATELLSDK or self::ClICKATELLSDK[Result] or self::clickatellsdk[not(Result)])]",
    "No source spells the root element like this", nameOf],
  ["descendant-or-self::*[namespace-uri()]", "The documented elements don't have a namespace, unlike",
    (node) => `${nameOf(node)} in ${quote(node.namespaceUri)}`],
  ["descendant-or-self::*/@*", "The sources show no attributes, but this document contains", nameOf],
  [UNKNOWN, "No source shows these elements here", (node) => `${nameOf(node)} in ${nameOf(node.parent)}`],
  ["Action[2] | Result[2] | Values[2] | Timestamp[2]", "These appear more than once", nameOf],
  ["(. | Values | Values/Value)/text()[normalize-space()]", "The document contains text between the elements", textOf],
  ["Values/text()[normalize-space() = '...']", "The specification contains such dots where it leaves out values"],
  [`${SUCCESS}[not(Action)]`, "The response doesn't contain Action, so you can't tell which call it belongs to"],
  [`${SUCCESS}[not(Timestamp)]`, "The response doesn't contain Timestamp"],
  [`${SUCCESS}[Error]`, "Result is Success, but the response contains an Error"],
  [`${TYPES}[not(Values)]`, "The response doesn't contain Values"],
  [`${TYPES}/Values[not(*)]`, "The list is empty. The sources don't say whether that can happen"],
  [`${twice("callback_type_id")} | ${twice("callback_type")}`, "These appear more than once", textOf],
  [`${ERROR}[not(Action)]`, "The response doesn't contain Action. Neither do the recorded errors"],
  [`${ERROR}[Values]`, "Result is Error, but the response contains Values"],
  [`${ERROR}[count(Error) != count(Description)]`, "Each Error should have a Description"],
];

function* unusualIn(root) {
  for (const [path, sentence, show] of UNUSUAL) {
    const found = root.find(`(${path})[position() <= ${ROWS}]`);
    if (found.length) yield show ? `${sentence}: ${list([...new Set(found.map(show))])}.` : `${sentence}.`;
  }
}

// The parts of a document. XPath counts, so that a huge document costs no more than its parsing.

const count = (root, path) => root.eval(`count(${path})`);
const texts = (root, path) => root.find(`(${path})[position() <= ${ITEMS}]`).map((tag) => tag.content.trim());
const code = (text) => ({ code: clip(text) });
const valueOf = ({ name, content }) => code(/password/i.test(name) ? "(not shown)" : content.trim());
const dateOf = (seconds) => `${new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;

function timeOf(text) {
  if (/^\d{13}$/.test(text)) return `In milliseconds, ${dateOf(text / 1000)}. Seconds are documented.`;
  if (!/^\d{1,11}$/.test(text)) return "This isn't a Unix time.";
  const isFuture = text * 1000 > Date.now() + 86_400_000;
  return dateOf(text) + (isFuture ? ", in the future, according to your machine's clock" : "");
}

function table(caption, header, rows, total = rows.length) {
  const range = total > rows.length ? `: the first ${rows.length} of ${words(total)}` : "";
  return { caption: caption + range, header, rows };
}

function parametersTable(root) {
  const fields = root.find("*[not(self::action or self::Action)][position() <= 40]");
  return table("Parameters", ["Name", "Value"], fields.map((field) => [code(field.name), valueOf(field)]));
}

function knownType(types, id, name) {
  const known = types.get(id);
  if (known?.toLowerCase() === name.toLowerCase()) return "Yes";
  return known ? `No, its name is ${known}` : "No such id";
}

function valuesTable(root, { types }) {
  const path = "Values/Value | Value";
  const rows = root.find(`(${path})[position() <= ${ROWS}]`).map((value) => {
    const row = new Map(value.find("*[position() <= 6]").map((field) => [nameOf(field), valueOf(field)]));
    const [id, name] = ["callback_type_id", "callback_type"].map((field) => row.get(field)?.code);
    return id || name ? row.set("In the sources", knownType(types, id, name ?? "")) : row;
  });
  const names = [...new Set(rows.flatMap((row) => [...row.keys()]))].slice(0, 8);
  const cells = rows.map((row) => names.map((name) => row.get(name) ?? ""));
  return table("Values", names, cells, count(root, path));
}

function knownError(known, number, message) {
  if (!/^\d{3}$/.test(number)) return "No: an error code has three digits";
  if (!known) return "No such code";
  const items = known.map((entry) =>
    [`${entry.source}: `, code(entry.message ?? "not defined"), entry.meaning && `. ${entry.meaning}`]);
  return [known.some((entry) => entry.message === message) ? "" : "With another message:", { items }];
}

function errorsTable(root, numbers, messages, { codes }) {
  const rows = numbers.map((number, place) => {
    const known = codes.get(number), message = messages[place] ?? "";
    const href = `../../callback-types/errors/${known ? `#error-${number}` : ""}`;
    return [{ href, text: clip(number, 20) }, code(message), knownError(known, number, message)];
  });
  return table("Errors", ["Code", "Message", "In the sources"], rows, count(root, "Error"));
}

// The reading of a document: a verdict in words, and the parts.

function verdictOf(root, call, result, errors, [message = ""]) {
  if (result === "Error") {
    const total = count(root, "Error");
    if (total > 1) return ["note", `${counted(total, "error")}: ${list(errors, total)}`];
    return total ? ["note", `Error ${errors[0]}: ${clip(message)}`] : ["bad", "An error without a code"];
  }
  if (result === undefined) return ["bad", "Not a documented response: Result is missing"];
  if (result !== "Success") return ["bad", `Not a documented response: Result is ${quote(result)}`];
  if (!call) return ["note", "Success: a response to an unknown call"];
  const types = counted(count(root, "Values/Value"), "callback type");
  return ["good", `Success: ${call === "get_list_callback" ? types : `a response to ${clip(call, 60)}`}`];
}

function read(root, facts) {
  if (root.name.toUpperCase() !== "CLICKATELLSDK") {
    const verdict = `Not a Connect API document: the root element is ${nameOf(root)}`;
    return { kind: "bad", verdict, tables: [], unusual: [], facts: [["Root element", nameOf(root)]] };
  }
  const [[call], [result], [time], errors, messages] =
    ["Action | action", "Result", "Timestamp", "Error", "Description"].map((path) => texts(root, path));
  const asks = call !== undefined && !count(root, "Result | Error | Values | Timestamp");
  const folder = [undefined, "get_list_callback"].includes(call) ? "" : `${call.replaceAll("_", "-")}/`;
  const [kind, verdict] = asks ? ["note", `A request for ${clip(call, 60)}, not a response`]
    : verdictOf(root, call, result, errors, messages);
  const tables = asks ? [parametersTable(root)]
    : [errorsTable(root, errors, messages, facts), valuesTable(root, facts)];
  const parts = [["Root element", root.name], ["Action", call], ["Result", result], ["Timestamp", time]];
  return {
    kind, verdict,
    file: `${folder}${asks ? "request" : "response"}.xsd`,
    tables: tables.filter(({ rows }) => rows.length),
    unusual: [...unusualIn(root)],
    facts: parts.filter(([, text]) => text !== undefined)
      .map(([name, text]) => [name, clip(text), name === "Timestamp" ? timeOf(text) : ""]),
  };
}

function compare(document, { validator }, { XmlValidateError }) {
  try {
    validator.validate(document);
    return { count: 0 };
  } catch (error) {
    if (!(error instanceof XmlValidateError)) throw error;
    const shown = error.details.slice(0, ITEMS);
    const problems = shown.map(({ line, message }) => `Line ${line}: ${clip(message.trim(), 300)}`);
    return { count: error.details.length, problems };
  }
}

/** Report on a document: what it contains, then the same with what the schema says, which can take long. */
function* check(bytes, isText, tools) {
  const bad = (verdict, more) => ({ kind: "bad", verdict, tables: [], unusual: [], ...more });
  if (bytes.length > LIMIT) return yield bad("Not checked: larger than 10 MiB");
  const [, what, advice] = beginning(bytes);
  let document;
  try {
    document = parse(tools.xml, bytes, isText);
  } catch (error) {
    const { line, col, message } = error.details?.find(({ level }) => level > 1) ?? {};
    if (!line) throw error;
    const problem = `Line ${line}, column ${col}: ${clip(message.trim(), 300)}`;
    return yield bad(what ?? `Not well-formed XML: line ${line}, column ${col}`, { advice, problem, line });
  }
  if (document.dtd) { // its entities could make a text of any length, so nothing in the document is read
    const reason = "The sources show none. It can attack a parser, so the client rejects it too.";
    return yield bad(what ?? "Not read, because it has a document type declaration", { advice: advice ?? reason });
  }
  const report = { ...read(document.root, tools), advice }, { file } = report;
  if (!isText) report.facts.push(["Encoding", document.encoding ?? "UTF-8"]);
  if (!tools.schemas.has(file)) return yield report;
  yield { ...report, schema: { file, late: true } };
  report.schema = { file, ...compare(document, tools.schemas.get(file), tools.xml) };
  if (report.kind === "good" && report.schema.count) {
    Object.assign(report, { kind: "note", verdict: `${report.verdict}, with differences from the schema` });
  }
  yield report;
}

const prepared = prepare();
onmessage = async ({ data }) => {
  try {
    const tools = await prepared;
    postMessage({ started: true });
    const bytes = await new Blob([data]).slice(0, LIMIT + 1).arrayBuffer(); // of text, bytes or a file
    const reports = check(new Uint8Array(bytes), typeof data === "string", tools);
    for (const report of reports) postMessage({ report });
    postMessage({ done: true });
  } catch (error) {
    postMessage({ failed: String(error.message ?? error) });
  }
};
