import {
  VM_ACCOUNT,
  VM_DROPPABLE,
  VM_HUGEPAGE,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_MERGEABLE,
  VM_NONE,
  VM_READ,
  VM_SEALED,
  VM_SOFTDIRTY,
  VM_UFFD_MINOR,
  VM_WRITE,
} from "@pageframe/contracts";
import { describe, expect, it } from "vitest";
import {
  emptyMemSizeStats,
  formatSmaps,
  formatSmapsRollup,
  PSS_SHIFT,
  type SmapsEntry,
  smapsFields,
  vmFlagCodes,
} from "@pageframe/procfs";

const PSS = 2 ** PSS_SHIFT;

/** The first mapping of `cat` on Linux 6.18.44, in place of whose addresses these stand. */
const CAT: SmapsEntry = {
  startVpn: 0x558d4250a,
  endVpn: 0x558d4250c,
  perms: "r--p",
  pgoff: 0,
  devMajor: 254,
  devMinor: 0,
  inode: 260131,
  name: "/usr/bin/cat",
  stats: {
    ...emptyMemSizeStats(),
    resident: 8192,
    pss: 8192 * PSS,
    privateClean: 8192,
    referenced: 8192,
  },
  kernelPageBytes: 4096,
  mmuPageBytes: 4096,
  isThpEligible: false,
  vmFlags: 0x71,
};

describe("formatSmaps", () => {
  it("writes a mapping as Linux 6.18.44 does", () => {
    expect(formatSmaps([CAT])).toBe(`\
558d4250a000-558d4250c000 r--p 00000000 fe:00 260131                     /usr/bin/cat
Size:                  8 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                   8 kB
Pss:                   8 kB
Pss_Dirty:             0 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         8 kB
Private_Dirty:         0 kB
Referenced:            8 kB
Anonymous:             0 kB
KSM:                   0 kB
LazyFree:              0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
Locked:                0 kB
THPeligible:           0
VmFlags: rd mr mw me \n`);
  });

  it("writes the protection key where there are keys, after THPeligible", () => {
    const text = formatSmaps([{ ...CAT, isThpEligible: true, protectionKey: 3 }]);
    expect(text.split("\n").slice(-4)).toEqual([
      "THPeligible:           1",
      "ProtectionKey:         3",
      "VmFlags: rd mr mw me ",
      "",
    ]);
  });

  it("cuts proportional sizes to whole KiB", () => {
    // A page that three map: 4096 << 12 divided by 3, thrice, is a fraction less than a page.
    const third = Math.floor((4096 * PSS) / 3);
    const stats = { ...CAT.stats, pss: 3 * third, pssDirty: third, swapPss: 2 * third, pssLocked: third };
    const fields = Object.fromEntries(smapsFields({ ...CAT, stats }));
    expect([fields["Pss"], fields["Pss_Dirty"], fields["SwapPss"], fields["Locked"]]).toEqual([3, 1, 2, 1]);
  });
});

describe("formatSmapsRollup", () => {
  it("writes one header for all mappings, and proportional sizes by kind", () => {
    // `cat /proc/self/smaps_rollup` on Linux 6.18.44.
    const stats = {
      ...emptyMemSizeStats(),
      resident: 1740 * 1024,
      pss: 262 * 1024 * PSS,
      pssDirty: 112 * 1024 * PSS,
      pssAnon: 112 * 1024 * PSS,
      pssFile: 150 * 1024 * PSS,
      sharedClean: 1588 * 1024,
      privateClean: 40 * 1024,
      privateDirty: 112 * 1024,
      referenced: 1740 * 1024,
      anonymous: 112 * 1024,
    };
    expect(formatSmapsRollup({ startVpn: 0x558bde700, endVpn: 0x7fffd2597, stats })).toBe(`\
558bde700000-7fffd2597000 ---p 00000000 00:00 0                          [rollup]
Rss:                1740 kB
Pss:                 262 kB
Pss_Dirty:           112 kB
Pss_Anon:            112 kB
Pss_File:            150 kB
Pss_Shmem:             0 kB
Shared_Clean:       1588 kB
Shared_Dirty:          0 kB
Private_Clean:        40 kB
Private_Dirty:       112 kB
Referenced:         1740 kB
Anonymous:           112 kB
KSM:                   0 kB
LazyFree:              0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
Locked:                0 kB
`);
  });
});

describe("vmFlagCodes", () => {
  it("spells flags from the lowest bit of Linux's to the highest", () => {
    // Recorded: a locked, soft-dirty private anonymous mapping with MADV_HUGEPAGE.
    const hugepage = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | VM_HUGEPAGE;
    expect(vmFlagCodes(hugepage | VM_SOFTDIRTY | VM_LOCKED)).toBe("rd wr mr mw me lo ac sd hg ");
    expect(vmFlagCodes(VM_NONE)).toBe("");
  });

  it("spells flags above bit 31, which live in low bits here, behind the others", () => {
    expect(vmFlagCodes(VM_SEALED | VM_DROPPABLE | VM_UFFD_MINOR | VM_MERGEABLE | VM_READ)).toBe(
      "rd mg dp ui sl ",
    );
  });
});
