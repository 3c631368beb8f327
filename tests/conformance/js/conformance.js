// The conformance component (tests/conformance/README.md), written with the SDK for JavaScript.

import {
  Cancelled, Denied, Failed, InvalidArguments, Limit, NotFound, Unavailable,
  array, component, integer, object, oneOf, optional, scope, string, tool,
} from "openclaw-sdk";
import * as config from "openclaw-sdk/config";
import * as files from "openclaw-sdk/files";
import * as http from "openclaw-sdk/http";
import * as keyvalue from "openclaw-sdk/keyvalue";
import * as log from "openclaw-sdk/log";
import * as secrets from "openclaw-sdk/secrets";
import * as session from "openclaw-sdk/session";

const WHY = "because of the test";
const MAX_BODY_BYTES = 64 * 1024;

const ERRORS = {
  "invalid-arguments": () => new InvalidArguments(WHY),
  denied: () => new Denied("E_TEST", WHY),
  "not-found": () => new NotFound(WHY),
  limit: () => new Limit(WHY),
  cancelled: () => new Cancelled(),
  unavailable: () => new Unavailable(WHY),
  failed: () => new Failed(WHY),
  "failed-after-sending": () => new Failed(WHY, { sent: true }),
};

const echo = tool({
  name: "echo",
  description: "Gives its arguments back.",
  input: object({
    text: string("Any text."),
    count: integer("Any whole number."),
    note: optional(string("Another text.")),
    tags: array(string(), "Any texts."),
  }),
  run: ({ text, count, note, tags }) => ({ text, count, note: note ?? null, tags }),
});

const fail = tool({
  name: "fail",
  description: "Ends with an error.",
  input: object({ kind: oneOf(Object.keys(ERRORS), "The error to end with.") }),
  run: ({ kind }) => {
    throw ERRORS[kind]();
  },
});

const writeFile = tool({
  name: "write_file",
  description: "Writes a file of the workspace.",
  input: object({ path: string("Path relative to the workspace."), text: string("The new text.") }),
  run: ({ path, text }) => {
    files.write(path, text);
    return "written";
  },
});

const readFile = tool({
  name: "read_file",
  description: "Reads a file of the workspace.",
  input: object({ path: string("Path relative to the workspace.") }),
  run: ({ path }) => files.readText(path),
});

const fetch = tool({
  name: "fetch",
  description: "Fetches a page.",
  input: object({ url: string("An absolute URL."), secret: optional(string("A secret to send in the header `x-key`.")) }),
  run: ({ url, secret }) => {
    const headers = secret === undefined ? {} : { "x-key": secrets.placeholder(secret) };
    const answer = http.get(url, { headers, maxBodyBytes: MAX_BODY_BYTES });
    return { status: answer.status, body: answer.text() };
  },
});

const setting = tool({
  name: "setting",
  description: "Reads a setting.",
  input: object({ key: string("Its name.") }),
  run: ({ key }) => config.get(key) ?? "not set",
});

const report = tool({
  name: "report",
  description: "Writes a line into the log and reports progress.",
  input: object({ message: string("What to report.") }),
  run: ({ message }) => {
    log.info(message, "conformance");
    session.progress(message, 50);
    return "reported";
  },
});

const remember = tool({
  name: "remember",
  description: "Gives what was remembered and remembers something else.",
  input: object({ key: string("A key of the store."), value: optional(string("Its new value.")) }),
  run: ({ key, value }) => {
    const store = keyvalue.open("cache");
    const before = store.getText(key);
    if (value !== undefined) store.set(key, value);
    return { before: before ?? null };
  },
});

const crash = tool({
  name: "crash",
  description: "Crashes.",
  run: () => {
    throw new Error(WHY);
  },
});

const flood = tool({
  name: "flood",
  description: "Gives a long text.",
  input: object({ bytes: integer("How many bytes.") }),
  run: ({ bytes }) => "x".repeat(bytes),
});

export default component({
  name: "conformance",
  version: "0.1.0",
  summary: "Does what every SDK must be able to do.",
  scopes: [
    scope.workspace("read-write"),
    scope.http("*", ["GET"]),
    scope.secret("canary"),
    scope.store("cache"),
  ],
  tools: [echo, fail, writeFile, readFile, fetch, setting, report, remember, crash, flood],
});
