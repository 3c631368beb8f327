// The component `{{name}}`: what it is called, what it asks for, and its tools.

import { InvalidArguments, component, object, scope, string, tool } from "openclaw-sdk";
import { readText } from "openclaw-sdk/files";

const greet = tool({
  name: "{{tool}}",
  description: "Greets whoever a file of the workspace names.",
  input: object({ path: string("File with the name of whoever is greeted; a path relative to the workspace.") }),
  run: ({ path }) => greeting(readText(path)),
});

function greeting(text: string): string {
  const name = text.trim();
  if (name === "") throw new InvalidArguments("the file names nobody");
  return `Hello, ${name}!`;
}

export default component({
  name: "{{name}}",
  version: "0.1.0",
  summary: "Greets people.",
  scopes: [scope.workspace()],
  tools: [greet],
});
