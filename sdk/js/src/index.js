// The parts of a component that need no host: tools, schemas and errors. Types and docs are in index.d.ts.

export { Cancelled, Denied, Failed, InvalidArguments, Limit, NotFound, ToolError, Unavailable } from "./errors.js";
export { array, boolean, integer, number, object, oneOf, optional, string } from "./schema.js";
export { scope } from "./scope.js";

import { InvalidArguments, NotFound } from "./errors.js";
import { object } from "./schema.js";

export function tool({ name, description, input = object({}), untrustedOutput = false, run }) {
  return { name, description, input, untrustedOutput, run };
}

export function component({ name, version, summary, scopes = [], tools }) {
  return { name, version, summary, scopes, tools, call: (tool, args) => call(tools, tool, args) };
}

function call(tools, name, args) {
  const tool = tools.find((tool) => tool.name === name);
  if (!tool) throw new NotFound(`this component has no tool \`${name}\``);
  // Some models send nothing at all to a tool whose arguments are all optional.
  const given = parse(name, args.trim() === "" ? "{}" : args);
  const result = tool.run(tool.input.read(given, ""));
  return typeof result === "string" ? result : JSON.stringify(result);
}

function parse(name, args) {
  try {
    return JSON.parse(args);
  } catch (error) {
    throw new InvalidArguments(`the arguments of \`${name}\` are not JSON: ${error.message}`);
  }
}
