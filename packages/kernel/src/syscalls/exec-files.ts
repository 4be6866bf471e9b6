/**
 * Programs that lie on mounted file systems: opened for execve(2), their headers read through the page cache.
 *
 * While somebody executes a file nobody may write it, and the other way round (`Inode.writeCount`): from the moment exec opens it,
 * and for the program itself as long as an address space runs it.
 * Source: Linux 6.18 fs/exec.c, do_open_execat(), prepare_binprm(); fs/binfmt_elf.c, load_elf_binary(), elf_read();
 * fs/namei.c, may_open(); kernel/fork.c, set_mm_exe_file(). Differs: no scripts ("#!") and no other kinds of programs than ELF
 * for 64 bits.
 */
import {
  EACCES,
  EIO,
  ELIBBAD,
  ELOOP,
  ENOENT,
  ENOEXEC,
  ETXTBSY,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from "@pageframe/contracts";
import { FMODE_READ } from "@pageframe/vma";
import { type OpenFile } from "../files/inode.ts";
import { closeFile } from "../files/shmem.ts";
import { getInode } from "../fs/inodes.ts";
import { walkPath } from "../fs/path-walk.ts";
import {
  ELF_HEADER_BYTES,
  type ElfHeader,
  type ElfProgramHeaders,
  EM_RISCV,
  EM_X86_64,
  parseElfHeader,
  parseProgramHeaders,
} from "../mm/elf-headers.ts";
import { type ElfImage } from "../mm/elf-map.ts";
import { readFile } from "./read-write.ts";
import { type System } from "../system.ts";
import { type Task } from "../task.ts";

/** Bytes of a file that say what kind of program it is (BINPRM_BUF_SIZE). */
const BINPRM_BUF_SIZE = 256;
const PATH_MAX = 4096;
const S_IXUGO = 0o111;
const S_IXOTH = 0o001;

/** A program with its interpreter, opened and not to be written until closeImages(). */
export interface ExecImages {
  readonly program: ElfImage;
  readonly interpreter: ElfImage | null;
  readonly isStackExecutable: boolean;
  /** File of the program, and of the interpreter. */
  readonly files: readonly OpenFile[];
}

/**
 * Opens the program at a path and the interpreter that it names. Returns them; -ENOENT and what else a path may say; -EACCES for what
 * is no file or not executable; -ETXTBSY while it is open for writing; -ENOEXEC for no program; -ELIBBAD for an
 * interpreter that is none; -EIO.
 */
export function openImages(sys: System, task: Task, path: string): ExecImages | number {
  const files: OpenFile[] = [];
  const images = readImages(sys, task, path, files);
  if (typeof images === "number") closeExecFiles(sys, files);
  return images;
}

/** Lets go of what openImages() opened: mappings and the address space hold what they need. */
export function closeExecFiles(sys: System, files: readonly OpenFile[]): void {
  for (const file of files) {
    file.inode.writeCount++;
    closeFile(sys, file);
  }
}

function readImages(sys: System, task: Task, path: string, files: OpenFile[]): ExecImages | number {
  const file = openExec(sys, task, path);
  if (typeof file === "number") return file;
  files.push(file);
  const start = new Uint8Array(BINPRM_BUF_SIZE);
  const nrRead = readFile(sys, task, file, start, 0);
  if (nrRead < 0) return nrRead;
  const found = readHeaders(sys, task, file, start);
  if (found === null) return -ENOEXEC;
  const { header, headers } = found;
  const program = imageOf(file, header, headers);
  const { isStackExecutable } = headers;
  if (headers.interpreter === null) return { program, interpreter: null, isStackExecutable, files };
  const { offsetBytes, nrBytes } = headers.interpreter;
  if (nrBytes > PATH_MAX || nrBytes < 2) return -ENOEXEC;
  const name = new Uint8Array(nrBytes);
  if (!readWhole(sys, task, file, name, offsetBytes)) return -EIO;
  if (name[nrBytes - 1] !== 0) return -ENOEXEC;
  const loader = openExec(sys, task, textOf(name));
  if (typeof loader === "number") return loader;
  files.push(loader);
  const loaderStart = new Uint8Array(ELF_HEADER_BYTES);
  if (!readWhole(sys, task, loader, loaderStart, 0)) return -EIO;
  const loaderFound = readHeaders(sys, task, loader, loaderStart);
  if (loaderFound === null) return -ELIBBAD;
  const interpreter = imageOf(loader, loaderFound.header, loaderFound.headers);
  return { program, interpreter, isStackExecutable, files };
}

/** Opens a file to execute it; nobody may write it then. Returns it or -errno (do_open_execat). */
function openExec(sys: System, task: Task, path: string): OpenFile | number {
  const place = walkPath(sys, path, true);
  if (typeof place === "number") return place;
  if (place.ino === 0) return -ENOENT;
  const attributes = place.superBlock.fs.getattr(place.ino);
  if (typeof attributes === "number") return attributes;
  const type = attributes.mode & S_IFMT;
  if (type === S_IFLNK) return -ELOOP;
  if (type !== S_IFREG) return -EACCES;
  // Files are root's; it too needs one permission to execute.
  const wanted = task.process.isPrivileged ? S_IXUGO : S_IXOTH;
  if ((attributes.mode & wanted) === 0) return -EACCES;
  const inode = getInode(sys, place.superBlock, place.ino);
  if (typeof inode === "number") return inode;
  if (inode.writeCount > 0) return -ETXTBSY;
  if (inode.name === "" || inode.nrFiles === 0) inode.name = place.path;
  inode.writeCount--;
  return sys.files.openInode(inode, FMODE_READ);
}

/** Reads header and program headers of a file whose first bytes are given; null when it is no program. */
function readHeaders(
  sys: System,
  task: Task,
  file: OpenFile,
  start: Uint8Array,
): { header: ElfHeader; headers: ElfProgramHeaders } | null {
  const header = parseElfHeader(start, sys.kernelHalf.layout.isRiscv ? EM_RISCV : EM_X86_64);
  if (header === null) return null;
  const bytes = new Uint8Array(header.phdrBytes);
  if (!readWhole(sys, task, file, bytes, header.phdrOffset)) return null;
  return { header, headers: parseProgramHeaders(bytes) };
}

/** Reads as many bytes as fit; false when there are fewer (elf_read). */
function readWhole(sys: System, task: Task, file: OpenFile, to: Uint8Array, offsetBytes: number): boolean {
  if (offsetBytes + to.length > file.inode.sizeBytes) return false;
  return readFile(sys, task, file, to, offsetBytes) === to.length;
}

function imageOf(file: OpenFile, header: ElfHeader, headers: ElfProgramHeaders): ElfImage {
  const { segments, alignBytes } = headers;
  return { fileId: file.id, isPie: header.isPie, segments, alignBytes };
}

/** Text up to the first zero, a character a byte. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length && bytes[at] !== 0; at++) text += String.fromCharCode(bytes[at]);
  return text;
}
