import { pageTables } from "../src/index.ts";
import { describePageTable } from "./conformance.ts";
import { newOccupant } from "./helpers.ts";

// What is skipped for 32-bit tables is in page-table32.test.ts and, at random places, in model.test.ts.
for (const { name } of pageTables) {
  const { maxLeafLevel, pagesPerLevel } = newOccupant(name).table;
  const largePages = pagesPerLevel[2];
  describePageTable(name, { has1GiB: maxLeafLevel >= 3, has2MiB: largePages === 512, largePages });
}
