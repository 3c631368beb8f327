// Whole files of the agent's workspace. Needs an `fs` scope. Paths are relative to the workspace.
// Each function throws `NotFound` if there is no such file, `Denied` if the host refuses, else `Failed`.

/** Reads a file. */
export function read(path: string): Uint8Array;
/** Reads a text; `InvalidArguments` if it is not UTF-8. */
export function readText(path: string): string;
/**
 * Creates or replaces a file; its directory is there already. It may be written in part; `commit` of `openclaw-sdk/workspace`
 * writes all or nothing.
 */
export function write(path: string, content: string | Uint8Array): void;
