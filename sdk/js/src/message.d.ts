// Messages to people. Needs a `message` scope.

/**
 * Sends a text, at most 16 KiB, into the run's conversation, under the component's name. At most 8 a call. Throws `Denied`,
 * `InvalidArguments` or `Limit`.
 */
export function send(text: string): void;
