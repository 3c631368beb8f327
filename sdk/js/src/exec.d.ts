// Programs of the host's machine. Needs an `exec` scope; each program waits for the owner where policy asks.

/** How a program ended. */
export type End = { tag: "code" | "signal"; val: number } | { tag: "timed-out" | "memory-limit" };

/**
 * Runs a program to its end, without a shell. `cwd` is relative to the workspace. A program that fails is no error: see `end`.
 * Throws `Denied`, `InvalidArguments`, `NotFound`, `Limit` or `Cancelled`.
 */
export function run(
  argv: string[],
  options?: { cwd?: string; stdin?: string | Uint8Array; timeoutSeconds?: number; maxOutputBytes?: number },
): { end: End; stdout: string; stderr: string; durationMs: number };
