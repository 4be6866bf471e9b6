/** The page index of an inode, which knows whose it is. */
import { PageIndex, type PageIndexPool } from "@pageframe/pagecache";

/** Pages of one inode (i_pages). */
export class InodePages extends PageIndex {
  /** Inode that they belong to (address_space.host). */
  readonly inodeId: number;

  constructor(pool: PageIndexPool, inodeId: number) {
    super(pool);
    this.inodeId = inodeId;
  }
}
