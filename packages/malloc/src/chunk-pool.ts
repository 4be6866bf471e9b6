/**
 * Chunks: the pieces that an allocator's memory is cut into. Hot: per malloc and free.
 *
 * One row a chunk, one typed array a field. Neighbours in memory are linked (`prev`, `next`), which stands for the boundary
 * tags that glibc keeps in memory; a second pair of links (`fwd`, `bck`) holds a free chunk in its bin. Rows of bins are
 * heads of circular lists. Free rows are chained through `fwd` from `freeHead`.
 */
import { bug } from "@pageframe/contracts";

export const NO_CHUNK = -1;

/** What a chunk is. Those in a thread cache or a fast bin count as used to their neighbours. */
const CHUNK_FREE_ROW = 0;
export const CHUNK_USED = 1;
export const CHUNK_BINNED = 2;
export const CHUNK_FAST = 3;
export const CHUNK_TCACHE = 4;
export const CHUNK_TOP = 5;
export const CHUNK_MMAPPED = 6;
/** Two of them end a piece of memory that is not the last. */
export const CHUNK_FENCEPOST = 7;
export const CHUNK_BIN_HEAD = 8;

const FIRST_CAPACITY = 256;

/** All chunks of one program. */
export class ChunkPool {
  /** Address of the chunk's header, 16 bytes before what the program gets. */
  address: Float64Array = new Float64Array(0);
  /** Bytes, header included: a multiple of 16. */
  size: Float64Array = new Float64Array(0);
  /** CHUNK_*. */
  state: Uint8Array = new Uint8Array(0);
  prev: Int32Array = new Int32Array(0);
  next: Int32Array = new Int32Array(0);
  fwd: Int32Array = new Int32Array(0);
  bck: Int32Array = new Int32Array(0);
  /** Arena that it belongs to; with CHUNK_MMAPPED: bytes of its mapping before the header. */
  owner: Float64Array = new Float64Array(0);
  /** Row by address of the header, of chunks that a program may free. */
  private readonly rows = new Map<number, number>();
  private freeHead = NO_CHUNK;
  private nrRows = 0;

  /** Makes a chunk without neighbours. */
  alloc(address: number, size: number, state: number, owner: number): number {
    if (this.freeHead === NO_CHUNK) this.grow();
    const row = this.freeHead;
    this.freeHead = this.fwd[row];
    this.address[row] = address;
    this.size[row] = size;
    this.state[row] = state;
    this.owner[row] = owner;
    this.prev[row] = NO_CHUNK;
    this.next[row] = NO_CHUNK;
    this.fwd[row] = NO_CHUNK;
    this.bck[row] = NO_CHUNK;
    if (state !== CHUNK_BIN_HEAD) this.rows.set(address, row);
    return row;
  }

  /** Forgets a chunk; its neighbours must not name it any more. */
  free(row: number): void {
    if (this.rows.get(this.address[row]) === row) this.rows.delete(this.address[row]);
    this.state[row] = CHUNK_FREE_ROW;
    this.fwd[row] = this.freeHead;
    this.freeHead = row;
  }

  /** Chunk whose header is at an address, or NO_CHUNK. */
  find(address: number): number {
    return this.rows.get(address) ?? NO_CHUNK;
  }

  /** Moves a chunk's start (the top, as it gives memory away). */
  setAddress(row: number, address: number): void {
    if (this.rows.get(this.address[row]) === row) this.rows.delete(this.address[row]);
    this.address[row] = address;
    this.rows.set(address, row);
  }

  /** Makes two chunks neighbours; either may be NO_CHUNK. */
  join(left: number, right: number): void {
    if (left !== NO_CHUNK) this.next[left] = right;
    if (right !== NO_CHUNK) this.prev[right] = left;
  }

  /** Cuts a chunk: it keeps `size` bytes, and the rest is a chunk of its own, whose row is returned. */
  split(row: number, size: number, restState: number): number {
    const rest = this.alloc(this.address[row] + size, this.size[row] - size, restState, this.owner[row]);
    this.join(rest, this.next[row]);
    this.join(row, rest);
    this.size[row] = size;
    return rest;
  }

  /** Joins a chunk with the one behind it, which goes. */
  mergeNext(row: number): void {
    const gone = this.next[row];
    this.size[row] += this.size[gone];
    this.join(row, this.next[gone]);
    this.free(gone);
  }

  /** Puts a chunk into a list behind `head` (a bin's row or a chunk in it). */
  insertAfter(head: number, row: number): void {
    const after = this.fwd[head];
    this.fwd[row] = after;
    this.bck[row] = head;
    this.bck[after] = row;
    this.fwd[head] = row;
  }

  /** Takes a chunk out of its list. */
  unlink(row: number): void {
    this.fwd[this.bck[row]] = this.fwd[row];
    this.bck[this.fwd[row]] = this.bck[row];
  }

  /** Calls the visitor with each chunk that is in memory, in no order. */
  forEach(visit: (row: number) => void): void {
    for (const row of this.rows.values()) visit(row);
  }

  /** Checks that neighbours touch and know each other, and that free neighbours were joined. */
  checkInvariants(): void {
    for (const [address, row] of this.rows) {
      if (this.address[row] !== address)
        bug(`chunk ${row} is at ${this.address[row]} and is found at ${address}`);
      const { [row]: next } = this.next;
      if (next === NO_CHUNK) continue;
      if (this.prev[next] !== row) bug(`chunk ${next} does not know its neighbour ${row}`);
      if (this.address[next] !== address + this.size[row]) {
        bug(
          `chunk at ${address} of ${this.size[row]} bytes does not reach its neighbour at ${this.address[next]}`,
        );
      }
      const isBinned = this.state[row] === CHUNK_BINNED;
      if (isBinned && (this.state[next] === CHUNK_BINNED || this.state[next] === CHUNK_TOP)) {
        bug(`free chunks at ${address} and ${this.address[next]} are neighbours`);
      }
    }
  }

  private grow(): void {
    const capacity = Math.max(FIRST_CAPACITY, this.nrRows * 2);
    this.address = grown(this.address, new Float64Array(capacity));
    this.size = grown(this.size, new Float64Array(capacity));
    this.state = grown(this.state, new Uint8Array(capacity));
    this.prev = grown(this.prev, new Int32Array(capacity));
    this.next = grown(this.next, new Int32Array(capacity));
    this.fwd = grown(this.fwd, new Int32Array(capacity));
    this.bck = grown(this.bck, new Int32Array(capacity));
    this.owner = grown(this.owner, new Float64Array(capacity));
    for (let row = capacity - 1; row >= this.nrRows; row--) {
      this.fwd[row] = this.freeHead;
      this.freeHead = row;
    }
    this.nrRows = capacity;
  }
}

function grown<Numbers extends Float64Array | Int32Array | Uint8Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
