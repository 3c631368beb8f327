// Key-value stores of the component's own. Needs a `kv` scope.

/** Opens a store. Throws `Denied` if it is not granted. */
export function open(name: string): Store;

/** An open store. Each method throws `Failed` if a limit is reached or the store fails. */
export interface Store {
  /** The value of a key; `undefined` if there is none. */
  get(key: string): Uint8Array | undefined;
  /** The same as text. */
  getText(key: string): string | undefined;
  /** Sets a key. When this returns, the value is on disk. */
  set(key: string, value: string | Uint8Array): void;
  /** Removes a key; removing an absent one is no error. */
  delete(key: string): void;
  /** All keys. */
  keys(): string[];
  /** Adds to the number under a key, which starts as 0, and gives the sum. No other call can get between. */
  increment(key: string, delta?: number): number;
}
