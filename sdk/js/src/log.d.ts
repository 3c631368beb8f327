// Lines for the host's log: at most 256 a call, escaped; more are dropped. Needs no scope.
// `context` says what part of the component speaks.

/** For who looks for a fault. */
export function debug(message: string, context?: string): void;
/** What is normal and worth a line. */
export function info(message: string, context?: string): void;
/** What is not right but was dealt with. */
export function warn(message: string, context?: string): void;
/** What failed. */
export function error(message: string, context?: string): void;
