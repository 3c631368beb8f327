// What WASI's files lack: parts of files, several changes at once, searches. Needs an `fs` scope. Paths are relative to the workspace.
// Each function throws `NotFound`, `Denied`, `Limit` or `InvalidArguments`.

export interface Entry {
  path: string;
  kind: "file" | "directory" | "link" | "special";
  /** Bytes, for regular files; else 0. */
  size: number;
}

/** At most `maxBytes` (4 MiB at most) from `offset`, and the whole file's size. */
export function readRange(path: string, options?: { offset?: number; maxBytes?: number }): { bytes: Uint8Array; size: number };
/** Replaces and removes all of these files or none; missing directories are made. At most 256 changes, 16 MiB together. */
export function commit(changes: { put?: Record<string, string | Uint8Array>; remove?: string[] }): void;
/** One directory; the workspace if not said. `more` says that there are more than `limit`, 1,000 if not said. */
export function listDirectory(path?: string, limit?: number): { entries: Entry[]; more: boolean };
/** Files and directories by pattern (`*`, `?`, `[…]`, `{a,b}`, `**`). */
export function glob(pattern: string, limit?: number): { entries: Entry[]; more: boolean };
/** Lines by regular expression, in files whose path matches `glob`. */
export function grep(
  pattern: string,
  options?: { glob?: string; limit?: number },
): { hits: { path: string; line: number; text: string }[]; more: boolean };
