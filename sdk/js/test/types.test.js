import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const BUILD = fileURLToPath(new URL("../build.js", import.meta.url));

/** Runs `openclaw-sdk` on a file of this text beside these; gives what it ended with and said, and what `look` sees then. */
function run(command, text, beside = {}, look = () => undefined) {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-types-"));
  try {
    for (const [name, content] of Object.entries({ ...beside, "tool.ts": text })) writeFileSync(join(folder, name), content);
    // A runner of tests tells those below it so, and they would keep quiet.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const ended = spawnSync(process.execPath, [BUILD, command, "tool.ts"], { cwd: folder, encoding: "utf8", env });
    return { status: ended.status, said: ended.stdout + ended.stderr, seen: look(folder) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const TEST = `import { test } from "node:test";
import { integer } from "openclaw-sdk";
test("reads", () => { const read: number = integer().read(1, "it"); if (read !== 1) throw new Error(); });
`;

test("what fits is run", () => {
  const { status, said } = run("test", TEST);
  assert.equal(status, 0, said);
});

test("a test whose types do not fit is refused", () => {
  const { status, said } = run("test", TEST.replace(": number", ": string"));
  assert.equal(status, 1, said);
  assert.match(said, /tool\.ts\(3,\d+\): error TS2322/);
});

const component = (body) => `import { component, integer, object, tool } from "openclaw-sdk";
${body}
export default component({ name: "it", version: "0.1.0", summary: "It.", tools: [
  tool({ name: "it", description: "Is.", input: object({ count: integer() }), run: ({ count }) => helped(count) }),
] });
`;

test("a component whose types do not fit is not built, wherever they do not", () => {
  const helper = (type) => ({ "helper.ts": `export const helped = (it: ${type}) => it;` });
  const importing = component('import { helped } from "./helper.ts";');
  for (const [text, beside, wrong] of [
    [component("const helped = (it: string) => it;"), {}, /tool\.ts\(4,\d+\): error TS2345/],
    [importing, helper("string"), /tool\.ts\(4,\d+\): error TS2345/],
    [component("const helped = (it: number) => new TextDecoder().encoding;"), {}, /TextDecoder/],
  ]) {
    const { status, said, seen } = run("build", text, beside, (folder) => existsSync(join(folder, "tool.wasm")));
    assert.equal(status, 1, said);
    assert.match(said, wrong);
    assert.equal(seen, false);
  }
});

test("the project's own options count", () => {
  const loose = component("const helped = (it) => it;");
  assert.match(run("build", loose).said, /error TS7006/);
  const { status, said } = run("build", loose, { "tsconfig.json": '{ "compilerOptions": { "strict": false } }' });
  assert.equal(status, 0, said);
});
