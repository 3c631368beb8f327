// Questions to a language model. Needs an `llm` scope.

/**
 * Asks the model and waits for its whole answer. At most 8 questions a call. `model` is an alias, `default` if not said; `cut` says
 * that the answer ended at `maxTokens`, 1,024 if not said. Throws `Denied`, `Limit`, `Unavailable` or `Cancelled`.
 */
export function complete(
  text: string,
  options?: { system?: string; model?: string; maxTokens?: number },
): { text: string; inputTokens: number; outputTokens: number; cut: boolean };
