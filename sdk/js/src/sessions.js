// Other conversations, and sub-agents.

import * as sessions from "openclaw:sessions/sessions@0.1.0";

import { asTool, none, u64 } from "./host.js";

export const children = (limit = 20) => listed(asTool(() => sessions.children(limit)));

export const all = (limit = 20) => listed(asTool(() => sessions.all(limit)));

export function history(key, { limit = 20, before } = {}) {
  const page = asTool(() => sessions.history(key, limit, before === undefined ? none : u64(before)));
  const end = page.before ?? undefined;
  return { entries: page.entries, before: end === undefined ? undefined : Number(end) };
}

export const send = (key, text) => asTool(() => sessions.send(key, text));

export const spawn = (task, { label = "", tools = [], seconds = 0 } = {}) =>
  asTool(() => sessions.spawn({ task, label, tools, seconds }));

const listed = (found) => found.map((it) => ({ ...it, updatedMs: Number(it.updatedMs) }));
