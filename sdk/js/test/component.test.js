import assert from "node:assert/strict";
import { test } from "node:test";

import {
  InvalidArguments, NotFound, array, boolean, component, integer, number, object, oneOf, optional, string, tool,
} from "../src/index.js";

const echo = tool({
  name: "echo",
  description: "Gives its arguments back.",
  input: object({
    text: string("Any text."),
    count: optional(integer("A number.")),
    of: optional(object({ kind: oneOf(["a", "b"]), sizes: array(number()) })),
    loud: optional(boolean()),
  }),
  run: (args) => args,
});
const mine = component({ name: "mine", version: "0.1.0", summary: "Mine.", tools: [echo] });

test("a schema says what it reads", () => {
  assert.deepEqual(echo.input.json, {
    type: "object",
    additionalProperties: false,
    properties: {
      text: { description: "Any text.", type: "string" },
      count: { description: "A number.", type: ["integer", "null"] },
      of: {
        type: ["object", "null"],
        additionalProperties: false,
        properties: {
          kind: { type: "string", enum: ["a", "b"] },
          sizes: { type: "array", items: { type: "number" } },
        },
        required: ["kind", "sizes"],
      },
      loud: { type: ["boolean", "null"] },
    },
    required: ["text"],
  });
});

test("a call gets its arguments, and gives text or JSON", () => {
  const called = JSON.parse(mine.call("echo", '{"text":"t","count":null,"of":{"kind":"a","sizes":[1.5]}}'));
  assert.deepEqual(called, { text: "t", of: { kind: "a", sizes: [1.5] } });
});

test("arguments that do not fit are named", () => {
  const cases = [
    ["{", "are not JSON"],
    ["", "`text` is missing"],
    ["[]", "the arguments must be an object"],
    ['{"text":1}', "`text` must be a value of the type string"],
    ['{"text":"","count":1.5}', "`count`"],
    ['{"text":"","more":1}', "no argument `more`"],
    ['{"text":"","of":{"kind":"c","sizes":[]}}', "`of.kind` must be one of a, b"],
    ['{"text":"","of":{"kind":"a","sizes":[1,"x"]}}', "`of.sizes[1]`"],
  ];
  for (const [args, why] of cases) {
    assert.throws(() => mine.call("echo", args), (error) => {
      assert.ok(error instanceof InvalidArguments && error.message.includes(why), `${args}: ${error.message}`);
      return true;
    });
  }
});

test("a tool that is not there is not found", () => {
  assert.throws(() => mine.call("other", "{}"), NotFound);
});
