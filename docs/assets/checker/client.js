// What snippets/connect_api.py does with a body: the same checks in the same order, with the same messages.
// It is the one place where rules are written a second time; tests/test_checker_parity.py compares the two.

import { elements, hasElements, tag, text } from "./libxml2.js";
import * as python from "./python.js";

/** An exception of the client: its class, its text, and the pairs of a ServiceError. */
export class Raised extends Error {
  constructor(exception, message, errors = []) {
    super(message);
    this.exception = exception;
    this.errors = errors;
  }
}

function malformed(expected, found) {
  return new Raised("MalformedResponse", `expected ${expected}, found ${found.length > 60 ? `${found.slice(0, 60)}...` : found}`);
}

const declaredType = () => malformed("XML without a document type declaration", "one");

const SPACE = " \t\r\n"; // as in XML: a no-break space stays

// A loop, since a regular expression for the end of a text takes quadratic time in hostile ones.
export function strip(value) {
  let start = 0, end = value.length;
  while (start < end && SPACE.includes(value[start])) start += 1;
  while (end > start && SPACE.includes(value[end - 1])) end -= 1;
  return value.slice(start, end);
}

/** Refuse what the client refuses before it parses. */
export function checkBytes(bytes, facts) {
  if (bytes.length > facts.maxBody) throw new Raised("TransportError", `the body is larger than ${facts.maxBody} bytes`);
  // A character for each byte; which one does not matter above ASCII, but for the byte order mark.
  const characters = new TextDecoder("windows-1252").decode(bytes);
  const start = characters.replace(/^[ \t\n\r\f\v\xef\xbb\xbf]+/, "");
  if (/^<(!doctype[ \t\n\r\f\v]+html|html)\b/i.test(start)) throw malformed("an answer of the Connect API", "an HTML page");
  if (characters.replaceAll("\0", "").includes("<!DOCTYPE")) throw declaredType();
}

/** Refuse a document that is not well-formed, or is something else than an answer. */
export function checkDocument(document, bytes, facts) {
  if (!document.wellFormed) {
    const empty = bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
    throw malformed("well-formed XML", empty ? "an empty body" : `an error in line ${document.problem.line || 1}`);
  }
  if (document.hasTypeDeclaration) throw declaredType(); // in an encoding that `checkBytes` cannot look into
  const root = tag(document.root);
  if (root.toUpperCase() !== facts.root || /[^\0-\x7f]/.test(root)) {
    throw malformed(`the root element ${facts.root}`, python.ascii(root));
  }
}

function only(answer, name) {
  const found = answer.get(name) ?? [];
  if (found.length !== 1) throw malformed(`one element ${name}`, String(found.length || "none"));
  return found[0];
}

function plain(element) {
  if (hasElements(element)) throw malformed(`text in ${tag(element)}`, "elements");
  return strip(text(element));
}

const textOf = (answer, name) => plain(only(answer, name));

function errorsOf(answer, facts) {
  const codes = (answer.get("Error") ?? []).map(plain);
  const messages = (answer.get("Description") ?? []).map(plain);
  for (const code of codes) {
    if (!facts.patterns.ErrorCode.test(code)) throw malformed("three ASCII digits in Error", python.ascii(code));
  }
  if (!codes.length || codes.length !== messages.length) {
    throw malformed("an Error and a Description for each failure", `${codes.length} and ${messages.length}`);
  }
  return codes.map((code, place) => [code, messages[place]]);
}

function valuesOf(answer, facts) {
  const result = textOf(answer, "Result");
  if (result === "Error") {
    const errors = errorsOf(answer, facts);
    throw new Raised("ServiceError", errors.map(([code, message]) => `error ${code}: ${message}`).join("; "), errors);
  }
  if (result !== "Success") throw malformed("Success or Error in Result", python.ascii(result));
  return only(answer, "Values");
}

function rowsOf(values) {
  const rows = [];
  for (const value of elements(values)) {
    if (tag(value) !== "Value") continue;
    const fields = [...elements(value)];
    const row = new Map(fields.map((field) => [tag(field), strip(text(field))]));
    if (row.size !== fields.length) throw malformed("each element once in Value", "one of them repeated");
    if (fields.some(hasElements)) throw malformed("text in each element of Value", "elements");
    rows.push(row);
  }
  return rows;
}

function timestampOf(answer, facts) {
  const timestamp = textOf(answer, "Timestamp");
  if (!facts.patterns.UnixTime.test(timestamp)) throw malformed("seconds since 1970 in Timestamp", python.ascii(timestamp));
  return Number(timestamp);
}

function childrenOf(root) {
  const children = new Map();
  for (const child of elements(root)) {
    const name = tag(child);
    if (!children.has(name)) children.set(name, []);
    children.get(name).push(child);
  }
  return children;
}

/** `parse_response`, from the root on: what Python prints of the result. */
export function parseResponse(root, facts) {
  const answer = childrenOf(root);
  const rows = rowsOf(valuesOf(answer, facts));
  const timestamp = timestampOf(answer, facts);
  const action = textOf(answer, "Action");
  const values = rows.map((row) => `{${[...row].map(([name, value]) => `${python.repr(name)}: ${python.repr(value)}`).join(", ")}}`);
  return `Response(action=${python.repr(action)}, values=${python.list(values)}, timestamp=${python.datetime(timestamp)})`;
}

/** `parse_callback_types`, from the root on: pairs of id and name. */
export function parseCallbackTypes(root, facts) {
  const answer = childrenOf(root);
  const rows = rowsOf(valuesOf(answer, facts));
  timestampOf(answer, facts);
  const action = textOf(answer, "Action");
  if (action !== facts.action) throw malformed(`${facts.action} in Action`, python.ascii(action));
  return rows.map((row) => {
    const identifier = row.get("callback_type_id") ?? "", name = row.get("callback_type") ?? "";
    if (!facts.patterns.Identifier.test(identifier)) throw malformed("ASCII digits in callback_type_id", python.ascii(identifier));
    if (!name) throw malformed("text in callback_type", "none");
    return [String(BigInt(identifier)), name]; // up to 18 digits: more than a number of JavaScript holds
  });
}

export const reprOfTypes = (types) => python.list(types.map(([id, name]) => `CallbackType(id=${id}, name=${python.repr(name)})`));
