/** Usage: node case.js NAME SCALE [INPUT]. Runs one case in this process and prints its measurement as a line of JSON. */
import { type Scale } from "./bench-case.ts";
import { benchCases } from "./bench-cases.ts";

const [name, scale, inputPath = ""] = process.argv.slice(2);
const benchCase = benchCases.find((each) => each.name === name);
if (benchCase === undefined) {
  console.error(`no case is called "${name}"; there are ${benchCases.map((each) => each.name).join(", ")}`);
  process.exit(2);
}
console.log(JSON.stringify(benchCase.run(scale as Scale, inputPath)));
