import { pageTables } from "../src/index.ts";
import { describePageTable } from "./conformance.ts";

for (const { name } of pageTables) describePageTable(name);
