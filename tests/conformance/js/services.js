// The component `services` (tests/conformance/README.md), written with the SDK for JavaScript.

import { component, object, oneOf, scope, string, tool } from "openclaw-sdk";
import * as config from "openclaw-sdk/config";
import * as exec from "openclaw-sdk/exec";
import * as keyvalue from "openclaw-sdk/keyvalue";
import * as llm from "openclaw-sdk/llm";
import * as message from "openclaw-sdk/message";
import * as session from "openclaw-sdk/session";
import * as sessions from "openclaw-sdk/sessions";
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
    const own = session.info().sessionKey;
    const spawned = sessions.spawn("say hi", { label: "tea", tools: ["services"], seconds: 30 });
    const sent = sessions.send(spawned.key, "say more");
    const children = sessions.children();
    const last = sessions.history(own, { limit: 1 });
    const before = sessions.history(own, { limit: 100, before: last.before });
    return {
      program: [program.end.val, program.stdout],
      answer: [answer.text, answer.cut],
      store: [counted, keys, store.keys()],
      part: [String.fromCharCode(...part.bytes), part.size],
      listed: workspace.listDirectory("a").entries.map(({ path, size }) => [path, size]),
      found: workspace.glob("**/*.txt").entries.map(({ path }) => path),
      hits: hits.map(({ path, line, text }) => [path, line, text]),
      settings: config.getAll(),
      sessions: [
        children.length,
        children[0].title,
        children[0].key === spawned.key,
        sent.key === spawned.key,
        sent.task === spawned.task,
        sessions.all(100).some(({ key }) => key === own),
      ],
      said: before.entries.slice(0, 2).map(({ role, text }) => [role, text]),
      pages: [last.entries.length, last.before !== undefined, before.before !== undefined],
      run: [session.info().origin, session.budget().effects > 0, session.isCancelled()],
    };
  },
});

const CALLS = {
  run: (given) => exec.run(["echo", given]),
  ask: (given) => llm.complete("say hello", { model: given }),
  send: (given) => message.send(given),
  "read-range": (given) => workspace.readRange(given, { maxBytes: 1 }),
  commit: (given) => workspace.commit({ put: { [given]: "x" } }),
  grep: (given) => workspace.grep(given),
  history: (given) => sessions.history(given),
};

const attempt = tool({
  name: "attempt",
  description: "Makes one call.",
  input: object({ call: oneOf(Object.keys(CALLS), "Which."), given: string("What to give it.") }),
  run: ({ call, given }) => {
    CALLS[call](given);
    return "done";
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
    scope.sessions("read-write"),
  ],
  tools: [services, attempt],
});
