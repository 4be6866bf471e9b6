/**
 * Infers what execve(2) had mapped before the first traced instruction: program, dynamic loader, stack. Cold.
 *
 * A page that was accessed, or changed by mprotect or mremap, while no traced call had mapped it must have been there.
 * What was done with it tells what it is:
 *
 *     fetched                          text    r-x   (rwx when written as well)
 *     written, or mprotected later     data    rw-   (mprotected pages are RELRO: relocated first, then made r--)
 *     only read                        rodata  r--
 *     around the first store           stack   rw-   (the first store is a push or call of the entry code)
 *
 * Pages of one kind become one region over gaps of up to MAX_BRIDGED_PAGES untouched pages. Regions close together are
 * one file. The stack region is what lies at and above the first store; pages below it are left to stack growth.
 * Differs: .bss, vvar and vdso are not told from data and text; a replay needs no more than the right protection.
 */
import {
  type InitialRegion,
  NO_FILE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  type Vpn,
  vpnOf,
} from "@pageframe/contracts";
import { type AddressSpaceSurvey, NO_VPN } from "./address-space-survey.ts";
import { type FileTable } from "./file-table.ts";
import { type VpnRanges } from "./vpn-ranges.ts";

const MAX_BRIDGED_PAGES = 16;
/** Regions further apart than 2 MiB are of different files. */
const MAX_FILE_GAP_PAGES = 512;
/** RLIMIT_STACK of 8 MiB (include/asm-generic/resource.h, _STK_LIM): how far a stack grows by faults. */
const STACK_LIMIT_PAGES = 2048;

/** Consecutive pages of one kind. */
interface Piece {
  startVpn: Vpn;
  endVpn: Vpn;
  kind: InitialRegion["kind"];
  prot: number;
  /** The piece, or a part of it, is a changed range. */
  isChanged: boolean;
}

/** Infers the regions and adds the files they map to `files`. O(n log n) in the pages not mapped by traced calls. */
export function inferInitialRegions(survey: AddressSpaceSurvey, files: FileTable): InitialRegion[] {
  const pieces = collectPieces(survey);
  const stack = takeStack(pieces, survey);
  const regions = assignFiles(joinPieces(pieces, survey.everMapped), survey.everMapped, files);
  if (stack !== null) regions.push(stack);
  return regions.sort((a, b) => a.startVpn - b.startVpn);
}

/** Lists untraced pages and changed ranges in ascending order, each with its kind. */
function collectPieces(survey: AddressSpaceSurvey): Piece[] {
  const changed = survey.changedRanges
    .map((range) => ({ ...range, needed: 0 }))
    .sort((a, b) => a.startVpn - b.startVpn);
  const pieces: Piece[] = [];
  for (let row = 0; row < survey.pages.nrPairs; row++) {
    const needed = survey.neededProtOfRow(row);
    if (needed === 0) continue;
    const startVpn = vpnOf(survey.pages.word0OfRow(row), survey.pages.word1OfRow(row));
    const range = changed.find((range) => range.startVpn <= startVpn && startVpn < range.endVpn);
    if (range !== undefined) range.needed |= needed;
    else pieces.push({ startVpn, endVpn: startVpn + 1, ...classify(needed, 0), isChanged: false });
  }
  for (const { startVpn, endVpn, needed, prot } of changed) {
    pieces.push({ startVpn, endVpn, ...classify(needed, prot), isChanged: true });
  }
  return pieces.sort((a, b) => a.startVpn - b.startVpn);
}

/** `needed`: PROT_ bits of the accesses; `laterProt`: what mprotect made of the pages, 0 when nothing did. */
function classify(needed: number, laterProt: number): Pick<Piece, "kind" | "prot"> {
  const isExec = (needed & PROT_EXEC) !== 0 || (needed === 0 && (laterProt & PROT_EXEC) !== 0);
  if (isExec) return { kind: "text", prot: PROT_READ | PROT_EXEC | (needed & PROT_WRITE) };
  if ((needed & PROT_WRITE) !== 0 || laterProt !== 0) return { kind: "data", prot: PROT_READ | PROT_WRITE };
  return { kind: "rodata", prot: PROT_READ };
}

/** Takes the pieces of the stack out of `pieces`. Returns its region, or null when nothing was stored. */
function takeStack(pieces: Piece[], survey: AddressSpaceSurvey): InitialRegion | null {
  const { firstStoreVpn, everMapped } = survey;
  if (firstStoreVpn === NO_VPN) return null;
  const isNear = (below: Piece, above: Piece): boolean =>
    below.kind !== "text" &&
    above.kind !== "text" &&
    above.startVpn - below.endVpn < STACK_LIMIT_PAGES &&
    !everMapped.hasAny(below.endVpn, above.startVpn);
  let first = pieces.findIndex((piece) => piece.startVpn <= firstStoreVpn && firstStoreVpn < piece.endVpn);
  let last = first;
  while (first > 0 && isNear(pieces[first - 1], pieces[first])) first--;
  while (last + 1 < pieces.length && isNear(pieces[last], pieces[last + 1])) last++;
  const stackPieces = pieces.splice(first, last + 1 - first);

  const endVpn = stackPieces[stackPieces.length - 1].endVpn;
  let startVpn = firstStoreVpn;
  let prot = PROT_READ | PROT_WRITE;
  for (const piece of stackPieces) {
    prot |= piece.prot;
    // Growth reaches neither what is past the limit nor what a call changes before it is touched.
    if (piece.isChanged || endVpn - piece.startVpn > STACK_LIMIT_PAGES) {
      startVpn = Math.min(startVpn, piece.startVpn);
    }
  }
  return { startVpn, nrPages: endVpn - startVpn, prot, kind: "stack", fileId: NO_FILE, filePgoff: 0 };
}

/** Joins neighbours of one kind over small gaps that no traced mapping ever touched. */
function joinPieces(pieces: readonly Piece[], everMapped: VpnRanges): Piece[] {
  const joined: Piece[] = [];
  for (const piece of pieces) {
    const before = joined.at(-1);
    if (
      before?.kind === piece.kind &&
      before.prot === piece.prot &&
      piece.startVpn - before.endVpn <= MAX_BRIDGED_PAGES &&
      !everMapped.hasAny(before.endVpn, piece.startVpn)
    ) {
      before.endVpn = piece.endVpn;
    } else {
      joined.push({ ...piece });
    }
  }
  return joined;
}

/** Makes regions of the pieces; neighbours form one file. */
function assignFiles(pieces: readonly Piece[], everMapped: VpnRanges, files: FileTable): InitialRegion[] {
  const regions: InitialRegion[] = [];
  let nrFiles = 0;
  let first = 0;
  while (first < pieces.length) {
    let last = first;
    while (last + 1 < pieces.length && isSameFile(pieces[last], pieces[last + 1], everMapped)) last++;
    const fileStartVpn = pieces[first].startVpn;
    const fileId = files.add(`execve ${nrFiles++}`, pieces[last].endVpn - fileStartVpn);
    for (; first <= last; first++) {
      const { startVpn, endVpn, prot, kind } = pieces[first];
      const filePgoff = startVpn - fileStartVpn;
      regions.push({ startVpn, nrPages: endVpn - startVpn, prot, kind, fileId, filePgoff });
    }
  }
  return regions;
}

function isSameFile(below: Piece, above: Piece, everMapped: VpnRanges): boolean {
  return (
    above.startVpn - below.endVpn <= MAX_FILE_GAP_PAGES && !everMapped.hasAny(below.endVpn, above.startVpn)
  );
}
