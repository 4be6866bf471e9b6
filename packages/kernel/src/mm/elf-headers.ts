/**
 * Headers of 64-bit ELF files, as exec reads them. Cold.
 * Source: Linux 6.18 fs/binfmt_elf.c, load_elf_binary(), load_elf_phdrs(), make_prot(), maximum_alignment();
 * include/uapi/linux/elf.h.
 */
import { PAGE_SIZE, PROT_EXEC, PROT_READ, PROT_WRITE } from "@pageframe/contracts";
import { type ElfSegment } from "./elf-map.ts";

/** Bytes of the header of a file, and of a program header (sizeof(struct elf64_hdr), sizeof(struct elf64_phdr)). */
export const ELF_HEADER_BYTES = 64;
const ELF_PHDR_BYTES = 56;
/** Most bytes of program headers (ELF_MIN_ALIGN). */
const MAX_PHDR_BYTES: number = PAGE_SIZE;
/** "\x7fELF", read as a little-endian number. */
const ELF_MAGIC = 0x464c457f;
const ET_EXEC = 2;
const ET_DYN = 3;
/** e_machine. */
export const EM_X86_64 = 62;
export const EM_RISCV = 243;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PT_GNU_STACK = 0x6474e551;
const PF_X = 1;
const PF_W = 2;
const PF_R = 4;

/** What the first bytes of a program say. */
export interface ElfHeader {
  /** ET_DYN: goes anywhere. */
  readonly isPie: boolean;
  /** Where the program headers lie in the file, and how many bytes they take. */
  readonly phdrOffset: number;
  readonly phdrBytes: number;
}

/** What the program headers say. */
export interface ElfProgramHeaders {
  /** PT_LOAD headers that take memory. */
  readonly segments: readonly ElfSegment[];
  /** Largest alignment that one of them asks for, in bytes. */
  readonly alignBytes: number;
  /** PT_GNU_STACK with PF_X. */
  readonly isStackExecutable: boolean;
  /** Where the path of the dynamic loader lies in the file (the first PT_INTERP); null without. */
  readonly interpreter: { readonly offsetBytes: number; readonly nrBytes: number } | null;
}

/** Reads the header of a program for a kind of machine (EM_*); null when it is none. */
export function parseElfHeader(bytes: Uint8Array, machine: number): ElfHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== ELF_MAGIC) return null;
  const type = view.getUint16(16, true);
  if ((type !== ET_EXEC && type !== ET_DYN) || view.getUint16(18, true) !== machine) return null;
  const phdrBytes = view.getUint16(56, true) * ELF_PHDR_BYTES;
  if (view.getUint16(54, true) !== ELF_PHDR_BYTES || phdrBytes === 0 || phdrBytes > MAX_PHDR_BYTES)
    return null;
  return { isPie: type === ET_DYN, phdrOffset: word(view, 32), phdrBytes };
}

/** Reads the program headers. Numbers of 2^53 and more are not exact; no address space is so large. */
export function parseProgramHeaders(bytes: Uint8Array): ElfProgramHeaders {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments: ElfSegment[] = [];
  let alignBytes = PAGE_SIZE;
  let isStackExecutable = false;
  let interpreter: ElfProgramHeaders["interpreter"] = null;
  for (let at = 0; at + ELF_PHDR_BYTES <= bytes.length; at += ELF_PHDR_BYTES) {
    const type = view.getUint32(at, true);
    const flags = view.getUint32(at + 4, true);
    const offsetBytes = word(view, at + 8);
    const fileBytes = word(view, at + 32);
    const memBytes = word(view, at + 40);
    if (type === PT_GNU_STACK) isStackExecutable = (flags & PF_X) !== 0;
    if (type === PT_INTERP) interpreter ??= { offsetBytes, nrBytes: fileBytes };
    if (type !== PT_LOAD) continue;
    const align = word(view, at + 48);
    if (Number.isInteger(Math.log2(align))) alignBytes = Math.max(alignBytes, align);
    if (memBytes === 0) continue;
    segments.push({ vaddr: word(view, at + 16), offsetBytes, fileBytes, memBytes, prot: protOf(flags) });
  }
  return { segments, alignBytes, isStackExecutable, interpreter };
}

function protOf(flags: number): number {
  return (
    ((flags & PF_R) !== 0 ? PROT_READ : 0) |
    ((flags & PF_W) !== 0 ? PROT_WRITE : 0) |
    ((flags & PF_X) !== 0 ? PROT_EXEC : 0)
  );
}

function word(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
