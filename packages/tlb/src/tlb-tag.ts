/**
 * Tags of TLB entries: two int32 words. A page number counts in units of its own size. Hot: per walk.
 *
 *     tagLo   bits 0..31   low half of the page number
 *     tagHi   bits 0..12   high half of the page number      bits 25..26  page size: TLB_4K, TLB_2M, TLB_1G
 *             bits 13..24  PCID, 0 when global               bit  27      global
 *                                                            bit  28      valid; the word is 0 when not
 */
import { PTE_PS, TLB_1G, TLB_2M, TLB_4K, TLB_ENTRY_1G } from "@pageframe/contracts";

const TAG_VPN_HI_MASK = 0x1fff;
const TAG_PCID_SHIFT = 13;
const TAG_SIZE_SHIFT = 25;
const TAG_GLOBAL: number = 1 << 27;
const TAG_VALID: number = 1 << 28;
/** Set in the tags of large and of global pages: what a comparison with a plain tag cannot find. */
const TAG_SPECIAL: number = (3 << TAG_SIZE_SHIFT) | TAG_GLOBAL;

/** 2^32 divided by the golden ratio, odd: Knuth's multiplicative hash. */
const SIGNATURE_FACTOR: number = 0x9e3779b1 | 0;
const SIGNATURE_SHIFT = 24;

const PCID_MASK = 0xfff;
const SIZE_MASK = 3;

/** Low half of the number of the page of `pageSize` that holds a 4 KiB page. */
export function pageLoOf(vpnLo: number, vpnHi: number, pageSize: number): number {
  if (pageSize === TLB_4K) return vpnLo;
  if (pageSize === TLB_2M) return (vpnLo >>> 9) | (vpnHi << 23);
  return (vpnLo >>> 18) | (vpnHi << 14);
}

/** High half of the number of the page of `pageSize` that holds a 4 KiB page. */
export function pageHiOf(vpnHi: number, pageSize: number): number {
  if (pageSize === TLB_4K) return vpnHi;
  return pageSize === TLB_2M ? vpnHi >>> 9 : 0;
}

/** PCID of a tag; 0 of a global one. */
export function tagPcid(tagHi: number): number {
  return (tagHi >>> TAG_PCID_SHIFT) & PCID_MASK;
}

/** Page size of a tag: TLB_4K, TLB_2M or TLB_1G. */
export function tagSize(tagHi: number): number {
  return (tagHi >>> TAG_SIZE_SHIFT) & SIZE_MASK;
}

/** May an access under `pcid` use a valid entry? */
export function tagServes(tagHi: number, pcid: number): boolean {
  return (tagHi & TAG_GLOBAL) !== 0 || tagPcid(tagHi) === pcid;
}

/** Flags of an entry with the bits that tell its page size, whatever they were before. */
export function flagsForSize(flags: number, pageSize: number): number {
  const others = flags & ~(PTE_PS | TLB_ENTRY_1G);
  if (pageSize === TLB_4K) return others;
  return others | (pageSize === TLB_1G ? PTE_PS | TLB_ENTRY_1G : PTE_PS);
}

/** Hash of a page number's low half in bits 24..31: signatures of pages that share a set differ most of the time. */
export function signatureOf(pageLo: number): number {
  return Math.imul(pageLo, SIGNATURE_FACTOR) >>> SIGNATURE_SHIFT;
}

export { TAG_VPN_HI_MASK, TAG_PCID_SHIFT, TAG_SIZE_SHIFT, TAG_GLOBAL, TAG_VALID, TAG_SPECIAL };
