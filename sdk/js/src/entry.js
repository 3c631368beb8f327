// From a component to the exports that the host calls.

import { log } from "wasi:logging/logging@0.1.0-draft";

import { Cancelled, Denied, Failed, InvalidArguments, Limit, NotFound, ToolError, Unavailable } from "./errors.js";

export function guestOf(component) {
  return {
    describe() {
      const { name, version, summary, scopes } = component;
      const tools = component.tools.map(({ name, description, input, untrustedOutput }) => ({
        name,
        description,
        inputSchema: JSON.stringify(input.json),
        untrustedOutput,
      }));
      return { name, version, summary, tools, scopes };
    },

    invoke(call) {
      try {
        return component.call(call.tool, call.arguments);
      } catch (error) {
        if (error instanceof ToolError) throw variant(error);
        // Whatever else is thrown is a fault of the tool, and no error of the interface: both engines end the instance, which
        // the host reports as a crash. QuickJS has no console.
        log("error", call.tool, `${error}\n${error?.stack ?? ""}`);
        throw error;
      }
    },
  };
}

function variant(error) {
  if (error instanceof InvalidArguments) return { tag: "invalid-arguments", val: error.message };
  if (error instanceof Denied) return { tag: "denied", val: { code: error.code, reason: error.reason } };
  if (error instanceof NotFound) return { tag: "not-found", val: error.message };
  if (error instanceof Limit) return { tag: "limit", val: error.message };
  if (error instanceof Cancelled) return { tag: "cancelled" };
  if (error instanceof Unavailable) return { tag: "unavailable", val: error.message };
  return { tag: "failed", val: { message: error.message, sent: error instanceof Failed && error.sent } };
}
