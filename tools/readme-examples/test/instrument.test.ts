import { describe, expect, it } from "vitest";
import { REPORT_NAME, collectExamples, compare, instrument } from "../src/examples.ts";

const readme = [
  "# Title",
  "```sh",
  "npm test",
  "```",
  "```ts",
  "const a = 1;",
  "console.log(a); // 1",
  "for (const x of [1, 2]) console.log(x); // 1",
  "console.log(",
  "  a,",
  "); // 1",
  "```",
  "```ts",
  "// console.log(3); // 4",
  "console.log();",
  "```",
].join("\n");

describe("README examples", () => {
  it("finds the ts blocks and the README line each starts on", () => {
    expect(collectExamples(readme).map(({ block, line }) => [block, line])).toEqual([
      [1, 6],
      [2, 14],
    ]);
  });

  it("expects the comment behind a console.log and changes no line number", () => {
    const [first] = collectExamples(readme);
    const { code, expectations } = instrument(first);
    expect(expectations).toEqual([
      { line: 7, text: "1" },
      { line: 8, text: "1" },
      { line: 9, text: "1" },
    ]);
    expect(code.split("\n")).toEqual([
      "const a = 1;",
      `globalThis.${REPORT_NAME}(7, a); // 1`,
      `for (const x of [1, 2]) globalThis.${REPORT_NAME}(8, x); // 1`,
      `globalThis.${REPORT_NAME}(9, `,
      "  a,",
      "); // 1",
    ]);
  });

  it("expects nothing of a console.log that is commented out or has no comment", () => {
    const { code, expectations } = instrument(collectExamples(readme)[1]);
    expect(expectations).toEqual([]);
    expect(code).toBe(`// console.log(3); // 4\nglobalThis.${REPORT_NAME}(15, );`);
  });

  it("reports file, block, line, expected and printed text of each difference", () => {
    const expectations = [
      { line: 7, text: "1" },
      { line: 8, text: "1" },
      { line: 9, text: "1" },
    ];
    const printed = [
      { line: 7, text: "1" },
      { line: 8, text: "1" },
      { line: 8, text: "2" },
    ];
    expect(compare("README.md, block 1", expectations, printed)).toEqual([
      "README.md, block 1, line 8\n  expected: 1\n  got:      2",
      "README.md, block 1, line 9\n  expected: 1\n  got:      nothing: the line did not run",
    ]);
  });
});
