/** Operations that touch memory as instructions do: read, write, exec. */
import { PAGE_SIZE, SI_KERNEL, SIGKILL, type Vaddr } from "@pageframe/contracts";
import { type Kernel, type Task, type TaskSignal } from "@pageframe/kernel";
import { notModelled } from "./not-modelled-error.ts";
import { type OperationOf } from "./script.ts";
import { type StepResult } from "./step-result.ts";

const SIGILL = 4;
/** Code of an illegal operand; what a handler sees of an invalid opcode (ILL_ILLOPN). */
const ILL_ILLOPN = 2;
/** ret, and add %al,(%rax). */
const OPCODE_RET = 0xc3;
const OPCODE_ADD = 0x00;
/**
 * Opcodes that are invalid in 64-bit mode, alone or (62, c4, c5) before small bytes.
 * Source: Intel SDM vol. 2 appendix A, table A-2 (superscript i64).
 */
const INVALID_OPCODES: ReadonlySet<number> = new Set([
  0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x62, 0x82, 0x9a, 0xc4, 0xc5,
  0xce, 0xd4, 0xd5, 0xd6, 0xea,
]);
/** Results of hashed reads keep 47 bits. */
const HASH_MODULUS = 2 ** 47;
const HASH_FACTOR = 31;

/** Reads the first byte of each page: one byte is the answer, several are hashed. */
export function readPages(kernel: Kernel, task: Task, at: Vaddr, operation: OperationOf<"read">): StepResult {
  const { nrPages, stridePages } = operation;
  let hash = 0;
  for (let page = 0; page < nrPages; page++) {
    const address = at + page * stridePages * PAGE_SIZE;
    const byte = kernel.read(task, wrapped(address));
    if (typeof byte !== "number") return signalled(byte, address);
    hash = (hash * HASH_FACTOR + byte) % HASH_MODULUS;
  }
  return { ret: hash };
}

/** Writes the first byte of each page, counting up. */
export function writePages(
  kernel: Kernel,
  task: Task,
  at: Vaddr,
  operation: OperationOf<"write">,
): StepResult {
  const { value, nrPages, stridePages } = operation;
  for (let page = 0; page < nrPages; page++) {
    const address = at + page * stridePages * PAGE_SIZE;
    const signal = kernel.write(task, wrapped(address), (value + page) & 0xff);
    if (signal !== null) return { ...signalled(signal, address), nrWritten: page };
  }
  return { ret: 0 };
}

/**
 * Calls the code at an address, which is in rax then. Bytes of programs are few: a return, an invalid opcode, and zeros, each two
 * of which add to the byte that rax points to and go on.
 */
export function execute(kernel: Kernel, task: Task, at: Vaddr): StepResult {
  for (let address = at; ; address += 2) {
    const fetched = kernel.exec(task, wrapped(address));
    if (fetched !== null) return signalled(fetched, address);
    const opcode = kernel.read(task, wrapped(address));
    if (typeof opcode !== "number") return signalled(opcode, address);
    if (opcode === OPCODE_RET) return { ret: 0 };
    if (INVALID_OPCODES.has(opcode)) {
      return { ret: 0, signal: { signal: SIGILL, code: ILL_ILLOPN, address } };
    }
    if (opcode !== OPCODE_ADD) notModelled(`running the instruction 0x${opcode.toString(16)}`);
    const operand = kernel.read(task, wrapped(at));
    if (typeof operand !== "number") return signalled(operand, at);
    const signal = kernel.write(task, wrapped(at), (operand + (at % 256)) & 0xff);
    if (signal !== null) return signalled(signal, at);
  }
}

/** Addresses are 64 bits wide: those below zero are at the top. */
function wrapped(address: number): Vaddr | bigint {
  return address >= 0 && address < 2 ** 47 ? address : BigInt.asUintN(64, BigInt(address));
}

function signalled(signal: TaskSignal, address: Vaddr): StepResult {
  if (signal.signal === SIGKILL) return { ret: 0, isGone: true };
  // A general protection fault tells no address.
  const told = signal.code === SI_KERNEL ? 0 : address;
  return { ret: 0, signal: { signal: signal.signal, code: signal.code, address: told } };
}
