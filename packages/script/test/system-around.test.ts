import { describe, expect, it } from "vitest";
import { parseScript, runScript } from "@pageframe/script";

describe("Pages that come back from swap", () => {
  // Recorded on Linux 6.18.44. Pages that are clean in the swap cache are freed at once the second time.
  it("are active when they were freed, and as they were when the swap cache still had them", () => {
    const lines = [
      "mmap 0 16 rw private,anon",
      "write 0 1 16",
      "madvise 0 16 pageout",
      "sleep 100",
      "read 0 4",
      "snap lru",
      "madvise 0 16 pageout",
      "sleep 100",
      "read 0 1",
      "snap lru",
    ];
    const run = runScript(parseScript(lines.join("\n"), "t.mm"));
    expect(run.notModelled).toBeNull();
    expect(run.lines.filter((line) => line.includes('"lru"'))).toEqual([
      '{"l":6,"p":"P0","lru":[["A+0",4,"ls"]]}',
      '{"l":10,"p":"P0","lru":[["A+0",1,"las"]]}',
    ]);
  });
});
