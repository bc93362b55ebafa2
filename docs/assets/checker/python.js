// How Python writes values: the checker shows what the client returns or raises, letter by letter.

// Of the Unicode characters that are no ASCII, Python escapes these in repr().
const UNPRINTABLE = /[\p{C}\p{Z}]/u;
const ESCAPES = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

function hex(character) {
  const code = character.codePointAt(0);
  const digits = code.toString(16);
  if (code < 0x100) return `\\x${digits.padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}

function quoted(text, isPrintable) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let written = "";
  for (const character of text) {
    if (character === quote) written += `\\${quote}`;
    else if (character in ESCAPES) written += ESCAPES[character];
    else if (character >= " " && character < "\x7f") written += character;
    else written += isPrintable(character) ? character : hex(character);
  }
  return quote + written + quote;
}

export const ascii = (text) => quoted(text, () => false);
export const repr = (text) => quoted(text, (character) => character > "\x7f" && !UNPRINTABLE.test(character));
export const list = (items) => `[${items.join(", ")}]`;

/** datetime in UTC: seconds are left out where they are 0, as Python does. */
export function datetime(seconds) {
  const date = new Date(seconds * 1000);
  const parts = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes()];
  if (date.getUTCSeconds()) parts.push(date.getUTCSeconds());
  return `datetime.datetime(${parts.join(", ")}, tzinfo=datetime.timezone.utc)`;
}
