import { describe, expect, it } from "vitest";
import { formatStat } from "@pageframe/procfs";

describe("formatStat", () => {
  it("writes the 52 fields of proc_pid_stat(5), with 0 where the model knows nothing", () => {
    // `cat /proc/self/stat` on Linux 6.18.44, with pgrp, session and flags zeroed.
    const text = formatStat({
      pid: 17025,
      name: "cat",
      state: "R",
      ppid: 17019,
      nrMinorFaults: 102,
      nrMajorFaults: 0,
      nrThreads: 1,
      startTimeNs: 22_568_389_999_999,
      vsizeBytes: 3133440,
      rssPages: 418,
      startCode: 94211899584512,
      endCode: 94211899604393,
      startStack: 140737086892336,
      cpu: 0,
      startData: 94211899620400,
      endData: 94211899622016,
      startBrk: 94212293738496,
      argStart: 140737086896850,
      argEnd: 140737086896887,
      envStart: 140737086896887,
      envEnd: 140737086898155,
    });
    expect(text).toBe(
      "17025 (cat) R 17019 0 0 0 -1 0 102 0 0 0 0 0 0 0 20 0 1 0 2256838 3133440 418 18446744073709551615 " +
        "94211899584512 94211899604393 140737086892336 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 " +
        "94211899620400 94211899622016 94212293738496 140737086896850 140737086896887 140737086896887 140737086898155 0\n",
    );
    expect(text.split(" ").length).toBe(52);
  });
});
