/**
 * Goes over a trace once and notes which pages were accessed while no traced call had mapped them. Hot: per run.
 *
 * What it leaves behind is the input of infer-regions.ts: such pages must have been mapped by execve(2), which a tracer
 * inside the process does not see.
 */
import {
  MREMAP_DONTUNMAP,
  pagesOfBytes,
  PROT_READ,
  PROT_WRITE,
  RUN_KIND_MASK,
  RUN_KIND_SHIFT,
  RUN_VPN_HI_MASK,
  RUN_WRITE,
  type SyscallEvent,
  type Vaddr,
  type Vpn,
  vpnOf,
  vpnOfAddress,
} from "@pageframe/contracts";
import { VpnRanges } from "./vpn-ranges.ts";
import { WordPairSet } from "./word-pair-set.ts";

/** Absence of a page. */
export const NO_VPN = -1;

/** Pages of no traced mapping that a call changed, so that they must have been there; `prot` is what they became. */
export interface ChangedRange {
  readonly startVpn: Vpn;
  readonly endVpn: Vpn;
  readonly prot: number;
}

/** Runs lately seen, to skip them: pairs of (vpn low half, kind and vpn high half), direct-mapped. */
const NR_SEEN = 2048;
const PAGE_AND_KIND_MASK = RUN_VPN_HI_MASK | (RUN_KIND_MASK << RUN_KIND_SHIFT);

/** The pages and mappings of a trace. Feed it every block in order, then read its fields. */
export class AddressSpaceSurvey {
  /** All pages accessed, by the halves of their numbers. */
  readonly pages: WordPairSet = new WordPairSet();
  /** Every page that a traced call ever mapped. */
  readonly everMapped: VpnRanges = new VpnRanges();
  readonly changedRanges: ChangedRange[] = [];
  /** Page of the first store outside traced mappings, or NO_VPN. */
  firstStoreVpn: Vpn = NO_VPN;
  /** The break before the first brk call, or 0. */
  startBrk: Vaddr = 0;

  /** By row of `pages`: PROT_ bits that its accesses outside traced mappings need. */
  #neededProt = new Uint8Array(1024);
  readonly #seen = new Int32Array(2 * NR_SEEN).fill(-1);
  /** Pages that traced calls have mapped now, and changed ranges. */
  readonly #mapped = new VpnRanges();
  readonly #changed = new VpnRanges();
  #brk: Vaddr = 0;

  /** PROT_ bits that accesses to a row of `pages` needed of a mapping from before the trace; 0 when none did. */
  neededProtOfRow(row: number): number {
    return this.#neededProt[row];
  }

  /** Notes runs. */
  addRuns(words: Int32Array, nrRuns: number): void {
    const seen = this.#seen;
    for (let at = 0; at < 2 * nrRuns; at += 2) {
      const lo = words[at];
      const hiAndKind = words[at + 1] & PAGE_AND_KIND_MASK;
      const slot = 2 * (((lo << 2) ^ (hiAndKind >>> RUN_KIND_SHIFT)) & (NR_SEEN - 1));
      if (seen[slot] === lo && seen[slot + 1] === hiAndKind) continue;
      seen[slot] = lo;
      seen[slot + 1] = hiAndKind;
      this.#noteAccess(lo, hiAndKind & RUN_VPN_HI_MASK, hiAndKind >>> RUN_KIND_SHIFT);
    }
  }

  /** Notes a system call. */
  addEvent(event: SyscallEvent): void {
    switch (event.name) {
      case "mmap":
        this.#map(vpnOfAddress(event.result), pagesOfBytes(event.lengthBytes));
        break;
      case "munmap":
        this.#unmap(vpnOfAddress(event.address), pagesOfBytes(event.lengthBytes));
        break;
      case "mprotect":
        this.#change(vpnOfAddress(event.address), pagesOfBytes(event.lengthBytes), event.prot);
        break;
      case "mremap": {
        const oldVpn = vpnOfAddress(event.address);
        const nrOldPages = pagesOfBytes(event.oldLengthBytes);
        this.#change(oldVpn, nrOldPages, PROT_READ | PROT_WRITE);
        if ((event.flags & MREMAP_DONTUNMAP) === 0) this.#unmap(oldVpn, nrOldPages);
        this.#map(vpnOfAddress(event.result), pagesOfBytes(event.newLengthBytes));
        break;
      }
      case "brk":
        this.#moveBrk(event.result);
        break;
      default:
        return;
    }
    // A page skipped as seen may have lost its mapping.
    this.#seen.fill(-1);
  }

  #noteAccess(lo: number, hi: number, kind: number): void {
    const row = this.pages.findOrAdd(lo, hi);
    if (row >= this.#neededProt.length) {
      const grown = new Uint8Array(2 * this.#neededProt.length);
      grown.set(this.#neededProt);
      this.#neededProt = grown;
    }
    const vpn = vpnOf(lo, hi);
    if (this.#mapped.has(vpn)) return;
    // RUN_READ, RUN_WRITE, RUN_EXEC are the bit numbers of PROT_READ, PROT_WRITE, PROT_EXEC.
    this.#neededProt[row] |= 1 << kind;
    if (kind === RUN_WRITE && this.firstStoreVpn === NO_VPN) this.firstStoreVpn = vpn;
  }

  #map(startVpn: Vpn, nrPages: number): void {
    this.#mapped.add(startVpn, startVpn + nrPages);
    this.everMapped.add(startVpn, startVpn + nrPages);
  }

  #unmap(startVpn: Vpn, nrPages: number): void {
    this.#mapped.remove(startVpn, startVpn + nrPages);
  }

  #change(startVpn: Vpn, nrPages: number, prot: number): void {
    for (const gap of this.#mapped.collectGaps(startVpn, startVpn + nrPages)) {
      for (const range of this.#changed.collectGaps(gap.startVpn, gap.endVpn)) {
        this.changedRanges.push({ ...range, prot });
      }
      this.#changed.add(gap.startVpn, gap.endVpn);
      // From here on the replayed call, not the initial region, decides what is allowed.
      this.#mapped.add(gap.startVpn, gap.endVpn);
    }
  }

  #moveBrk(newBrk: Vaddr): void {
    if (this.startBrk === 0) {
      this.startBrk = newBrk;
    } else {
      const oldEndVpn = pagesOfBytes(this.#brk);
      const newEndVpn = pagesOfBytes(newBrk);
      if (newEndVpn > oldEndVpn) this.#map(oldEndVpn, newEndVpn - oldEndVpn);
      else this.#unmap(newEndVpn, oldEndVpn - newEndVpn);
    }
    this.#brk = newBrk;
  }
}
