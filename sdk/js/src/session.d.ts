// The run that the current call serves. Needs no scope.

export function info(): { runId: string; sessionKey: string; agentId: string; origin: string };
/** What is left to the call; `effects` is what the host will still do for it. */
export function budget(): { cpuMs: number; memoryBytes: number; effects: number };
/** Whether the owner has stopped the run. A long computation asks from time to time. */
export function isCancelled(): boolean;
/** Tells people how far the call is, in at most 512 bytes and at most 64 times a call; more is dropped. */
export function progress(note: string, percent?: number): void;
