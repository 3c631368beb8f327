// Programs of the host's machine.

import { run as started } from "openclaw:exec/exec@0.1.0";

import { asTool, none, u64 } from "./host.js";
import { decodeLossy, encode } from "./text.js";

export function run(argv, { cwd, stdin, timeoutSeconds = 60, maxOutputBytes = 64 * 1024 } = {}) {
  const command = {
    argv,
    cwd: cwd ?? none,
    env: [],
    stdin: stdin === undefined ? none : encode(stdin),
    timeoutMs: u64(Math.round(timeoutSeconds * 1000)),
    maxOutputBytes: u64(maxOutputBytes),
  };
  const { end, stdout, stderr, durationMs } = asTool(() => started(command));
  return { end, stdout: decodeLossy(stdout), stderr: decodeLossy(stderr), durationMs: Number(durationMs) };
}
