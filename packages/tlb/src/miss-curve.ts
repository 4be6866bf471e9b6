/**
 * Misses of a fully associative, exact-LRU TLB of every size, in one pass. Hot: per access.
 *
 * A page's stack distance is how many different pages have been used since its last use, itself included. LRU with n
 * entries hits exactly the accesses whose distance is at most n, so a count of each distance answers for all n.
 *
 * Time counts accesses. A Fenwick tree over time has 1 where some page was used last; the distance is the sum from there to
 * now. When time reaches the end of the tree, the last uses are renumbered from 0, in their order: O(1) an access in the
 * mean. Last uses by (page, PCID) are in a hash table with open addressing, row `slot`:
 *
 *     keys    2 words a slot: low half of the page number; high half | PCID << 13 | 1 << 28, or 0 when the slot is free
 *     lastUse time of the last use
 *
 * An access costs O(log pages).
 * Source: Mattson, Gecsei, Slutz and Traiger 1970, "Evaluation techniques for storage hierarchies"; Bennett and Kruskal
 * 1975, "LRU stack processing" (the tree).
 */
import { type Asid, bug, EINVAL, KernelError, vpnHi as highOf, vpnLo as lowOf } from "@pageframe/contracts";

/** Distance of a page that was never used before. */
export const NEVER_USED = 0;

const KEY_ASID_SHIFT = 13;
const KEY_VALID: number = 1 << 28;
const NO_SLOT = -1;
const MIN_SLOTS = 1024;

/** Collects accesses, and then says what TLBs of any number of entries miss. No invalidations. */
export class MissCurve {
  /** Accesses so far, and different pages among them. */
  nrAccesses = 0;
  nrPages = 0;
  private keys: Int32Array = new Int32Array(2 * MIN_SLOTS);
  private lastUse: Int32Array = new Int32Array(MIN_SLOTS);
  /** Fenwick tree over time, from 1. */
  private tree: Int32Array = new Int32Array(2 * MIN_SLOTS + 1);
  /** Slot of the page whose last use was at a time, or NO_SLOT. */
  private slotAt: Int32Array = new Int32Array(2 * MIN_SLOTS + 1).fill(NO_SLOT);
  private now = 0;
  /** Accesses by distance; row NEVER_USED has first uses. */
  private distances: Float64Array = new Float64Array(MIN_SLOTS);

  /** Counts an access. Returns its stack distance, from 1, or NEVER_USED. */
  access(vpnLo: number, vpnHi: number, asid: Asid): number {
    const keyHi = vpnHi | (asid << KEY_ASID_SHIFT) | KEY_VALID;
    if (this.now === this.tree.length - 1) this.renumber();
    let slot = this.slotOf(vpnLo, keyHi);
    this.now++;
    this.nrAccesses++;
    let distance = NEVER_USED;
    if (this.keys[2 * slot + 1] === 0) {
      if (2 * this.nrPages >= this.lastUse.length) {
        this.growSlots();
        slot = this.slotOf(vpnLo, keyHi);
      }
      this.keys[2 * slot] = vpnLo;
      this.keys[2 * slot + 1] = keyHi;
      this.nrPages++;
    } else {
      const last = this.lastUse[slot];
      distance = this.nrPages - this.usedUpTo(last) + 1;
      this.add(last, -1);
      this.slotAt[last] = NO_SLOT;
    }
    this.lastUse[slot] = this.now;
    this.slotAt[this.now] = slot;
    this.add(this.now, 1);
    if (distance >= this.distances.length) this.growDistances(distance);
    this.distances[distance]++;
    return distance;
  }

  /** Counts an access to a byte address. Throws EINVAL for one that is no integer from 0 to 2^53 - 1. */
  accessAddress(address: number, asid: Asid = 0): number {
    const vpn = vpnOfTraced(address);
    return this.access(lowOf(vpn), highOf(vpn), asid);
  }

  /** Misses of a TLB with so many entries; of none, every access. O(entries). */
  missesAt(nrEntries: number): number {
    let misses = this.nrAccesses;
    const end = Math.min(nrEntries, this.nrPages, this.distances.length - 1);
    for (let distance = 1; distance <= end; distance++) misses -= this.distances[distance];
    return misses;
  }

  /** Misses by number of entries, from 0 to as many as there are pages, where only first uses are left. */
  curve(): Float64Array {
    const misses = new Float64Array(this.nrPages + 1);
    misses[0] = this.nrAccesses;
    for (let nrEntries = 1; nrEntries <= this.nrPages; nrEntries++) {
      const nrHits = nrEntries < this.distances.length ? this.distances[nrEntries] : 0;
      misses[nrEntries] = misses[nrEntries - 1] - nrHits;
    }
    return misses;
  }

  /** Checks that the tree, the times and the counts belong together. Cold. */
  checkInvariants(): void {
    let nrUsed = 0;
    for (let time = 1; time <= this.now; time++) {
      const slot = this.slotAt[time];
      if (slot !== NO_SLOT) nrUsed++;
      if (slot !== NO_SLOT && this.lastUse[slot] !== time) bug(`slot ${slot} was not used last at ${time}`);
      if (this.usedUpTo(time) !== nrUsed)
        bug(`${nrUsed} pages were used last up to ${time}, the tree differs`);
    }
    if (nrUsed !== this.nrPages) bug(`${nrUsed} pages have a last use, ${this.nrPages} counted`);
    const nrCounted = this.distances.reduce((sum, nr) => sum + nr, 0);
    if (nrCounted !== this.nrAccesses) bug(`${nrCounted} distances of ${this.nrAccesses} accesses`);
  }

  /** The slot of a key, or the free one where it belongs. */
  private slotOf(keyLo: number, keyHi: number): number {
    const { keys } = this;
    const slotMask = this.lastUse.length - 1;
    const mixed = Math.imul(keyLo, 0x9e3779b1) ^ Math.imul(keyHi, 0x85ebca6b);
    let slot = (mixed ^ (mixed >>> 15)) & slotMask;
    while (keys[2 * slot + 1] !== 0 && (keys[2 * slot] !== keyLo || keys[2 * slot + 1] !== keyHi)) {
      slot = (slot + 1) & slotMask;
    }
    return slot;
  }

  private usedUpTo(time: number): number {
    let sum = 0;
    for (let at = time; at > 0; at &= at - 1) sum += this.tree[at];
    return sum;
  }

  private add(time: number, change: number): void {
    const { tree } = this;
    for (let at = time; at < tree.length; at += at & -at) tree[at] += change;
  }

  /** Makes the last uses the times from 1, in their order, in a tree with room for as many accesses again. */
  private renumber(): void {
    const { slotAt, lastUse } = this;
    const room = Math.max(2 * MIN_SLOTS, 4 * 2 ** Math.ceil(Math.log2(this.nrPages + 1)));
    const renumbered = new Int32Array(room + 1).fill(NO_SLOT);
    let time = 0;
    for (const slot of slotAt) {
      if (slot === NO_SLOT) continue;
      renumbered[++time] = slot;
      lastUse[slot] = time;
    }
    this.slotAt = renumbered;
    this.tree = new Int32Array(room + 1);
    for (let at = 1; at <= room; at++) {
      if (at <= time) this.tree[at]++;
      const above = at + (at & -at);
      if (above <= room) this.tree[above] += this.tree[at];
    }
    this.now = time;
  }

  private growSlots(): void {
    const { keys, lastUse } = this;
    this.keys = new Int32Array(2 * keys.length);
    this.lastUse = new Int32Array(2 * lastUse.length);
    for (let old = 0; old < lastUse.length; old++) {
      if (keys[2 * old + 1] === 0) continue;
      const slot = this.slotOf(keys[2 * old], keys[2 * old + 1]);
      this.keys[2 * slot] = keys[2 * old];
      this.keys[2 * slot + 1] = keys[2 * old + 1];
      this.lastUse[slot] = lastUse[old];
      this.slotAt[lastUse[old]] = slot;
    }
  }

  private growDistances(distance: number): void {
    const grown = new Float64Array(2 ** Math.ceil(Math.log2(distance + 1)));
    grown.set(this.distances);
    this.distances = grown;
  }
}

/** Collects the accesses to an array of byte addresses. */
export function missCurve(addresses: Iterable<number>): MissCurve {
  const curve = new MissCurve();
  for (const address of addresses) curve.accessAddress(address);
  return curve;
}

/** Page of an address of a trace. Throws EINVAL for one that is no integer from 0 to 2^53 - 1. */
export function vpnOfTraced(address: number): number {
  if (!Number.isSafeInteger(address) || address < 0) {
    throw new KernelError(EINVAL, `address ${address} is no integer from 0 to 2^53 - 1`);
  }
  return Math.floor(address / 4096);
}
