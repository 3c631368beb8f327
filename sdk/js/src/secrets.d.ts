// Secrets of the owner's vault. Needs a `secret` scope.
// `Denied` for an unknown name, another component's secret and a missing grant alike.

/**
 * A text that stands for the secret in the value of an HTTP header or in the path of a request. The host
 * puts the secret in its place when it sends the request, and only to the servers that the owner named for it.
 */
export function placeholder(name: string): string;
/** The secret itself. Needs a scope with `reveal`, which the owner grants apart. */
export function reveal(name: string): string;
