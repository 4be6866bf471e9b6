/**
 * userfaultfd(2), and what can be done with what it gives: ioctl_userfaultfd(2), read(2), close(2).
 * Source: Linux 6.18 fs/userfaultfd.c, new_userfaultfd(), userfaultfd_ioctl() and its callees, userfaultfd_read_iter().
 * Differs: read never blocks. A context has a number of its own, not one of files, and is open for all tasks.
 */
import {
  EAGAIN,
  EBADF,
  EINVAL,
  EPERM,
  ESRCH,
  PAGE_SIZE,
  UFFD_API,
  UFFD_API_FEATURES,
  UFFD_CLOEXEC,
  UFFD_FEATURE_EVENT_FORK,
  UFFD_FEATURE_WP_ASYNC,
  UFFD_FEATURE_WP_UNPOPULATED,
  UFFD_NONBLOCK,
  UFFD_USER_MODE_ONLY,
  UFFDIO_API,
  UFFDIO_CONTINUE,
  UFFDIO_CONTINUE_MODE_DONTWAKE,
  UFFDIO_CONTINUE_MODE_WP,
  UFFDIO_COPY,
  UFFDIO_COPY_MODE_DONTWAKE,
  UFFDIO_COPY_MODE_WP,
  UFFDIO_MOVE,
  UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES,
  UFFDIO_MOVE_MODE_DONTWAKE,
  UFFDIO_NR_API,
  UFFDIO_NR_CONTINUE,
  UFFDIO_NR_COPY,
  UFFDIO_NR_MOVE,
  UFFDIO_NR_POISON,
  UFFDIO_NR_REGISTER,
  UFFDIO_NR_UNREGISTER,
  UFFDIO_NR_WAKE,
  UFFDIO_NR_WRITEPROTECT,
  UFFDIO_NR_ZEROPAGE,
  UFFDIO_POISON,
  UFFDIO_POISON_MODE_DONTWAKE,
  UFFDIO_REGISTER,
  UFFDIO_REGISTER_MODE_MINOR,
  UFFDIO_REGISTER_MODE_WP,
  UFFDIO_UNREGISTER,
  UFFDIO_WAKE,
  UFFDIO_WRITEPROTECT,
  UFFDIO_WRITEPROTECT_MODE_DONTWAKE,
  UFFDIO_WRITEPROTECT_MODE_WP,
  UFFDIO_ZEROPAGE,
  UFFDIO_ZEROPAGE_MODE_DONTWAKE,
  type Vaddr,
} from "@pageframe/contracts";
import { type System } from "../system.ts";
import { type Mm, type Task } from "../task.ts";
import { type UffdMsg, type UserfaultCtx } from "../uffd/context.ts";
import {
  MFILL_ATOMIC_CONTINUE,
  MFILL_ATOMIC_COPY,
  MFILL_ATOMIC_POISON,
  MFILL_ATOMIC_ZEROPAGE,
  mfillAtomic,
} from "../uffd/mfill.ts";
import { uffdMove } from "../uffd/move.ts";
import { registerRange, releaseUffd, uffdFlagsOfMode, unregisterRange } from "../uffd/register.ts";
import { writeProtectRange } from "../uffd/write-protect.ts";

/** Bytes of a program's memory (struct uffdio_range). */
export interface UffdioRange {
  start: Vaddr;
  len: number;
}

/** Arguments of each ioctl, as its struct has them; the last fields are results, which the call fills in. */
export interface UffdioArgs {
  /** `features`: asked for, then all there are; `ioctls`: mask by UFFDIO_NR_*. */
  [UFFDIO_API]: { api: number; features: number; ioctls?: bigint };
  /** `mode`: UFFDIO_REGISTER_MODE_*; `ioctls`: what works on the range. */
  [UFFDIO_REGISTER]: { range: UffdioRange; mode: number; ioctls?: bigint };
  [UFFDIO_UNREGISTER]: UffdioRange;
  [UFFDIO_WAKE]: UffdioRange;
  /** The last fields: bytes done, or the errno of the first page. */
  [UFFDIO_COPY]: { dst: Vaddr; src: Vaddr; len: number; mode: number; copy?: number };
  [UFFDIO_ZEROPAGE]: { range: UffdioRange; mode: number; zeropage?: number };
  [UFFDIO_CONTINUE]: { range: UffdioRange; mode: number; mapped?: number };
  [UFFDIO_POISON]: { range: UffdioRange; mode: number; updated?: number };
  [UFFDIO_MOVE]: { dst: Vaddr; src: Vaddr; len: number; mode: number; move?: number };
  [UFFDIO_WRITEPROTECT]: { range: UffdioRange; mode: number };
}

/** Ioctls of a context, of a range. */
const API_IOCTLS: bigint = maskOf(UFFDIO_NR_REGISTER, UFFDIO_NR_UNREGISTER, UFFDIO_NR_API);
const RANGE_IOCTLS: bigint = maskOf(
  UFFDIO_NR_WAKE,
  UFFDIO_NR_COPY,
  UFFDIO_NR_ZEROPAGE,
  UFFDIO_NR_MOVE,
  UFFDIO_NR_WRITEPROTECT,
  UFFDIO_NR_CONTINUE,
  UFFDIO_NR_POISON,
);

/** userfaultfd(2): makes a context for the task's address space. Its number, -EINVAL or -EPERM. */
export function sysUserfaultfd(sys: System, task: Task, flags: number): number {
  const mayHandleKernelFaults =
    (flags & UFFD_USER_MODE_ONLY) !== 0 ||
    task.mm.space.isPrivileged ||
    sys.sysctls.unprivilegedUserfaultfd !== 0;
  if (!mayHandleKernelFaults) return -EPERM;
  if ((flags & ~(UFFD_CLOEXEC | UFFD_NONBLOCK | UFFD_USER_MODE_ONLY)) !== 0) return -EINVAL;
  return sys.uffd.open(flags, task.mm).id;
}

/** read(2) of one message: -EAGAIN when there is none, -EINVAL before UFFDIO_API, -EBADF. */
export function sysUffdRead(sys: System, uffd: number): UffdMsg | number {
  const ctx = findContext(sys, uffd);
  if (ctx === null) return -EBADF;
  if (!ctx.isInitialized) return -EINVAL;
  const wait = ctx.pending.shift();
  if (wait !== undefined) {
    ctx.read.push(wait);
    return wait.msg;
  }
  return ctx.events.shift() ?? -EAGAIN;
}

/** close(2): nobody watches by it any more, and who waits is woken. 0 or -EBADF. */
export function sysUffdClose(sys: System, uffd: number): number {
  const ctx = findContext(sys, uffd);
  if (ctx === null) return -EBADF;
  releaseUffd(sys, ctx);
  return 0;
}

/** ioctl(2) with UFFDIO_*: 0 or -errno. `task` calls; its memory is what UFFDIO_COPY copies from. */
export function sysUffdIoctl<Command extends keyof UffdioArgs>(
  sys: System,
  task: Task,
  uffd: number,
  command: Command,
  arg: UffdioArgs[Command],
): number {
  const ctx = findContext(sys, uffd);
  if (ctx === null) return -EBADF;
  if (command !== UFFDIO_API && !ctx.isInitialized) return -EINVAL;
  // The argument is what the command says; TypeScript cannot see it.
  switch (command) {
    case UFFDIO_API:
      return uffdApi(task, ctx, arg as UffdioArgs[typeof UFFDIO_API]);
    case UFFDIO_REGISTER:
      return uffdRegister(sys, ctx, arg as UffdioArgs[typeof UFFDIO_REGISTER]);
    case UFFDIO_UNREGISTER:
      return uffdUnregister(sys, ctx, arg as UffdioRange);
    case UFFDIO_WAKE:
      return uffdWake(sys, ctx, arg as UffdioRange);
    case UFFDIO_COPY:
      return uffdCopy(sys, task, ctx, arg as UffdioArgs[typeof UFFDIO_COPY]);
    case UFFDIO_ZEROPAGE:
      return uffdZeropage(sys, task, ctx, arg as UffdioArgs[typeof UFFDIO_ZEROPAGE]);
    case UFFDIO_CONTINUE:
      return uffdContinue(sys, task, ctx, arg as UffdioArgs[typeof UFFDIO_CONTINUE]);
    case UFFDIO_POISON:
      return uffdPoison(sys, task, ctx, arg as UffdioArgs[typeof UFFDIO_POISON]);
    case UFFDIO_MOVE:
      return uffdMoveTo(sys, task, ctx, arg as UffdioArgs[typeof UFFDIO_MOVE]);
    case UFFDIO_WRITEPROTECT:
      return uffdWriteProtect(sys, ctx, arg as UffdioArgs[typeof UFFDIO_WRITEPROTECT]);
    default:
      return -EINVAL;
  }
}

function findContext(sys: System, uffd: number): UserfaultCtx | null {
  return sys.uffd.contexts[uffd] ?? null;
}

function uffdApi(task: Task, ctx: UserfaultCtx, arg: UffdioArgs[typeof UFFDIO_API]): number {
  const { api, features: asked } = arg;
  // On failure the whole struct is zeros.
  Object.assign(arg, { api: 0, features: 0, ioctls: 0n });
  if (api !== UFFD_API) return -EINVAL;
  if ((asked & UFFD_FEATURE_EVENT_FORK) !== 0 && !task.mm.space.isPrivileged) return -EPERM;
  const features = (asked & UFFD_FEATURE_WP_ASYNC) !== 0 ? asked | UFFD_FEATURE_WP_UNPOPULATED : asked;
  if ((features & ~UFFD_API_FEATURES) !== 0 || ctx.isInitialized) return -EINVAL;
  Object.assign(arg, { api, features: UFFD_API_FEATURES, ioctls: API_IOCTLS });
  ctx.features = features;
  ctx.isInitialized = true;
  return 0;
}

function uffdRegister(sys: System, ctx: UserfaultCtx, arg: UffdioArgs[typeof UFFDIO_REGISTER]): number {
  const uffdFlags = uffdFlagsOfMode(arg.mode);
  if (uffdFlags === 0 || !isRange(ctx.mm, arg.range)) return -EINVAL;
  const error =
    unlessGone(ctx) ?? registerRange(sys, ctx, startVpnOf(arg.range), endVpnOf(arg.range), uffdFlags);
  if (error !== 0) return error;
  let ioctls = RANGE_IOCTLS;
  if ((arg.mode & UFFDIO_REGISTER_MODE_WP) === 0) ioctls &= ~maskOf(UFFDIO_NR_WRITEPROTECT);
  if ((arg.mode & UFFDIO_REGISTER_MODE_MINOR) === 0) ioctls &= ~maskOf(UFFDIO_NR_CONTINUE);
  arg.ioctls = ioctls;
  return 0;
}

function uffdUnregister(sys: System, ctx: UserfaultCtx, range: UffdioRange): number {
  if (!isRange(ctx.mm, range)) return -EINVAL;
  return unlessGone(ctx) ?? unregisterRange(sys, ctx, startVpnOf(range), endVpnOf(range));
}

function uffdWake(sys: System, ctx: UserfaultCtx, range: UffdioRange): number {
  if (!isRange(ctx.mm, range)) return -EINVAL;
  sys.uffd.wake(ctx, range.start, range.start + range.len);
  return 0;
}

function uffdCopy(sys: System, task: Task, ctx: UserfaultCtx, arg: UffdioArgs[typeof UFFDIO_COPY]): number {
  const { dst, src, len, mode } = arg;
  if (ctx.events.length > 0) return (arg.copy = -EAGAIN);
  if (!isUnalignedRange(ctx.mm, src, len) || !isRange(ctx.mm, { start: dst, len })) return -EINVAL;
  if ((mode & ~(UFFDIO_COPY_MODE_DONTWAKE | UFFDIO_COPY_MODE_WP)) !== 0) return -EINVAL;
  const isWp = (mode & UFFDIO_COPY_MODE_WP) !== 0;
  const gone = unlessGone(ctx);
  if (gone !== null) return gone;
  arg.copy = mfillAtomic(sys, task, ctx, dst, src, len, MFILL_ATOMIC_COPY, isWp);
  return finishFill(sys, ctx, dst, len, arg.copy, (mode & UFFDIO_COPY_MODE_DONTWAKE) === 0);
}

function uffdZeropage(
  sys: System,
  task: Task,
  ctx: UserfaultCtx,
  arg: UffdioArgs[typeof UFFDIO_ZEROPAGE],
): number {
  const { range, mode } = arg;
  if (ctx.events.length > 0) return (arg.zeropage = -EAGAIN);
  if (!isRange(ctx.mm, range) || (mode & ~UFFDIO_ZEROPAGE_MODE_DONTWAKE) !== 0) return -EINVAL;
  const gone = unlessGone(ctx);
  if (gone !== null) return gone;
  arg.zeropage = mfillAtomic(sys, task, ctx, range.start, 0, range.len, MFILL_ATOMIC_ZEROPAGE, false);
  const isWoken = (mode & UFFDIO_ZEROPAGE_MODE_DONTWAKE) === 0;
  return finishFill(sys, ctx, range.start, range.len, arg.zeropage, isWoken);
}

function uffdContinue(
  sys: System,
  task: Task,
  ctx: UserfaultCtx,
  arg: UffdioArgs[typeof UFFDIO_CONTINUE],
): number {
  const { range, mode } = arg;
  if (ctx.events.length > 0) return (arg.mapped = -EAGAIN);
  if (!isRange(ctx.mm, range)) return -EINVAL;
  if ((mode & ~(UFFDIO_CONTINUE_MODE_DONTWAKE | UFFDIO_CONTINUE_MODE_WP)) !== 0) return -EINVAL;
  const gone = unlessGone(ctx);
  if (gone !== null) return gone;
  const isWp = (mode & UFFDIO_CONTINUE_MODE_WP) !== 0;
  arg.mapped = mfillAtomic(sys, task, ctx, range.start, 0, range.len, MFILL_ATOMIC_CONTINUE, isWp);
  const isWoken = (mode & UFFDIO_CONTINUE_MODE_DONTWAKE) === 0;
  return finishFill(sys, ctx, range.start, range.len, arg.mapped, isWoken);
}

function uffdPoison(
  sys: System,
  task: Task,
  ctx: UserfaultCtx,
  arg: UffdioArgs[typeof UFFDIO_POISON],
): number {
  const { range, mode } = arg;
  if (ctx.events.length > 0) return (arg.updated = -EAGAIN);
  if (!isRange(ctx.mm, range) || (mode & ~UFFDIO_POISON_MODE_DONTWAKE) !== 0) return -EINVAL;
  const gone = unlessGone(ctx);
  if (gone !== null) return gone;
  arg.updated = mfillAtomic(sys, task, ctx, range.start, 0, range.len, MFILL_ATOMIC_POISON, false);
  const isWoken = (mode & UFFDIO_POISON_MODE_DONTWAKE) === 0;
  return finishFill(sys, ctx, range.start, range.len, arg.updated, isWoken);
}

function uffdMoveTo(sys: System, task: Task, ctx: UserfaultCtx, arg: UffdioArgs[typeof UFFDIO_MOVE]): number {
  const { dst, src, len, mode } = arg;
  if (ctx.events.length > 0) return (arg.move = -EAGAIN);
  if (ctx.mm !== task.mm || !isRange(ctx.mm, { start: dst, len }) || !isRange(ctx.mm, { start: src, len }))
    return -EINVAL;
  if ((mode & ~(UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES | UFFDIO_MOVE_MODE_DONTWAKE)) !== 0) return -EINVAL;
  arg.move = uffdMove(sys, task, ctx, dst, src, len, mode);
  return finishFill(sys, ctx, dst, len, arg.move, (mode & UFFDIO_MOVE_MODE_DONTWAKE) === 0);
}

function uffdWriteProtect(
  sys: System,
  ctx: UserfaultCtx,
  { range, mode }: UffdioArgs[typeof UFFDIO_WRITEPROTECT],
): number {
  if (ctx.events.length > 0) return -EAGAIN;
  if (!isRange(ctx.mm, range)) return -EINVAL;
  const both = UFFDIO_WRITEPROTECT_MODE_DONTWAKE | UFFDIO_WRITEPROTECT_MODE_WP;
  if ((mode & ~both) !== 0 || (mode & both) === both) return -EINVAL;
  const isEnabled = mode === UFFDIO_WRITEPROTECT_MODE_WP;
  const error = unlessGone(ctx) ?? writeProtectRange(sys, ctx, startVpnOf(range), endVpnOf(range), isEnabled);
  if (error === 0 && mode === 0) sys.uffd.wake(ctx, range.start, range.start + range.len);
  return error;
}

/** Wakes who waits for the pages that were done; 0 when all were, -EAGAIN for a part, else the error. */
function finishFill(
  sys: System,
  ctx: UserfaultCtx,
  start: Vaddr,
  lengthBytes: number,
  nrDone: number,
  isWoken: boolean,
): number {
  if (nrDone < 0) return nrDone;
  if (isWoken) sys.uffd.wake(ctx, start, start + nrDone);
  return nrDone === lengthBytes ? 0 : -EAGAIN;
}

/** Are there pages from `start` on that belong to user space (validate_unaligned_range)? */
function isUnalignedRange(mm: Mm, start: Vaddr, len: number): boolean {
  const endOfUser = mm.space.taskSizeVpn * PAGE_SIZE;
  return len > 0 && len % PAGE_SIZE === 0 && start >= 0 && start < endOfUser && len <= endOfUser - start;
}

/** As isUnalignedRange(), whole pages (validate_range). */
function isRange(mm: Mm, { start, len }: UffdioRange): boolean {
  return start % PAGE_SIZE === 0 && isUnalignedRange(mm, start, len);
}

function startVpnOf({ start }: UffdioRange): number {
  return start / PAGE_SIZE;
}

function endVpnOf({ start, len }: UffdioRange): number {
  return (start + len) / PAGE_SIZE;
}

/** -ESRCH when the address space is gone (mmget_not_zero), else null. */
function unlessGone(ctx: UserfaultCtx): number | null {
  return ctx.mm.nrUsers > 0 ? null : -ESRCH;
}

function maskOf(...bits: number[]): bigint {
  return bits.reduce((mask, bit) => mask | (1n << BigInt(bit)), 0n);
}
