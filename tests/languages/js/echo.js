// Gives a text back: what a call of a JavaScript guest costs.

const INPUT = { type: "object", properties: { text: { type: "string" } }, required: ["text"], additionalProperties: false };

export const guest = {
  describe() {
    const tool = { name: "echo_js", description: "Gives a text back.", inputSchema: JSON.stringify(INPUT), untrustedOutput: false };
    return { name: "echo-js", version: "0.1.0", summary: "Gives a text back.", tools: [tool], scopes: [] };
  },

  invoke(call) {
    return JSON.parse(call.arguments).text;
  },
};
