/** CRC-32 of IEEE 802.3, as gzip and zlib compute it (RFC 1952, section 8). */

const POLYNOMIAL = 0xedb88320;
const REMAINDERS = new Int32Array(256);
for (let byte = 0; byte < 256; byte++) {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
  REMAINDERS[byte] = remainder;
}

/** Computes the CRC-32 of the first `nrBytes` bytes, as an unsigned number. O(nrBytes). */
export function crc32(bytes: Uint8Array, nrBytes: number): number {
  const remainders = REMAINDERS;
  let crc = -1;
  for (let at = 0; at < nrBytes; at++) crc = (crc >>> 8) ^ remainders[(crc ^ bytes[at]) & 255];
  return ~crc >>> 0;
}
