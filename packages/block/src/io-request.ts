/**
 * Requests: bios that go to the device in one command.
 *
 * Source: Linux 6.18 include/linux/blk-mq.h, struct request; block/blk-merge.c.
 */
import {
  type Bio,
  PAGE_SECTORS,
  REQ_FUA,
  REQ_OP_FLUSH,
  REQ_OP_READ,
  REQ_OP_WRITE,
  REQ_PREFLUSH,
  SECTOR_SIZE,
} from "@pageframe/contracts";

/** Sectors of one request at most: 1280 KiB (BLK_DEF_MAX_SECTORS_CAP, shown as max_sectors_kb). */
export const BLK_DEF_MAX_SECTORS = 2560;
/** Pieces of neighbouring memory in one request at most, and bytes of one piece. */
export const BLK_MAX_SEGMENTS = 128;
const BLK_MAX_SEGMENT_SIZE = 65536;

/** What is left to be done for a request, in this order (REQ_FSEQ_* of block/blk-flush.c). */
export const STEP_PREFLUSH = 1;
export const STEP_DATA = 2;
export const STEP_POSTFLUSH = 4;

/** A bio that had to be split: it completes with its last piece. */
export interface SplitBio {
  nrPiecesLeft: number;
  status: number;
}

/** Sectors of one bio in a request. */
export interface BioPiece {
  readonly bio: Bio;
  /** First sector of the piece, counted from the bio's first. */
  readonly atSector: number;
  readonly nrSectors: number;
  readonly nrSegments: number;
  /** Null when the piece is the whole bio. */
  readonly split: SplitBio | null;
}

/** One command for the device. Pieces are in order of their sectors, without gaps. */
export class IoRequest {
  /** REQ_OP_READ or REQ_OP_WRITE; REQ_OP_FLUSH without data. */
  readonly op: number;
  readonly isMergeable: boolean;
  readonly pieces: BioPiece[];
  sector: number;
  nrSectors: number;
  nrSegments: number;
  /** Order of submission; the lowest of what was merged. */
  order: number;
  /** When the first of its bios was submitted, and by when mq-deadline wants it served. */
  startNs: number;
  expiresNs = 0;
  /** When the step under way at the device is done. */
  doneNs = 0;
  /** STEP_* that are left. */
  steps: number;
  status = 0;
  /** Earlier requests of the same sectors that must complete first, and later ones that wait for this one. */
  nrBlockers = 0;
  readonly waiters: IoRequest[] = [];
  /** Earlier requests that must complete before it flushes; counts while STEP_PREFLUSH is left. */
  nrBefore = 0;

  constructor(piece: BioPiece, order: number, nowNs: number) {
    const { bio } = piece;
    this.op = bio.nrSectors === 0 ? REQ_OP_FLUSH : bio.op;
    this.steps = stepsOf(bio);
    this.isMergeable = this.steps === STEP_DATA;
    this.pieces = [piece];
    this.sector = bio.sector + piece.atSector;
    this.nrSectors = piece.nrSectors;
    this.nrSegments = piece.nrSegments;
    this.order = order;
    this.startNs = nowNs;
  }

  /** Sector behind its last. */
  get endSector(): number {
    return this.sector + this.nrSectors;
  }
}

/** Does a bio move no data, and only flush? */
export function bioIsFlush(bio: Bio): boolean {
  return bio.op === REQ_OP_FLUSH || (bio.nrSectors === 0 && (bio.flags & REQ_PREFLUSH) !== 0);
}

/** May sectors be added to a request of that many sectors and segments (ll_back_merge_fn, ll_front_merge_fn)? */
export function fitsLimits(request: IoRequest, nrSectors: number, nrSegments: number): boolean {
  return (
    request.nrSectors + nrSectors <= BLK_DEF_MAX_SECTORS &&
    request.nrSegments + nrSegments <= BLK_MAX_SEGMENTS
  );
}

/**
 * Cuts a bio into pieces that a request can hold; nearly always one. Frames that lie together make one segment.
 * Source: Linux 6.18 block/blk-merge.c, bio_split_rw_at(). A bio of no sectors is one piece.
 */
export function cutIntoPieces(bio: Bio): BioPiece[] {
  const cuts: { atSector: number; nrSectors: number; nrSegments: number }[] = [];
  let current = { atSector: 0, nrSectors: 0, nrSegments: 0 };
  let segmentBytes = 0;
  const unitSectors = bio.bytes === null ? PAGE_SECTORS : 1;
  for (let at = 0; at < bio.nrSectors; at += unitSectors) {
    const unitBytes = unitSectors * SECTOR_SIZE;
    let isNewSegment = !bioIsContiguousAt(bio, at) || segmentBytes + unitBytes > BLK_MAX_SEGMENT_SIZE;
    const isFull =
      current.nrSectors + unitSectors > BLK_DEF_MAX_SECTORS ||
      (isNewSegment && current.nrSegments === BLK_MAX_SEGMENTS);
    if (isFull) {
      cuts.push(current);
      current = { atSector: at, nrSectors: 0, nrSegments: 0 };
      isNewSegment = true;
    }
    if (isNewSegment) {
      current.nrSegments++;
      segmentBytes = 0;
    }
    segmentBytes += unitBytes;
    current.nrSectors += unitSectors;
  }
  cuts.push(current);
  const split = cuts.length === 1 ? null : { nrPiecesLeft: cuts.length, status: 0 };
  return cuts.map((cut) => ({ bio, ...cut, split }));
}

/** Does a bio's memory at a sector lie right behind that of the sector before? */
function bioIsContiguousAt(bio: Bio, atSector: number): boolean {
  if (atSector === 0) return false;
  if (bio.bytes !== null) return true;
  const page = atSector / PAGE_SECTORS;
  return bio.pfns[page] === bio.pfns[page - 1] + 1;
}

/** Source: Linux 6.18 block/blk-flush.c, blk_insert_flush(): the device has a cache, and no FUA of its own. */
function stepsOf(bio: Bio): number {
  if (bioIsFlush(bio)) return STEP_PREFLUSH;
  if (bio.op === REQ_OP_READ) return STEP_DATA;
  const before = (bio.flags & REQ_PREFLUSH) !== 0 ? STEP_PREFLUSH : 0;
  const after = bio.op === REQ_OP_WRITE && (bio.flags & REQ_FUA) !== 0 ? STEP_POSTFLUSH : 0;
  return before | STEP_DATA | after;
}
