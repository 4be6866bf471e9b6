/**
 * CRC-32C (Castagnoli), the checksum of ext4's and jbd2's metadata. Hot: per block of metadata.
 * Source: RFC 3720 appendix B.4; Linux 6.18 lib/crc/crc32-main.c, crc32c(). Differs: the value is inverted at both ends here.
 */

/** Eight tables, so that eight bytes go at a time: table k has the effect of a byte followed by k zeros. */
const TABLES: Int32Array = makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
    tables[byte] = crc;
  }
  for (let index = 256; index < 8 * 256; index++) {
    const previous = tables[index - 256];
    tables[index] = (previous >>> 8) ^ tables[previous & 0xff];
  }
  return tables;
}

/** Checksum of bytes [from, to), going on from `seed` (0, or the checksum of what came before). Returns 0 to 2^32 - 1. */
export function crc32c(seed: number, bytes: Uint8Array, from: number, to: number): number {
  const tables = TABLES;
  let crc = ~seed;
  let at = from;
  for (; at + 8 <= to; at += 8) {
    crc ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    crc =
      tables[1792 + (crc & 0xff)] ^
      tables[1536 + ((crc >>> 8) & 0xff)] ^
      tables[1280 + ((crc >>> 16) & 0xff)] ^
      tables[1024 + (crc >>> 24)] ^
      tables[768 + bytes[at + 4]] ^
      tables[512 + bytes[at + 5]] ^
      tables[256 + bytes[at + 6]] ^
      tables[bytes[at + 7]];
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}
