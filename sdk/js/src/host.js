// What the engines do differently, and the way from the host's errors to those of tools.

import { Cancelled, Denied, Failed, InvalidArguments, Limit, NotFound, Unavailable } from "./errors.js";

/** Replaced by the build: `qjs` or `starlingmonkey`. */
const ENGINE = OPENCLAW_ENGINE;

/** A number of 64 bits for an interface: StarlingMonkey wants them as BigInt. */
export const u64 = (number) => (ENGINE === "qjs" ? number : BigInt(number));

/** No value for an interface. */
export const none = ENGINE === "qjs" ? null : undefined;

/** Gives handles back, in this order: what was made of another one goes first. The collector would follow no order. */
export function drop(...handles) {
  for (const handle of handles) handle[Symbol.dispose]?.();
}

/** What an interface's function failed with: StarlingMonkey wraps it. */
export const reason = (thrown) => thrown?.payload ?? thrown;

/** Runs `call`, whose errors are those of `openclaw:types`, and throws the tool's error of the same kind. */
export function asTool(call) {
  try {
    return call();
  } catch (thrown) {
    throw toolError(reason(thrown));
  }
}

function toolError(error) {
  switch (error?.tag) {
    case "denied":
      return new Denied(error.val.code, error.val.reason);
    case "limit":
      return new Limit(error.val);
    case "invalid":
      return new InvalidArguments(error.val);
    case "unavailable":
      return new Unavailable(error.val);
    case "cancelled":
      return new Cancelled();
    case "not-found":
      return new NotFound(error.val);
    case "other":
      return new Failed(error.val);
    default:
      return error;
  }
}
