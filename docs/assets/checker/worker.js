// The checker's work, away from the page: whatever a document does here, the page stays alive and can end it.

import { Raised, checkBytes, checkDocument, parseCallbackTypes, parseResponse, reprOfTypes } from "./client.js";
import { forgetNames, parse, schema } from "./libxml2.js";
import { describe, unusual } from "./describe.js";

const SHOWN = 200; // callback types that the page gets as a table; their text holds them all

const read = async (path) => {
  const answer = await fetch(new URL(path, import.meta.url));
  if (!answer.ok) throw new Error(`${path}: HTTP status ${answer.status}`);
  return answer;
};

async function prepare() {
  const facts = await (await read("facts.json")).json();
  for (const [name, pattern] of Object.entries(facts.patterns)) facts.patterns[name] = new RegExp(`^(?:${pattern})$`);
  const published = await (await read("../../xml/response.xsd")).arrayBuffer();
  return { facts, validate: schema(new Uint8Array(published)) };
}

/** What a function of the client returns, as text, or what it raises. */
function outcome(work) {
  try {
    return { returns: work() };
  } catch (error) {
    if (!(error instanceof Raised)) throw error;
    return { raises: error.exception, message: error.message, errors: error.errors };
  }
}

function check(source, { facts, validate }) {
  const isText = typeof source === "string";
  const bytes = isText ? new TextEncoder().encode(source) : source;
  const tooLarge = bytes.length > facts.maxBody;
  const document = tooLarge ? null : parse(bytes, isText);
  try {
    let types = [];
    const client = (work) => outcome(() => {
      checkBytes(bytes, facts);
      checkDocument(document, bytes, facts);
      return work(document.root);
    });
    const callbackTypes = client((root) => reprOfTypes((types = parseCallbackTypes(root, facts))));
    return {
      size: bytes.length,
      wellFormed: document && { yes: document.wellFormed, problem: document.problem },
      schema: document?.wellFormed ? validate(document) : { verdict: "unknown", problems: [], count: 0 },
      parseCallbackTypes: callbackTypes,
      parseResponse: client((root) => parseResponse(root, facts)),
      types: types.slice(0, SHOWN),
      typeCount: types.length,
      errors: (callbackTypes.errors ?? []).map(([code, message]) => ({ code, message, known: facts.codes[code] ?? [] })),
      says: document?.wellFormed ? describe(document, isText, facts) : {},
      unusual: unusual(source, bytes, document, types, callbackTypes.errors ?? [], facts),
    };
  } finally {
    document?.free();
    forgetNames();
  }
}

const ready = prepare();
ready.then(() => postMessage({ ready: true }), (error) => postMessage({ failed: String(error) }));
onmessage = async ({ data }) => {
  const prepared = await ready;
  try {
    postMessage({ number: data.number, verdict: check(data.source, prepared) });
  } catch (error) {
    postMessage({ number: data.number, failed: String(error) });
  }
};
