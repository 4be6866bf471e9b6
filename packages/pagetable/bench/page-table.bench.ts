/** Usage: node page-table.bench.js <occupant> [pages] [repetitions]. Prints one line of JSON a repetition, then one of bytes. */
import { BENCH_PATTERNS, measurePageTable, tableBytesPerPage } from "./page-table.ts";

const name = process.argv[2] ?? "radix4";
const nrPages = Number(process.argv[3] ?? 1_000_000);
const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
for (let repetition = 0; repetition < Number(process.argv[4] ?? 3); repetition++) {
  console.log(JSON.stringify({ name, repetition, nsPerPage: measurePageTable(name, nrPages, cpuSeconds) }));
}
const bytes = BENCH_PATTERNS.map((pattern) => [pattern, tableBytesPerPage(name, pattern, 1 << 17)]);
console.log(JSON.stringify({ name, tableBytesPerPage: Object.fromEntries(bytes) as unknown }));
