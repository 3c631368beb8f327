// Other conversations, and sub-agents. Needs a `sessions` scope; a sub-agent reaches only itself and those that it has started. Each
// function throws `Denied`, `InvalidArguments`, `NotFound`, `Limit` or `Cancelled`.

export interface Session {
  key: string;
  /** What it is called; may be empty. */
  title: string;
  /** When something was last said in it, in milliseconds since 1970. */
  updatedMs: number;
  /** Where its latest task stands; empty without one. */
  state: "" | "queued" | "running" | "done" | "failed" | "cancelled" | "lost";
}

export interface Page {
  /** In the order in which it was said. */
  entries: { role: "user" | "assistant" | "tool" | "host"; text: string }[];
  /** Where the page before ends; `undefined` if this is the first. */
  before: number | undefined;
}

/** Work that was handed over: the conversation that does it, and the task by which the owner finds it. */
export interface Started {
  key: string;
  task: string;
}

/** Those that the run's own conversation has started, the latest first; at most `limit`, 20 if not said, 100 at most. */
export function children(limit?: number): Session[];
/** All of them, the latest first. */
export function all(limit?: number): Session[];
/** The last messages of one, or those before a place. */
export function history(key: string, options?: { limit?: number; before?: number }): Page;
/** Says something in one and returns at once: the answer comes into the run's own conversation later. */
export function send(key: string, text: string): Started;
/**
 * Starts a sub-agent, which knows nothing but its task, and returns at once: the result comes into the run's own conversation later.
 * `tools` are the only ones that it may use, all of the run if not said; `seconds` is how long it may work.
 */
export function spawn(task: string, options?: { label?: string; tools?: string[]; seconds?: number }): Started;
