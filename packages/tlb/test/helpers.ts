import { type TlbWalker, vpnOf } from "@pageframe/contracts";

/** One cached translation as text. */
export function pageText(
  vpnLo: number,
  vpnHi: number,
  pcid: number,
  pageSize: number,
  pfn: number,
  flags: number,
): string {
  const page = `0x${vpnOf(vpnLo, vpnHi).toString(16)} pcid ${pcid} size ${pageSize}`;
  return `${page} -> ${pfn} flags 0x${(flags >>> 0).toString(16)}`;
}

/** A page table that has a leaf of fixed size and flags for every page but some. */
export class EasyWalker implements TlbWalker {
  leafPfn = 0;
  leafFlags = 0;
  leafSize = 0;
  nrWalks = 0;
  private readonly faultVpns: ReadonlySet<number>;

  constructor(leafSize: number, leafFlags: number, faultVpns: readonly number[] = []) {
    this.leafSize = leafSize;
    this.leafFlags = leafFlags;
    this.faultVpns = new Set(faultVpns);
  }

  walk(vpnLo: number, vpnHi: number): number {
    this.nrWalks++;
    if (this.faultVpns.has(vpnOf(vpnLo, vpnHi))) return -7;
    const nrPages = 512 ** this.leafSize;
    this.leafPfn = vpnLo - (vpnLo % nrPages);
    return 0;
  }
}
