/** Hot: per block of metadata. Little-endian numbers in bytes, and names as UTF-8. */

/** Reads 16 bits. */
export function getU16(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

/** Writes 16 bits. */
export function setU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Reads 32 bits, 0 to 2^32 - 1. */
export function getU32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}

/** Writes the low 32 bits. */
export function setU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** Reads 64 bits as a number: exact when it was written by {@link setU64}, rounded for forged values above 2^53. */
export function getU64(bytes: Uint8Array, at: number): number {
  return getU32(bytes, at) + getU32(bytes, at + 4) * 0x1_0000_0000;
}

/** Writes a whole number, 0 to below 2^64. */
export function setU64(bytes: Uint8Array, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  setU32(bytes, at, value - high * 0x1_0000_0000);
  setU32(bytes, at + 4, high);
}

/** A string's UTF-8. Half a surrogate pair keeps its value (as WTF-8 has it), so that different names stay different. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3);
  let nrBytes = 0;
  for (let index = 0; index < text.length; index++) {
    const code = text.codePointAt(index)!;
    if (code < 0x80) {
      bytes[nrBytes++] = code;
      continue;
    }
    if (code < 0x800) {
      bytes[nrBytes++] = 0xc0 | (code >> 6);
    } else {
      if (code < 0x10000) {
        bytes[nrBytes++] = 0xe0 | (code >> 12);
      } else {
        bytes[nrBytes++] = 0xf0 | (code >> 18);
        bytes[nrBytes++] = 0x80 | ((code >> 12) & 0x3f);
        index++;
      }
      bytes[nrBytes++] = 0x80 | ((code >> 6) & 0x3f);
    }
    bytes[nrBytes++] = 0x80 | (code & 0x3f);
  }
  return bytes.subarray(0, nrBytes);
}

/** The string that UTF-8 stands for; a byte that starts nothing valid becomes U+FFFD. */
export function decodeUtf8(bytes: Uint8Array, from: number, nrBytes: number): string {
  const end = from + nrBytes;
  let text = "";
  let at = from;
  while (at < end) {
    const first = bytes[at++];
    const nrMore =
      first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (nrMore < 0 || at + nrMore > end) {
      text += "\ufffd";
      continue;
    }
    let code = nrMore === 0 ? first : first & (0x3f >> nrMore);
    let nrRead = 0;
    while (nrRead < nrMore && (bytes[at + nrRead] & 0xc0) === 0x80)
      code = (code << 6) | (bytes[at + nrRead++] & 0x3f);
    const isValid = nrRead === nrMore && code <= 0x10ffff && (nrMore < 3 || code >= 0x10000);
    text += isValid ? String.fromCodePoint(code) : "\ufffd";
    if (isValid) at += nrMore;
  }
  return text;
}
