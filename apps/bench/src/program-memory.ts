/** Memory of a benchmark's program: mapping it, and writing to all of it. */
import {
  bug,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  packRun,
  PAGE_SIZE,
  RUN_WRITE,
  vpnHi,
  vpnLo,
  vpnOfAddress,
} from "@pageframe/contracts";
import { type Kernel, type Task } from "@pageframe/kernel";

/** Maps private anonymous memory; returns its address. */
export function mapPages(kernel: Kernel, task: Task, nrPages: number, prot: number): number {
  const address = kernel.mmap(task, 0, nrPages * PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS);
  return address >= 0 ? address : bug(`mmap of ${nrPages} pages: errno ${-address}`);
}

/** Runs that write to each of `nrPages` pages once. */
export function writesTo(address: number, nrPages: number): Int32Array {
  const words = new Int32Array(2 * nrPages);
  for (let page = 0; page < nrPages; page++) {
    const vpn = vpnOfAddress(address) + page;
    words[2 * page] = vpnLo(vpn);
    words[2 * page + 1] = packRun(vpnHi(vpn), RUN_WRITE, false, 1);
  }
  return words;
}
