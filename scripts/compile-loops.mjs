// node scripts/compile-loops.mjs [--check]: compiles the loops in packages/*/compiled (AssemblyScript) to WebAssembly, and
// writes each as an array of bytes into src/NAME.wasm.ts. With --check only says which of these files are out of date.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const OPTIONS = ["-O3", "--runtime", "stub", "--importMemory", "--noExportMemory", "--noAssert"];
const BYTES_A_LINE = 26;
const isCheck = process.argv.includes("--check");
let nrStale = 0;
for (const { name, directory } of loopDirectories()) {
  for (const file of readdirSync(directory).filter((each) => each.endsWith(".ts"))) {
    const target = join("packages", name, "src", file.replace(/\.ts$/, ".wasm.ts"));
    const text = moduleText(file, await compile(join(directory, file)));
    if (existsSync(target) && readFileSync(target, "utf8") === text) continue;
    if (isCheck) {
      nrStale++;
      console.error(
        `${target} is not what ${join(directory, file)} compiles to; run node scripts/compile-loops.mjs`,
      );
    } else {
      writeFileSync(target, text);
      console.log(target);
    }
  }
}
process.exitCode = nrStale === 0 ? 0 : 1;

function loopDirectories() {
  return readdirSync("packages")
    .map((name) => ({ name, directory: join("packages", name, "compiled") }))
    .filter(({ directory }) => existsSync(directory));
}

/** Compiles one file; ends the program with what the compiler says when it does not compile. */
async function compile(path) {
  const files = new Map();
  const { error, stderr } = await asc.main([path, "--outFile", "out.wasm", ...OPTIONS], {
    writeFile: (name, contents) => files.set(name, contents),
  });
  if (error !== null) {
    console.error(stderr.toString());
    process.exit(1);
  }
  return files.get("out.wasm");
}

function moduleText(file, bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += BYTES_A_LINE) {
    lines.push(`  ${[...bytes.subarray(at, at + BYTES_A_LINE)].join(", ")},`);
  }
  const name = `${file.replace(/\.ts$/, "").replaceAll("-", "_").toUpperCase()}_WASM`;
  return [
    `/** Compiled from ../compiled/${file} by scripts/compile-loops.mjs: do not edit. */`,
    "// prettier-ignore",
    `export const ${name}: Uint8Array = new Uint8Array([`,
    ...lines,
    "]);",
    "",
  ].join("\n");
}
