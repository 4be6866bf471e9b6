/**
 * Mapping the segments of an ELF file. Cold.
 * Source: Linux 6.18 fs/binfmt_elf.c, elf_load(), elf_map(), total_mapping_size(), load_elf_binary(), load_elf_interp();
 * mm/vma.c, do_brk_flags().
 */
import {
  EINVAL,
  ENOEXEC,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_PRIVATE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  type Vaddr,
} from "@pageframe/contracts";
import { type AddressSpace } from "@pageframe/vma";

/** A PT_LOAD program header: what of the file goes where. */
export interface ElfSegment {
  /** Address in the file: as it is, or from the program's base when that is chosen (PIE). */
  readonly vaddr: Vaddr;
  /** Place in the file; `vaddr` and this agree in the last 12 bits. */
  readonly offsetBytes: number;
  /** Bytes of the file; and of memory, zeros behind them (bss). */
  readonly fileBytes: number;
  readonly memBytes: number;
  /** PROT_* bits. */
  readonly prot: number;
}

/** A program or interpreter: an open file and its segments in ascending order. */
export interface ElfImage {
  readonly fileId: number;
  /** ET_DYN: goes anywhere. ET_EXEC: where it says. */
  readonly isPie: boolean;
  readonly segments: readonly ElfSegment[];
  /** Largest alignment that its headers ask for, a power of two; a page when absent. */
  readonly alignBytes?: number;
}

/** Where an image went, all in bytes. */
export interface LoadedImage {
  /** What was added to each address. */
  readonly bias: number;
  readonly startCode: Vaddr;
  readonly endCode: Vaddr;
  readonly startData: Vaddr;
  readonly endData: Vaddr;
  /** End of the last segment, bss included. */
  readonly endBss: Vaddr;
  /** Ranges behind writable segments that exec has to fill with zeros up to the page's end. */
  readonly zeroFrom: readonly Vaddr[];
}

/** Is the image one that exec takes? Returns 0, -ENOEXEC without segments, or -EINVAL. */
export function checkImage(image: ElfImage, taskSize: number): number {
  if (image.segments.length === 0) return -ENOEXEC;
  let end = 0;
  for (const { vaddr, offsetBytes, fileBytes, memBytes } of image.segments) {
    const isSound =
      [vaddr, offsetBytes, fileBytes, memBytes].every((value) => Number.isInteger(value) && value >= 0) &&
      fileBytes <= memBytes &&
      memBytes > 0 &&
      vaddr >= end &&
      (fileBytes === 0 || vaddr % PAGE_SIZE === offsetBytes % PAGE_SIZE) &&
      vaddr + memBytes <= taskSize;
    if (!isSound) return -EINVAL;
    end = vaddr + memBytes;
  }
  return 0;
}

/**
 * Maps all segments. `base` is where a PIE goes, in bytes; null: where mmap puts it. Returns where it went, or -errno with
 * a part mapped.
 */
export function mapImage(space: AddressSpace, image: ElfImage, base: Vaddr | null): LoadedImage | number {
  const { segments, isPie } = image;
  let bias = base === null || !isPie ? 0 : base - pageStart(segments[0].vaddr);
  let [startCode, endCode, startData, endData, endBss] = [Infinity, 0, 0, 0, 0];
  const zeroFrom: Vaddr[] = [];
  for (let at = 0; at < segments.length; at++) {
    const segment = segments[at];
    const { vaddr, fileBytes, memBytes, prot } = segment;
    if (at === 0 && isPie) {
      const start = reserve(space, image, base);
      if (start < 0) return start;
      bias = start - pageStart(vaddr);
    }
    const isPlaced = at > 0 || isPie;
    const mapped = loadSegment(
      space,
      image.fileId,
      segment,
      bias,
      isPlaced ? MAP_FIXED : MAP_FIXED_NOREPLACE,
    );
    if (mapped < 0) return mapped;
    if (memBytes > fileBytes && fileBytes > 0 && (prot & PROT_WRITE) !== 0)
      zeroFrom.push(vaddr + bias + fileBytes);
    if ((prot & PROT_EXEC) !== 0) {
      startCode = Math.min(startCode, vaddr + bias);
      endCode = Math.max(endCode, vaddr + bias + fileBytes);
    }
    startData = Math.max(startData, vaddr + bias);
    endData = Math.max(endData, vaddr + bias + fileBytes);
    endBss = Math.max(endBss, vaddr + bias + memBytes);
  }
  return { bias, startCode: Math.min(startCode, endData), endCode, startData, endData, endBss, zeroFrom };
}

/** Finds room for the whole of a PIE by mapping it once, as its first segment; returns the start or an errno. */
function reserve(space: AddressSpace, image: ElfImage, base: Vaddr | null): number {
  const [first] = image.segments;
  const last = image.segments[image.segments.length - 1];
  const nrBytes = pageEnd(last.vaddr + last.memBytes) - pageStart(first.vaddr);
  const { alignBytes = PAGE_SIZE, fileId } = image;
  const offsetBytes = pageStart(first.offsetBytes);
  let place = base === null ? null : base - (base % alignBytes);
  if (place === null) {
    const found = space.mmap(0, nrBytes, first.prot, MAP_PRIVATE, fileId, offsetBytes);
    if (found < 0) return found;
    space.munmap(found, nrBytes);
    if (found % alignBytes === 0) return found;
    place = found - (found % alignBytes);
  }
  const flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE;
  const start = space.mmap(place, nrBytes, first.prot, flags, fileId, offsetBytes);
  if (start >= 0) space.munmap(start, nrBytes);
  return start;
}

/** Maps one segment: its part of the file, and zeros behind. Returns 0 or -errno. */
function loadSegment(
  space: AddressSpace,
  fileId: number,
  segment: ElfSegment,
  bias: number,
  placement: number,
): number {
  const { offsetBytes, fileBytes, memBytes, prot } = segment;
  const vaddr = segment.vaddr + bias;
  if (fileBytes > 0) {
    const start = pageStart(vaddr);
    const mapped = space.mmap(
      start,
      pageEnd(vaddr + fileBytes) - start,
      prot,
      MAP_PRIVATE | placement,
      fileId,
      pageStart(offsetBytes),
    );
    if (mapped < 0) return mapped;
  }
  const bssStart = fileBytes > 0 ? pageEnd(vaddr + fileBytes) : pageStart(vaddr);
  const bssEnd = pageEnd(vaddr + memBytes);
  if (memBytes === fileBytes || bssEnd <= bssStart) return 0;
  const bssProt = PROT_READ | PROT_WRITE | (prot & PROT_EXEC);
  const mapped = space.mmap(
    bssStart,
    bssEnd - bssStart,
    bssProt,
    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
  );
  return Math.min(mapped, 0);
}

function pageStart(address: Vaddr): Vaddr {
  return address - (address % PAGE_SIZE);
}

function pageEnd(address: Vaddr): Vaddr {
  return Math.ceil(address / PAGE_SIZE) * PAGE_SIZE;
}
