// What the owner wrote down for this component, under `components.NAME.config`. Needs no scope. Throws `Failed` if it cannot be read.

/** One setting; `undefined` if there is none of this name. */
export function get(key: string): string | undefined;
/** All settings. */
export function getAll(): Record<string, string>;
