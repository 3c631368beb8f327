// UTF-8. QuickJS has no TextEncoder and TextDecoder; these do what those would.

/** Code units that are made a string at once: an argument each. */
const RUN = 4096;

/** The bytes of a text; bytes stay as they are. */
export function encode(text) {
  if (typeof text !== "string") return text;
  const bytes = [];
  for (const character of text) {
    const code = character.codePointAt(0);
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code));
    else if (code < 0x10000) {
      // Half of a pair stands for nothing.
      const whole = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
      bytes.push(0xe0 | (whole >> 12), tail(whole >> 6), tail(whole));
    } else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code));
  }
  return new Uint8Array(bytes);
}

const tail = (bits) => 0x80 | (bits & 0x3f);

/** The text of bytes; `undefined` if they are no UTF-8. */
export function decode(bytes) {
  return decoded(bytes, () => undefined);
}

/** The text of bytes; what is no UTF-8 becomes U+FFFD. */
export function decodeLossy(bytes) {
  return decoded(bytes, () => 0xfffd);
}

function decoded(bytes, instead) {
  const parts = [];
  let units = [];
  for (let at = 0; at < bytes.length; ) {
    let [code, length] = character(bytes, at);
    if (code === undefined) {
      code = instead();
      if (code === undefined) return undefined;
    }
    at += length;
    if (code < 0x10000) units.push(code);
    else units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff));
    if (units.length >= RUN) {
      parts.push(String.fromCharCode(...units));
      units = [];
    }
  }
  return parts.join("") + String.fromCharCode(...units);
}

/** Bytes that follow a first byte, and the smallest code that needs them. */
const FORMS = [
  { mask: 0x80, mark: 0, more: 0, least: 0 },
  { mask: 0xe0, mark: 0xc0, more: 1, least: 0x80 },
  { mask: 0xf0, mark: 0xe0, more: 2, least: 0x800 },
  { mask: 0xf8, mark: 0xf0, more: 3, least: 0x10000 },
];

/** The code at a place, none if there is none, and how many bytes it takes. */
function character(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return [first, 1];
  const form = FORMS.find(({ mask, mark }) => (first & mask) === mark);
  if (!form) return [undefined, 1];
  let code = first & ~form.mask;
  for (let index = 1; index <= form.more; index += 1) {
    const byte = bytes[at + index];
    if (byte === undefined || (byte & 0xc0) !== 0x80) return [undefined, index];
    code = (code << 6) | (byte & 0x3f);
  }
  const valid = code >= form.least && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return [valid ? code : undefined, form.more + 1];
}
