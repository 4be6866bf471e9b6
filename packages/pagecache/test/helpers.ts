import { type PageIndex, type PageIndexPool } from "@pageframe/pagecache";

/** Calls bug() when indexes or their pool are not in order. */
export function check(pool: PageIndexPool, ...indexes: PageIndex[]): void {
  for (const index of indexes) index.checkInvariants();
  pool.checkInvariants();
}
