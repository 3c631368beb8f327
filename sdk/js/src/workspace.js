// What WASI's files lack: parts of files, several changes at once, searches.

import * as files from "openclaw:workspace/files@0.1.0";

import { asTool, none, u64 } from "./host.js";
import { encode } from "./text.js";

export function readRange(path, { offset = 0, maxBytes = 4 * 1024 * 1024 } = {}) {
  const { bytes, size } = asTool(() => files.readRange(path, u64(offset), u64(maxBytes)));
  return { bytes: new Uint8Array(bytes), size: Number(size) };
}

export function commit({ put = {}, remove = [] }) {
  const puts = Object.entries(put).map(([path, content]) => ({ tag: "put", val: [path, encode(content)] }));
  asTool(() => files.commit([...puts, ...remove.map((path) => ({ tag: "remove", val: path }))]));
}

export const listDirectory = (path = "", limit = 1000) => listed(asTool(() => files.listDirectory(path, limit)));

export const glob = (pattern, limit = 1000) => listed(asTool(() => files.glob(pattern, limit)));

export const grep = (pattern, { glob, limit = 1000 } = {}) => asTool(() => files.grep(pattern, glob ?? none, limit));

const listed = ({ entries, more }) => ({ entries: entries.map((it) => ({ ...it, size: Number(it.size) })), more });
