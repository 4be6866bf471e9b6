import { describe, expect, it } from "vitest";
import { formatStatm, formatStatus, type TaskMem, taskMemFields } from "@pageframe/procfs";

/** `cat /proc/self/status` on Linux 6.18.44. */
const CAT: TaskMem = {
  hiwaterVm: 765,
  totalVm: 765,
  lockedVm: 0,
  pinnedVm: 0,
  hiwaterRss: 434,
  rssAnon: 28,
  rssFile: 406,
  rssShmem: 0,
  dataVm: 90,
  stackVm: 33,
  execVm: 387,
  textPages: 5,
  pageTablePages: 12,
  swapEntries: 0,
  hugetlbPages: 0,
};

describe("formatStatus", () => {
  it("writes identity, memory and threads as Linux 6.18.44 does", () => {
    const status = { name: "cat", state: "R (running)", tgid: 17021, pid: 17021, ppid: 17019, nrThreads: 1 };
    expect(formatStatus({ ...status, mem: CAT })).toBe(`\
Name:	cat
State:	R (running)
Tgid:	17021
Pid:	17021
PPid:	17019
VmPeak:	    3060 kB
VmSize:	    3060 kB
VmLck:	       0 kB
VmPin:	       0 kB
VmHWM:	    1736 kB
VmRSS:	    1736 kB
RssAnon:	     112 kB
RssFile:	    1624 kB
RssShmem:	       0 kB
VmData:	     360 kB
VmStk:	     132 kB
VmExe:	      20 kB
VmLib:	    1528 kB
VmPTE:	      48 kB
VmSwap:	       0 kB
HugetlbPages:	       0 kB
Threads:	1
`);
  });

  it("leaves the memory lines out of a zombie's", () => {
    const zombie = { name: "cat", state: "Z (zombie)", tgid: 2, pid: 2, ppid: 1, nrThreads: 1, mem: null };
    expect(formatStatus(zombie)).toBe(
      "Name:\tcat\nState:\tZ (zombie)\nTgid:\t2\nPid:\t2\nPPid:\t1\nThreads:\t1\n",
    );
  });
});

describe("taskMemFields", () => {
  it("shows what is there now when it is more than the high-water mark", () => {
    const fields = Object.fromEntries(taskMemFields({ ...CAT, hiwaterVm: 700, hiwaterRss: 0 }));
    expect([fields["VmPeak"], fields["VmHWM"]]).toEqual([3060, 1736]);
  });

  it("counts no more text than there is mapped executable", () => {
    const fields = Object.fromEntries(taskMemFields({ ...CAT, textPages: 400 }));
    expect([fields["VmExe"], fields["VmLib"]]).toEqual([387 * 4, 0]);
  });
});

describe("formatStatm", () => {
  it("writes size, resident, shared, text, 0, data with stack, 0", () => {
    expect(formatStatm(CAT)).toBe("765 434 406 5 0 123 0\n");
    expect(formatStatm(null)).toBe("0 0 0 0 0 0 0\n");
  });
});
