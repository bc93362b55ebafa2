// The few functions of libxml2 that the checker calls, and the few fields of its structures that it reads.
// The library is C compiled to WebAssembly: a pointer is a number, and memory is freed by hand.

import load from "./libxml2-wasm/libxml2raw.js";

const ELEMENT = 1, TEXT = 3, ENTITY_REFERENCE = 5; // xmlElementType; a CDATA section is parsed as text

// What the Python client tells lxml, as flags of xmlParserOption: no entity is replaced, nothing is loaded, CDATA is text,
// and the limits on depth and length stay. Comments are left out in `text`, since no flag takes them away.
const OPTIONS = (1 << 11) | (1 << 14) | (1 << 22) | (1 << 23); // NONET, NOCDATA, BIG_LINES, NO_XXE

export const UNSUPPORTED_ENCODING = 32; // XML_ERR_UNSUPPORTED_ENCODING
const KEPT = 20; // problems of a document that are kept: there may be a million

const lib = await load();
lib._xmlInitParser();

const word = (address) => lib.HEAP32[address >> 2];
const string = (address) => (address ? lib.UTF8ToString(address) : "");

// Errors arrive one by one, by a callback from C.
let problems;
const collect = lib.addFunction((_context, error) => {
  const level = word(error + 12);
  problems.last = level;
  if (level < 2) return; // a warning
  problems.count += 1;
  if (problems.list.length < KEPT) {
    problems.list.push({ code: word(error + 4), line: word(error + 20), column: word(error + 40), reason: string(word(error + 8)).trim() });
  }
}, "vii");

function collecting(work) {
  problems = { list: [], count: 0, last: 0 };
  const result = work();
  return [result, problems];
}

function withMemory(bytes, work) {
  const address = lib._malloc(bytes.length + 1);
  if (!address) throw new Error("out of memory");
  lib.HEAPU8.set(bytes, address);
  lib.HEAPU8[address + bytes.length] = 0;
  const result = work(address);
  lib._free(address);
  return result;
}

/** The encoding that is known before the declaration is read, or none. */
function encodingOf(bytes, isText) {
  if (isText) return "UTF-8";
  // libxml2 takes this mark for the one of UTF-16; lxml looks for it, and so do we.
  const mark = [...bytes.subarray(0, 4)].join();
  return { "255,254,0,0": "UTF-32LE", "0,0,254,255": "UTF-32BE" }[mark];
}

/** Parse bytes. `isText` says that they are UTF-8, whatever their declaration says. Free the document when done. */
export function parse(bytes, isText) {
  const encoding = encodingOf(bytes, isText);
  const body = encoding?.startsWith("UTF-32") ? bytes.subarray(4) : bytes;
  const [pointer, found] = collecting(() => {
    const context = lib._xmlNewParserCtxt();
    lib._xmlCtxtSetErrorHandler(context, collect, 0);
    const document = withMemory(body, (start) => withMemory(new TextEncoder().encode(encoding), (name) =>
      lib._xmlCtxtReadMemory(context, start, body.length, 0, encoding ? name : 0, OPTIONS)));
    lib._xmlFreeParserCtxt(context);
    return document;
  });
  // As lxml sees it, a document that libxml2 could read is refused too, where the last thing it says is an error: a
  // prefix without a namespace is one.
  const wellFormed = pointer !== 0 && found.last < 2;
  return {
    pointer,
    wellFormed,
    problem: wellFormed ? null : found.list[0] ?? { code: 0, line: 1, column: 1, reason: "no document" },
    get root() { return lib._xmlDocGetRootElement(pointer); },
    get hasTypeDeclaration() { return lib._xmlGetIntSubset(pointer) !== 0; },
    get encoding() { return string(word(pointer + 60)); },
    free() { if (pointer) lib._xmlFreeDoc(pointer); },
  };
}

// Names are stored once for a document: a million elements have few of them.
const names = new Map();
export const forgetNames = () => names.clear();

/** The name as lxml writes it: {namespace}name. */
export function tag(element) {
  const namespace = word(element + 36), name = word(element + 8);
  const key = namespace ? `${namespace} ${name}` : name;
  let found = names.get(key);
  if (found === undefined) {
    found = namespace ? `{${string(word(namespace + 8))}}${string(name)}` : string(name);
    names.set(key, found);
  }
  return found;
}

/** The child elements; an entity that stands for nothing known counts as one, as in lxml. */
export function* elements(parent) {
  for (let node = word(parent + 12); node; node = word(node + 24)) {
    const type = word(node + 4);
    if (type === ELEMENT || type === ENTITY_REFERENCE) yield node;
  }
}

export const hasElements = (parent) => !elements(parent).next().done;

function* texts(parent) {
  for (let node = word(parent + 12); node; node = word(node + 24)) {
    if (word(node + 4) === TEXT) yield string(word(node + 40));
  }
}

/** The text that stands directly in an element; comments and instructions in it are left out. */
export const text = (parent) => [...texts(parent)].join("");

/** Each of these texts that is more than white space, without that at its ends. */
export const looseTexts = (parent) => [...texts(parent)].map((found) => found.trim()).filter(Boolean);

export const attributeNames = (element) => {
  const found = [];
  for (let node = word(element + 44); node; node = word(node + 24)) found.push(tag(node));
  return found;
};

/** Compile a schema. Nothing frees it: it lives as long as the worker. */
export function schema(bytes) {
  const document = parse(bytes, false);
  const context = lib._xmlSchemaNewDocParserCtxt(document.pointer);
  const compiled = lib._xmlSchemaParse(context);
  if (!compiled) throw new Error("the schema cannot be read");
  return (validated) => {
    const [status, found] = collecting(() => {
      const validation = lib._xmlSchemaNewValidCtxt(compiled);
      lib._xmlSchemaSetValidStructuredErrors(validation, collect, 0);
      const status = lib._xmlSchemaValidateDoc(validation, validated.pointer);
      lib._xmlSchemaFreeValidCtxt(validation);
      return status;
    });
    const verdict = status === 0 ? "agrees" : status > 0 ? "differs" : "unknown";
    return { verdict, problems: found.list, count: found.count };
  };
}
