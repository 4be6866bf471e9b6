/** Addresses as the command takes and shows them. */
import { PAGE_SIZE, type Vpn } from "@pageframe/contracts";
import { canonicalVpn, NOT_CANONICAL } from "@pageframe/kernel";
import { usageError } from "./errors.ts";

/** An address of a machine with so many levels of page tables. */
export interface Address {
  readonly vpn: Vpn;
  /** Of the byte in its page, 0..4095. */
  readonly offset: number;
  /** All 64 bits, as `0x00007fffffffe000`. */
  readonly text: string;
}

const HEX_DIGITS = 16;
const MAX_ADDRESS = (1n << 64n) - 1n;
const FORM_HINT = "an address is hexadecimal with 0x in front, such as 0x7ffffffde000, or decimal";

/** Reads a number of 64 bits, hexadecimal or decimal. Throws a usage error. */
export function parseAddress(text: string): bigint {
  if (!/^(?:0x[0-9a-f]+|\d+)$/i.test(text)) {
    throw usageError(`address "${text}" is not a number`, FORM_HINT);
  }
  const address = BigInt(text);
  if (address > MAX_ADDRESS) throw usageError(`address ${text} does not fit into 64 bits`, FORM_HINT);
  return address;
}

/** Finds the page of an address. Throws a usage error for one that is not canonical. */
export function locateAddress(address: bigint, nrLevels: number): Address {
  const text = hex64(address);
  const vpn = canonicalVpn(address, nrLevels);
  if (vpn === NOT_CANONICAL) {
    const topBit = nrLevels * 9 + 11;
    throw usageError(
      `address ${text} is not canonical: with ${nrLevels} levels of page tables bits 63 to ${topBit} must be equal`,
      "no access to it gets as far as a page table; on x86-64 it ends in a general-protection fault (#GP)",
    );
  }
  return { vpn, offset: Number(address % BigInt(PAGE_SIZE)), text };
}

/** Writes 64 bits: `0x` and 16 digits. */
export function hex64(value: bigint): string {
  return `0x${value.toString(16).padStart(HEX_DIGITS, "0")}`;
}

/** Writes a number as it is: `0x1000`. */
export function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
