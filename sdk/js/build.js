#!/usr/bin/env node
// `openclaw-sdk build FILE`: makes a component of a JavaScript or TypeScript file.
// `openclaw-sdk test FILE…`: runs such files as tests of Node's.

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const HERE = dirname(fileURLToPath(import.meta.url));
const ENGINES = ["qjs", "starlingmonkey"];
const USAGE = `usage: openclaw-sdk build FILE [-o COMPONENT.wasm] [--engine qjs|starlingmonkey]
       openclaw-sdk test FILE…`;

const QJS = ["--backend", "qjs", "--backend-qjs-disable-async"];

/** Without the engine's own use of WASI. Its name for requests stands for ours too. */
const starlingmonkey = (imports) => {
  const own = ["clocks", "random", "stdio", "fetch-event"];
  const usesHttp = imports.some((name) => name.startsWith("wasi:http/"));
  return ["--backend", "sm", "-d", ...own, ...(usesHttp ? [] : ["http"])];
};

class BuildError extends Error {}

/** Where jco, the bundler and the compiler may be installed: where a variable says, with this package, by `cargo xtask setup --guests js`, in the project. */
const TOOLS = process.env.OPENCLAW_TOOLS;
const PLACES = [...(TOOLS ? [join(TOOLS, "js")] : []), HERE, join(HERE, "../../target/tools/js"), process.cwd()];

async function build(source, output, engine) {
  if (!existsSync(source)) throw new BuildError(`there is no file \`${source}\``);
  const folder = mkdtempSync(join(tmpdir(), "openclaw-sdk-"));
  try {
    checkTypes(folder, [source], { types: [] });
    const { code, imports } = await bundle(componentEntry(source), engine);
    const bundled = join(folder, "component.js");
    const renamed = engine === "qjs" ? rename : (text) => text;
    writeFileSync(bundled, renamed(code));
    layOut(folder, imports, renamed);
    const options = engine === "qjs" ? QJS : starlingmonkey(imports);
    const wit = join(folder, "wit");
    jco(["componentize", bundled, "-w", wit, "-n", "component", ...options, "-o", resolve(output)]);
    if (engine === "qjs") writeFileSync(output, named(readFileSync(output)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs files of tests, which use nothing that needs a host; gives whether all passed. */
async function test(sources) {
  const folder = mkdtempSync(join(tmpdir(), "openclaw-sdk-"));
  try {
    const made = sources.map((source, at) => join(folder, `${at}-${basename(source, extname(source))}.mjs`));
    for (const source of sources) {
      if (!existsSync(source)) throw new BuildError(`there is no file \`${source}\``);
    }
    checkTypes(folder, sources, { types: ["node"], typeRoots: [dirname(dirname(find("@types/node/package.json")))] });
    for (const [at, source] of sources.entries()) {
      writeFileSync(made[at], (await bundle(`import ${JSON.stringify(resolve(source))};`, "qjs")).code);
    }
    return spawnSync(process.execPath, ["--test", ...made], { stdio: "inherit" }).status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Refuses files in TypeScript whose types do not fit, or those of what they import: the bundler only takes types away. A
 * `tsconfig.json` beside the first one counts.
 */
function checkTypes(folder, sources, options) {
  const files = sources.filter((source) => /\.m?ts$/.test(source)).map((source) => resolve(source));
  if (files.length === 0) return;
  const own = join(dirname(files[0]), "tsconfig.json");
  const config = {
    ...(existsSync(own) ? { extends: own } : {}),
    compilerOptions: {
      // What QuickJS does not have is an error here, too; a project for StarlingMonkey says `lib` itself.
      ...(existsSync(own) ? {} : { strict: true, lib: ["es2022"] }),
      target: "es2022",
      module: "preserve",
      noEmit: true,
      allowImportingTsExtensions: true,
      skipLibCheck: true,
      paths: { "openclaw-sdk": [join(HERE, "src/index.d.ts")], "openclaw-sdk/*": [join(HERE, "src/*.d.ts")] },
      ...options,
    },
    files,
    include: [],
  };
  const project = join(folder, "tsconfig.json");
  writeFileSync(project, JSON.stringify(config));
  const tsc = join(dirname(find("typescript/package.json")), "bin/tsc");
  const checked = spawnSync(process.execPath, [tsc, "--pretty", "false", "-p", project], { encoding: "utf8" });
  if (checked.status !== 0) throw new BuildError(`the types do not fit:\n${(checked.stdout || checked.stderr).trim()}`);
}

/** The text of a component's first file. */
const componentEntry = (source) => `import component from ${JSON.stringify(resolve(source))};
import { guestOf } from ${JSON.stringify(join(HERE, "src/entry.js"))};
export const guest = guestOf(component);`;

/** One file of this text and all that it uses, and the interfaces that it imports. */
async function bundle(entry, engine) {
  const { rolldown } = await import(pathToFileURL(find("rolldown")));
  const isInterface = (name) => /^[a-z-]+:[a-z-]+\/[a-z-]+@/.test(name);
  const ENTRY = "\0openclaw-entry";
  const graph = await rolldown({
    input: ENTRY,
    external: (name) => isInterface(name) || name.startsWith("node:"),
    transform: { define: { OPENCLAW_ENGINE: JSON.stringify(engine) } },
    plugins: [
      {
        name: "openclaw-sdk",
        resolveId(name) {
          if (name === ENTRY) return name;
          const ours = /^openclaw-sdk(?:\/(\w+))?$/.exec(name);
          return ours ? join(HERE, "src", `${ours[1] ?? "index"}.js`) : undefined;
        },
        load: (name) => (name === ENTRY ? entry : undefined),
      },
    ],
  }).catch((error) => {
    throw new BuildError(error.message);
  });
  const { output } = await graph.generate({ format: "esm" });
  return { code: output[0].code, imports: output[0].imports.filter(isInterface) };
}

/** Puts the world and the packages that it needs where jco looks for them. */
function layOut(folder, imports, renamed) {
  const wit = existsSync(join(HERE, "wit")) ? join(HERE, "wit") : join(HERE, "../../wit");
  const lines = imports.map((name) => `  import ${name};\n`).join("");
  const world = `package openclaw:component;\n\nworld component {\n${lines}  export openclaw:tool/guest@0.1.0;\n}\n`;
  for (const packages of [wit, join(wit, "deps")]) {
    for (const name of readdirSync(packages).filter((name) => name !== "deps")) {
      const target = join(folder, "wit/deps", name);
      cpSync(join(packages, name), target, { recursive: true });
      for (const file of readdirSync(target)) {
        const path = join(target, file);
        writeFileSync(path, renamed(readFileSync(path, "utf8")));
      }
    }
  }
  writeFileSync(join(folder, "wit/world.wit"), renamed(world));
}

/**
 * Gives packages of WASI another name of the same length. QuickJS is started during the build, in a host that takes these
 * packages for its own and then finds their types different; what it does not know it leaves alone.
 */
function rename(text) {
  return text.replace(/wasi:(http|io|filesystem)(?=[/@])/g, "wasj:$1");
}

/** The component with the real names. They are as long, so nothing else in it changes. */
function named(component) {
  return Buffer.from(component.toString("latin1").replace(/wasj:(http|io|filesystem)(?=[/@])/g, "wasi:$1"), "latin1");
}

function jco(args) {
  const file = join(dirname(find("@bytecodealliance/jco")), "jco.js");
  try {
    execFileSync(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
  } catch (error) {
    throw new BuildError(`jco failed:\n${(error.stderr || error.stdout || error.message).trim()}`);
  }
}

/** A file of a package; its main file, if only the package is named. */
function find(name) {
  for (const place of PLACES) {
    try {
      return createRequire(join(place, "package.json")).resolve(name);
    } catch {
      // The next place.
    }
  }
  throw new BuildError(`\`${name}\` is missing: run \`cargo xtask setup --guests js\``);
}

const isFile = (path) => existsSync(path) && statSync(path).isFile();

async function main() {
  const options = { output: { type: "string", short: "o" }, engine: { type: "string", default: "qjs" } };
  let given;
  try {
    given = parseArgs({ options, allowPositionals: true });
  } catch (error) {
    throw new BuildError(`${error.message}\n${USAGE}`);
  }
  const [command, source, ...rest] = given.positionals;
  if (command === "test" && source) {
    if (!(await test([source, ...rest]))) process.exitCode = 1;
    return;
  }
  if (command !== "build" || !source || rest.length > 0 || !ENGINES.includes(given.values.engine)) {
    throw new BuildError(USAGE);
  }
  const output = given.values.output ?? `${basename(source, extname(source))}.wasm`;
  await build(source, output, given.values.engine);
  console.log(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);
}

main().catch((error) => {
  if (!(error instanceof BuildError)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
});
