/** The readahead seat's occupants. */
import { EINVAL, KernelError, type ReadaheadPolicy, type SeatTable } from "@pageframe/contracts";
import { VM_READAHEAD_PAGES } from "./file-readahead-state.ts";
import { LinuxReadahead } from "./linux-readahead.ts";
import { FixedReadahead, NoReadahead } from "./plain-readahead.ts";

/** What policies are made with. */
export interface ReadaheadPolicyConfig {
  /** Pages that `fixed` reads at every miss; 32 when it is left out. */
  readonly nrWindowPages?: number;
}

/** Ways to read ahead by name; the first is the default. */
export const readaheadPolicies: SeatTable<ReadaheadPolicyConfig, ReadaheadPolicy> = [
  {
    name: "linux",
    describe: "windows that grow with sequential reading, read-around for faults, as Linux does",
    create: () => new LinuxReadahead(),
  },
  {
    name: "none",
    describe: "only what was asked for",
    create: () => new NoReadahead(),
  },
  {
    name: "fixed",
    describe: "the same number of pages at every miss",
    create: ({ nrWindowPages = VM_READAHEAD_PAGES }: ReadaheadPolicyConfig): ReadaheadPolicy => {
      if (!Number.isInteger(nrWindowPages) || nrWindowPages < 1) {
        throw new KernelError(
          EINVAL,
          `a window of ${nrWindowPages} pages: it must be a whole number of at least 1`,
        );
      }
      return new FixedReadahead(nrWindowPages);
    },
  },
];
