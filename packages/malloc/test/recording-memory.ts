import { PAGE_SIZE, type ProgramMemory } from "@pageframe/contracts";

/** Mappings lie far above the heap. */
const MMAP_START = 0x700000000000;
const HEAP_BYTES = 67108864;

/** A kernel without limits that writes down what it is asked, as the recordings do: `h` heap, `mN` N-th mapping. */
export class RecordingMemory implements ProgramMemory {
  readonly calls: string[] = [];
  readonly resident = new Set<number>();
  /** What mmap() gives next, and which numbers the mappings have. */
  private nextMapping = MMAP_START;
  private nrMappings = 0;
  private readonly mappings = new Map<number, { name: string; nrBytes: number }>();
  private readonly heapStart: number;
  private end: number;
  /** brk() fails above this. */
  brkLimit = Infinity;

  /** Addresses modulo 64 MiB that mappings for heaps of arenas get, in order. */
  private readonly heapOffsets: number[];

  constructor(heapStart = 0x10000000, heapOffsets: readonly number[] = []) {
    this.heapOffsets = [...heapOffsets];
    this.heapStart = heapStart;
    this.end = heapStart;
  }

  brk(address: number): number {
    this.calls.push(address === 0 ? "b?" : `b ${(address - this.heapStart).toString(16)}`);
    if (address >= this.heapStart && address <= this.brkLimit) {
      this.drop(address, this.end - address);
      this.end = address;
    }
    return this.end;
  }

  mmap(_address: number, nrBytes: number): number {
    this.calls.push(`m ${nrBytes.toString(16)}`);
    const isHeap = nrBytes === HEAP_BYTES || nrBytes === 2 * HEAP_BYTES;
    const offset = isHeap ? this.heapOffsets.shift() : undefined;
    if (offset !== undefined)
      this.nextMapping = Math.ceil(this.nextMapping / HEAP_BYTES) * HEAP_BYTES + offset;
    const at = this.nextMapping;
    this.nextMapping += nrBytes + PAGE_SIZE;
    this.mappings.set(at, { name: `m${this.nrMappings++}`, nrBytes });
    return at;
  }

  munmap(address: number, nrBytes: number): number {
    this.calls.push(`u ${this.nameOf(address)} ${nrBytes.toString(16)}`);
    if (this.mappings.get(address)?.nrBytes === nrBytes) this.mappings.delete(address);
    this.drop(address, nrBytes);
    return 0;
  }

  mremap(address: number, oldBytes: number, newBytes: number): number {
    const mapping = this.mappings.get(address);
    this.calls.push(`r ${mapping?.name ?? "?"} ${oldBytes.toString(16)} ${newBytes.toString(16)}`);
    this.mappings.delete(address);
    const at = this.nextMapping;
    this.nextMapping += newBytes + PAGE_SIZE;
    this.mappings.set(at, { name: mapping?.name ?? "?", nrBytes: newBytes });
    return at;
  }

  mprotect(address: number, nrBytes: number, prot: number): number {
    this.calls.push(`p ${this.nameOf(address)} ${nrBytes.toString(16)} ${prot}`);
    return 0;
  }

  dontneed(address: number, nrBytes: number): number {
    this.calls.push(`d ${this.nameOf(address)} ${nrBytes.toString(16)}`);
    this.drop(address, nrBytes);
    return 0;
  }

  touch(address: number, nrBytes: number): void {
    const last = Math.floor((address + nrBytes - 1) / PAGE_SIZE);
    for (let page = Math.floor(address / PAGE_SIZE); page <= last; page++) this.resident.add(page);
  }

  private drop(address: number, nrBytes: number): void {
    for (let at = address; at < address + nrBytes; at += PAGE_SIZE) this.resident.delete(at / PAGE_SIZE);
  }

  private nameOf(address: number): string {
    if (address < MMAP_START) return `h+${(address - this.heapStart).toString(16)}`;
    for (const [at, { name, nrBytes }] of [...this.mappings].reverse()) {
      if (at <= address && address < at + nrBytes) return `${name}+${(address - at).toString(16)}`;
    }
    return "?";
  }
}
