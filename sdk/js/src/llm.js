// Questions to a language model.

import { complete as ask } from "openclaw:llm/llm@0.1.0";

import { asTool } from "./host.js";

export function complete(text, { system = "", model = "default", maxTokens = 1024 } = {}) {
  const answer = asTool(() => ask({ model, system, messages: [{ role: "user", text }], maxTokens }));
  return { ...answer, inputTokens: Number(answer.inputTokens), outputTokens: Number(answer.outputTokens) };
}
