/** Usage: node translation.bench.js <stream> [accesses]. Prints one line of JSON a repetition: cold tables, then warm. */
import { accessStream, STREAM_NAMES } from "./access-streams.ts";
import { measureTranslation } from "./translation.ts";

const name = STREAM_NAMES.find((known) => known === process.argv[2]) ?? "mix";
const words = accessStream(name, Number(process.argv[3] ?? 20_000_000));
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
for (const [repetition, result] of measureTranslation(words, cpuSeconds).entries()) {
  console.log(JSON.stringify({ stream: name, repetition, ...result }));
}
