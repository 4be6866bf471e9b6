import {
  ByteMemory,
  encodeDescriptor,
  type SegmentDescriptor,
  SegmentUnit,
  storeDescriptors,
  tssldtEntry32,
  tssldtEntry64,
  DESC_LDT,
  DESC_TSS,
} from "@pageframe/mmu";

export const GDT = 0x1000;
const LDT = 0x2000;
export const TSS = 0x3000;
/** GDT entries that setUp() uses: two descriptors of 16 bytes. */
const LDT_INDEX = 60;
const TSS_INDEX = 62;

/** A flat, present data segment of DPL 0, and what is different. */
export function descriptor(change: Partial<SegmentDescriptor> = {}): bigint {
  return encodeDescriptor({
    base: 0,
    limit: 0xfffff,
    type: 3,
    isSystem: false,
    dpl: 0,
    isPresent: true,
    isAvailable: false,
    isLong: false,
    isBig: true,
    isPaged: true,
    ...change,
  });
}

/** A CPU with a GDT of 64 entries at 0x1000, an LDT of 8 at 0x2000, and a TSS at 0x3000, all of which are empty. */
export class Machine {
  readonly memory: ByteMemory = new ByteMemory(new Uint8Array(0x4000));
  readonly unit: SegmentUnit;

  constructor(isLongMode = false) {
    this.unit = new SegmentUnit({ memory: this.memory, isLongMode });
    const ldt = isLongMode ? tssldtEntry64(DESC_LDT, BigInt(LDT), 63) : [tssldtEntry32(DESC_LDT, LDT, 63)];
    const tss = isLongMode ? tssldtEntry64(DESC_TSS, BigInt(TSS), 103) : [tssldtEntry32(DESC_TSS, TSS, 103)];
    this.write(LDT_INDEX, ...ldt);
    this.write(TSS_INDEX, ...tss);
    this.unit.lgdt(GDT, 64 * 8 - 1);
    this.unit.lldt(LDT_INDEX * 8);
    this.unit.ltr(TSS_INDEX * 8);
  }

  /** Writes GDT entries from `index` on. */
  write(index: number, ...entries: bigint[]): void {
    storeDescriptors(this.memory, GDT + 8 * index, entries);
  }

  writeLdt(index: number, ...entries: bigint[]): void {
    storeDescriptors(this.memory, LDT + 8 * index, entries);
  }

  /** A GDT entry as it is now. */
  entry(index: number): bigint {
    const at = GDT + 8 * index;
    return (BigInt(this.memory.readWord(at + 4)) << 32n) | BigInt(this.memory.readWord(at));
  }

  /** What a call left: 0, or the vector and error code of the exception. */
  outcome(result: number): 0 | [number, number] {
    if (result === 0) return 0;
    return [this.unit.faultVector, this.unit.faultCode];
  }
}
