import assert from "node:assert/strict";
import { test } from "node:test";

import { Denied, Failed, InvalidArguments, NotFound, Unavailable } from "openclaw-sdk";

import { type Entry, type Issue, encodedPath, refusal, repository, showFile, showFolder, showIssue, showIssues, textOf } from "./shape.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64").replace(/(.{60})/g, "$1\n");

const bug: Issue = {
  number: 7,
  title: "Crash\non start",
  state: "open",
  user: { login: "ada" },
  labels: [{ name: "bug" }, "old"],
  comments: 31,
  created_at: "2026-11-20T10:00:00Z",
  updated_at: "2026-11-21T10:00:00Z",
  closed_at: null,
  html_url: "https://github.com/o/r/issues/7",
  body: "It crashes.\r\nAlways.",
};

test("a repository is an owner and a name, and leads nowhere else", () => {
  assert.equal(repository(" rust-lang/cargo "), "rust-lang/cargo");
  for (const odd of ["cargo", "a/b/c", "a/..", "../b", "a/b?x", "a/b#", "/b", "a b/c", ""]) {
    assert.throws(() => repository(odd), InvalidArguments, odd);
  }
});

test("a path is encoded and stays in its repository", () => {
  assert.equal(encodedPath("/src/a b#?.rs/"), "src/a%20b%23%3F.rs");
  assert.equal(encodedPath(""), "");
  for (const odd of ["..", "a/../../b", "./a"]) assert.throws(() => encodedPath(odd), InvalidArguments, odd);
});

test("a list tells its place among the pages", () => {
  const merged = { ...bug, number: 8, user: null, state: "closed", labels: [], pull_request: { merged_at: "2026-11-21T11:00:00Z" } };
  assert.equal(
    showIssues([bug, merged], 5, 2, 2),
    "3 to 4 of 5; more on page 3\n#7 Crash on start [bug, old]\n   open, by ada, 31 comments, changed 2026-11-21\n" +
      "#8 Crash on start\n   merged, by ghost, 31 comments, changed 2026-11-21",
  );
  assert.match(showIssues([bug], 1, 1, 20), /^1 to 1 of 1\n/);
  assert.equal(showIssues([], 0, 1, 20), "nothing was found");
});

test("an issue is shown with its comments, and what is long is cut", () => {
  const long = { user: { login: "bo" }, created_at: "2026-11-21T12:00:00Z", body: "x".repeat(2001) };
  const shown = showIssue(bug, [long], 1, 30);
  assert.ok(shown.startsWith("#7 Crash on start [bug, old]\nissue, open, by ada on 2026-11-20, 31 comments\nhttps://"), shown);
  assert.ok(shown.includes("\n\nIt crashes.\nAlways.\n\n--- bo, 2026-11-21\nxxx"), shown);
  assert.ok(shown.endsWith("x… (1 characters more)\n\n--- more comments on page 2"), shown);
  assert.ok(showIssue({ ...bug, body: null, comments: 0, draft: true, pull_request: {} }, [], 1, 30).includes("pull request, draft"));
});

test("a file is shown by its lines", () => {
  const file: Entry = { type: "file", name: "a", path: "src/a", size: 9, encoding: "base64", content: base64("ä\n2\n3\n4\n") };
  assert.equal(showFile(file, 1, 400), "`src/a`, lines 1 to 4 of 4\nä\n2\n3\n4");
  assert.equal(showFile(file, 2, 2), "`src/a`, lines 2 to 3 of 4; go on with line 4\n2\n3");
  assert.throws(() => showFile(file, 5, 1), InvalidArguments);
  assert.throws(() => showFile({ ...file, encoding: "none", content: "" }, 1, 1), Failed);
  assert.throws(() => showFile({ ...file, content: "//79" }, 1, 1), Failed);
  assert.throws(() => showFile({ ...file, type: "symlink", target: "/etc" }, 1, 1), /to `\/etc`/);
});

test("a folder lists folders first", () => {
  const entry = (type: string, name: string) => ({ type, name, path: name, size: 3 });
  const shown = showFolder("", [entry("file", "b"), entry("submodule", "c"), entry("dir", "z"), entry("file", "a")]);
  assert.equal(shown, "`/` lists 4:\nz/\na (3 bytes)\nb (3 bytes)\nc (submodule)");
});

test("base64 of any length is read, and what is not text is not", () => {
  for (const text of ["", "a", "ab", "abc", "ünï → 🍵", "x".repeat(1000)]) assert.equal(textOf(base64(text)), text);
  assert.equal(textOf(Buffer.from([0xff, 0xfe]).toString("base64")), undefined);
  assert.equal(textOf(base64("a\0b")), undefined);
});

test("each refusal says what can be done", () => {
  const answer = (status: number, headers: Record<string, string> = {}, body: unknown = { message: "No." }) => ({
    status,
    header: (name: string) => headers[name],
    text: () => (typeof body === "string" ? body : JSON.stringify(body)),
  });
  const busy = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1795269600" };
  const check = (status: number, headers: Record<string, string>, type: Function, said: RegExp, body?: unknown) => {
    const error = refusal(answer(status, headers, body), "issue #7");
    assert.ok(error instanceof type, `${status}: ${error.name}`);
    assert.match(error.message, said);
  };
  check(403, busy, Unavailable, /after 2026-11-21T14:00:00.000Z/);
  check(429, busy, Unavailable, /after 2026/);
  check(403, { "retry-after": "60" }, Unavailable, /in 60 s/);
  check(429, {}, Unavailable, /in a minute/);
  check(403, { "x-ratelimit-remaining": "9" }, Denied, /No\./);
  check(401, {}, Unavailable, /secret `github`/);
  check(404, {}, NotFound, /issue #7/);
  check(410, {}, NotFound, /issue #7/);
  check(422, {}, InvalidArguments, /No\. Too odd\./, { message: "No.", errors: [{ message: "Too odd." }, {}] });
  check(502, {}, Unavailable, /502/, "<html>");
  check(418, {}, Failed, /nothing more/, "<html>");
});
