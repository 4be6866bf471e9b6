/**
 * Flags of get_user_pages() and pin_user_pages(), and how a pin is counted.
 * Source: Linux 6.18 include/linux/mm_types.h (FOLL_*); include/linux/mm.h; mm/internal.h;
 * Documentation/core-api/pin_user_pages.rst.
 */

/** The caller will write to the pages. */
export const FOLL_WRITE: number = 1 << 0;
/** Takes a plain reference (get_user_pages). Set by the kernel. */
export const FOLL_GET: number = 1 << 1;
/** Fails with -EFAULT where a page would have to be faulted in. */
export const FOLL_NOFAULT: number = 1 << 5;
/** The pages stay pinned as long as user space likes; only with a pin. */
export const FOLL_LONGTERM: number = 1 << 8;
/** Takes a pin (pin_user_pages). Set by the kernel. */
export const FOLL_PIN: number = 1 << 19;

/**
 * References that one pin of a small page is: a page with as many has pins, or an improbable number of other references.
 */
export const GUP_PIN_COUNTING_BIAS = 1024;
