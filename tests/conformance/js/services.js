// Uses once what the SDK for JavaScript offers beyond the conformance component.

import { component, scope, tool } from "openclaw-sdk";
import * as config from "openclaw-sdk/config";
import * as exec from "openclaw-sdk/exec";
import * as keyvalue from "openclaw-sdk/keyvalue";
import * as llm from "openclaw-sdk/llm";
import * as message from "openclaw-sdk/message";
import * as session from "openclaw-sdk/session";
import * as workspace from "openclaw-sdk/workspace";

const services = tool({
  name: "services",
  description: "Uses each service once.",
  run: () => {
    const program = exec.run(["echo", "tea"]);
    message.send("the tea is ready");
    const answer = llm.complete("say hello", { maxTokens: 50 });
    const store = keyvalue.open("cache");
    store.set("k", "v");
    const counted = [store.increment("n", 2), store.increment("n")];
    const keys = store.keys();
    store.delete("k");
    workspace.commit({ put: { "a/b.txt": "milk\ntea\n", "c.txt": "x" } });
    workspace.commit({ remove: ["c.txt"] });
    const part = workspace.readRange("a/b.txt", { offset: 5, maxBytes: 3 });
    const { hits } = workspace.grep("t.a", { glob: "**/*.txt" });
    return {
      program: [program.end.val, program.stdout],
      answer: [answer.text, answer.cut],
      store: [counted, keys, store.keys()],
      part: [String.fromCharCode(...part.bytes), part.size],
      listed: workspace.listDirectory("a").entries.map(({ path, size }) => [path, size]),
      found: workspace.glob("**/*.txt").entries.map(({ path }) => path),
      hits: hits.map(({ path, line, text }) => [path, line, text]),
      settings: config.getAll(),
      run: [session.info().origin, session.budget().effects > 0, session.isCancelled()],
    };
  },
});

export default component({
  name: "services",
  version: "0.1.0",
  summary: "Uses the services of the host.",
  scopes: [
    scope.workspace("read-write"),
    scope.exec("echo", "*"),
    scope.model(),
    scope.messages(),
    scope.store("cache"),
  ],
  tools: [services],
});
