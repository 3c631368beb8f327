// The scopes that a component asks for, in the form of `openclaw:manifest`. Types and docs are in index.d.ts.

const folder = (name, access = "read") => ({ tag: "fs", val: { folder: name, access } });

export const scope = {
  workspace: (access = "read") => folder("workspace", access),
  folder,
  http: (pattern, methods, paths = []) => ({ tag: "http", val: { pattern, methods, paths } }),
  exec: (...argv) => ({ tag: "exec", val: argv }),
  net: (pattern) => ({ tag: "net", val: pattern }),
  secret: (name, { reveal = false } = {}) => ({ tag: "secret", val: { name, reveal } }),
  store: (name) => ({ tag: "kv", val: name }),
  model: (alias = "default") => ({ tag: "llm", val: alias }),
  messages: () => ({ tag: "message", val: "session" }),
  sessions: (access = "read") => ({ tag: "sessions", val: access }),
};
