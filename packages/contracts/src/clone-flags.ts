/**
 * What clone(2) shares with the caller.
 * Source: Linux 6.18 include/uapi/linux/sched.h.
 */

/** The address space; working directory and root; descriptors. */
export const CLONE_VM = 0x100;
export const CLONE_FS = 0x200;
export const CLONE_FILES = 0x400;
/** The caller waits until the child executes or exits. */
export const CLONE_VFORK = 0x4000;
/** The child is a thread of the caller's process. */
export const CLONE_THREAD = 0x10000;
