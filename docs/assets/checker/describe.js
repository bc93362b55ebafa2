// What a document says, and what is unusual about it, in words for a person. No verdict depends on this file.

import { strip } from "./client.js";
import { UNSUPPORTED_ENCODING, attributeNames, elements, looseTexts, tag, text } from "./libxml2.js";

const first = (root, name) => [...elements(root)].find((element) => tag(element) === name);
const textOf = (root, name) => {
  const element = first(root, name);
  return element && strip(text(element));
};

/** The instant of a Unix time as people write it. */
const dateOf = (seconds) => `${new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 19)} UTC`;

/** The parts of the answer that a person looks for first. */
export function describe(document, isText, facts) {
  const root = document.root;
  const timestamp = textOf(root, "Timestamp");
  return {
    root: tag(root),
    action: textOf(root, "Action"),
    result: textOf(root, "Result"),
    timestamp,
    date: timestamp && facts.patterns.UnixTime.test(timestamp) ? dateOf(Number(timestamp)) : undefined,
    encoding: isText ? "" : document.encoding, // of text, the browser knows it
  };
}

const quote = (value) => `“${value.length > 60 ? `${value.slice(0, 60)}…` : value}”`;
const several = (items) => (items.length > 5 ? `${items.slice(0, 5).join(", ")} and ${items.length - 5} more` : items.join(", "));

function repeated(values) {
  const seen = new Set(), twice = new Set();
  for (const value of values) (seen.has(value) ? twice : seen).add(value);
  return [...twice];
}

/** Walk the elements that the sources name, and note what else stands among them. */
function* foreign(root, facts) {
  const unknown = new Map(), attributes = new Set(), loose = new Set();
  (function walk(parent, known) {
    attributeNames(parent).forEach((name) => attributes.add(name));
    const inside = facts.elements[known];
    if (!inside) return;
    looseTexts(parent).forEach((words) => loose.add(words));
    for (const child of elements(parent)) {
      const name = tag(child);
      if (inside.includes(name)) walk(child, name);
      else unknown.set(`${name} in ${tag(parent)}`, (unknown.get(`${name} in ${tag(parent)}`) ?? 0) + 1);
    }
  })(root, "");
  if (unknown.size) {
    const found = [...unknown].map(([name, times]) => (times > 1 ? `${name} (${times} times)` : name));
    yield `No source names these elements: ${several(found)}. The client passes over them, the schema does not.`;
  }
  if (attributes.size) yield `No source prints an attribute. Here are: ${several([...attributes])}. The client passes over them.`;
  if (loose.size) {
    const dots = loose.has("...") ? " The specification’s sample has such dots for what it leaves out." : "";
    yield `Text stands between elements: ${several([...loose].map(quote))}. The client passes over it.${dots}`;
  }
}

function* aboutTheAnswer(document, types, errors, facts) {
  const root = document.root;
  const name = tag(root), result = textOf(root, "Result"), action = textOf(root, "Action"), timestamp = textOf(root, "Timestamp");
  if (name.toUpperCase() !== facts.root) yield `The root element is ${quote(name)}: this is no answer of the Connect API.`;
  else if (!facts.roots.includes(name)) yield `No source prints the root element as ${name}. The client accepts any mix of capitals, the schema does not.`;
  yield* foreign(root, facts);
  if (action !== undefined && action !== facts.action) yield `This answers ${quote(action)} and not ${facts.action}, the call of this site.`;
  if (result === "Success" && first(root, "Error")) yield "Result says Success, and yet there is an Error: the client goes by Result.";
  if (result === "Error" && first(root, "Values")) yield "Result says Error, and yet there are Values: the client goes by Result.";
  if (result === "Error" && timestamp !== undefined) yield "No source prints an error answer with a Timestamp, and none excludes it.";
  if (timestamp !== undefined && /^[0-9]{13}$/.test(timestamp)) {
    yield `The Timestamp has the length of milliseconds: it would be ${dateOf(Number(timestamp) / 1000)}. The documented unit is seconds.`;
  } else if (timestamp !== undefined && facts.patterns.UnixTime.test(timestamp) && timestamp * 1000 > Date.now() + 86_400_000) {
    yield `The Timestamp, ${dateOf(Number(timestamp))}, is in the future by the clock of your machine.`;
  }
  const said = new Set(); // there may be a hundred thousand errors, and each code is spoken of once
  for (const [code, message] of errors) {
    if (said.has(code)) continue;
    const known = facts.codes[code];
    if (known?.some((meaning) => meaning.message === message)) continue;
    said.add(code);
    if (!known) yield `No source lists error ${code}.`;
    else yield `The sources print another message for error ${code} than ${quote(message)}: go by both, code and message.`;
  }
  if (result === "Success" && first(root, "Values") && action === facts.action && first(first(root, "Values"), "Value") === undefined) {
    yield "The list is empty. No source says whether that can be.";
  }
  const twiceIds = repeated(types.map(([id]) => id)), twiceNames = repeated(types.map(([, typeName]) => typeName));
  if (twiceIds.length) yield `These ids stand there more than once: ${several(twiceIds)}. The client returns each of them.`;
  if (twiceNames.length) yield `These names stand there more than once: ${several(twiceNames.map(quote))}. The client returns each of them.`;
}

const DECLARED = /^\ufeff?<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]*)/;

// What stands where an answer is expected: by its first characters, which UTF-16 has with a null beside each.
const SKIPPED = new Set([0, 9, 10, 11, 12, 13, 32, 0xef, 0xbb, 0xbf, 0xfe, 0xff]);
const BEGINNINGS = [
  [/^$/, "It is empty or holds white space alone: see whether the whole body was stored or copied."],
  [/^<(!doctype\s+html|html|head|body)\b/i, "It begins as an HTML page does: look at the URL that was called, and at what stands between you and the service, such as a proxy."],
  [/^(\{\s*["}]|\[\s*[{["\]])/, "It begins as JSON does: the sources print answers in XML alone."],
  [/^&(lt|#60|#x3c);/i, "Its tags are written with entities, “&lt;” for “<”, as in a log or in the source of a web page: put the characters back, or take the body as it came."],
  [/^(HTTP\/\d|(connection|content-[a-z-]+|date|server|set-cookie|transfer-encoding|vary|x-[a-z-]+): )/i, "It begins with HTTP headers: check only the body, which comes after the first empty line."],
];

function beginning(bytes) {
  let start = 0;
  while (start < bytes.length && SKIPPED.has(bytes[start])) start += 1;
  const text = new TextDecoder().decode(bytes.subarray(start, start + 200)).replaceAll("\0", "");
  return BEGINNINGS.find(([pattern]) => pattern.test(text))?.[1];
}

/** Sentences about whatever an integrator would not expect. */
export function unusual(source, bytes, document, types, errors, facts) {
  const found = [beginning(bytes)].filter(Boolean);
  const declared = typeof source === "string" && DECLARED.exec(source)?.[1];
  if (declared && !/^utf-?8$/i.test(declared)) {
    found.push(`The declaration says ${declared}. What you paste is text that the browser has decoded, so it is read as UTF-8; choose the file to have its bytes read as declared.`);
  }
  if (!document) return found;
  if (document.pointer && document.hasTypeDeclaration) {
    found.push("It has a document type declaration. The client refuses each of them, and with it every entity and external file.");
  }
  if (document.problem?.code === UNSUPPORTED_ENCODING) {
    found.push("The library in your browser does not know this encoding. The one under the client knows more of them, so the client may read it.");
  }
  if (document.wellFormed) for (const sentence of aboutTheAnswer(document, types, errors, facts)) found.push(sentence);
  return found;
}
