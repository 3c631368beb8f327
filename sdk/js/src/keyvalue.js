// Key-value stores of the component's own.

import { increment } from "wasi:keyvalue/atomics@0.2.0-draft";
import { open as opened } from "wasi:keyvalue/store@0.2.0-draft";

import { Denied, Failed, NotFound } from "./errors.js";
import { none, reason, u64 } from "./host.js";
import { decodeLossy, encode } from "./text.js";

export function open(name) {
  return new Store(use(() => opened(name)));
}

class Store {
  #bucket;

  constructor(bucket) {
    this.#bucket = bucket;
  }

  get(key) {
    const value = use(() => this.#bucket.get(key)) ?? undefined;
    return value && new Uint8Array(value);
  }

  getText(key) {
    const value = this.get(key);
    return value && decodeLossy(value);
  }

  set(key, value) {
    use(() => this.#bucket.set(key, encode(value)));
  }

  delete(key) {
    use(() => this.#bucket.delete(key));
  }

  keys() {
    const keys = [];
    for (let cursor = none; ; ) {
      const page = use(() => this.#bucket.listKeys(cursor));
      keys.push(...page.keys);
      cursor = page.cursor;
      if (cursor === undefined || cursor === null) return keys;
    }
  }

  increment(key, delta = 1) {
    return Number(use(() => increment(this.#bucket, key, u64(delta))));
  }
}

function use(call) {
  try {
    return call();
  } catch (thrown) {
    const error = reason(thrown);
    switch (error?.tag) {
      case "no-such-store":
        throw new NotFound("there is no such store");
      case "access-denied":
        // `wasi:keyvalue` has no place for the host's codes; a refusal gets the general one.
        throw new Denied("E_POLICY_DENY", "the store is not granted to this component");
      case "other":
        throw new Failed(error.val);
      default:
        throw error;
    }
  }
}
