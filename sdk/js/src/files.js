// Whole files of the agent's workspace, through WASI.

import { getDirectories } from "wasi:filesystem/preopens@0.2.0";

import { concat } from "./bytes.js";
import { Denied, Failed, InvalidArguments, NotFound } from "./errors.js";
import { drop, reason, u64 } from "./host.js";
import { decode, encode } from "./text.js";

const WORKSPACE = "/workspace";
const CHUNK_BYTES = 64 * 1024;

export function read(path) {
  return opened("read", path, {}, { read: true }, (file) => {
    const chunks = [];
    let length = 0;
    for (let end = false; !end; ) {
      const [chunk, last] = file.read(u64(CHUNK_BYTES), u64(length));
      chunks.push(chunk);
      length += chunk.length;
      end = last || chunk.length === 0;
    }
    return concat(chunks, length);
  });
}

export function readText(path) {
  const text = decode(read(path));
  if (text === undefined) throw new InvalidArguments(`\`${path}\` is not text in UTF-8`);
  return text;
}

export function write(path, content) {
  const bytes = encode(content);
  opened("write", path, { create: true, truncate: true }, { write: true }, (file) => {
    for (let at = 0; at < bytes.length; ) {
      at += Number(file.write(bytes.subarray(at, at + CHUNK_BYTES), u64(at)));
    }
  });
}

function opened(what, path, how, rights, use) {
  const granted = getDirectories().find(([, name]) => name === WORKSPACE);
  if (!granted) throw new Denied("E_POLICY_DENY", "the workspace is not granted to this component");
  try {
    const file = granted[0].openAt({ symlinkFollow: true }, path, how, rights);
    try {
      return use(file);
    } finally {
      drop(file);
    }
  } catch (thrown) {
    throw failure(what, path, reason(thrown));
  }
}

function failure(what, path, code) {
  if (code === "no-entry") return new NotFound(`there is no file \`${path}\``);
  if (code === "access" || code === "not-permitted" || code === "read-only") {
    return new Denied("E_POLICY_DENY", `to ${what} \`${path}\` is not permitted`);
  }
  return typeof code === "string" ? new Failed(`cannot ${what} \`${path}\`: ${code}`) : code;
}
