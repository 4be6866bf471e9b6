/**
 * Virtual addresses of 64 bits, and which of them the processor translates. Cold: the simulation works on page numbers.
 *
 * An address is canonical when its bits from the highest translated one up (47 with four levels of x86-64, 56 with five, 38
 * of Sv39) are equal. A `bigint` is such an address in full, `0xffff888000000000n`; a `number` is a Vaddr, which holds the
 * kernel half without the copies of that bit, 0x888000000000.
 * Source: Intel SDM vol. 1 section 3.3.7.1; RISC-V Privileged Architecture, sections 12.4 and 12.5.
 */
import { EINVAL, KernelError, PAGE_SHIFT, type Vaddr, type Vpn } from "@pageframe/contracts";

const TWO_64 = 1n << 64n;
/** No page: the address is not canonical. */
export const NO_VPN = -1;

/** An address in full, from 0 to 2^64 - 1. Throws EINVAL for what has more bits, or is no integer. */
export function fullAddress(address: Vaddr | bigint, addressBits: number): bigint {
  if (typeof address === "bigint") {
    if (address >= TWO_64 || address < -TWO_64 / 2n) {
      throw new KernelError(EINVAL, `address ${address} does not fit 64 bits`);
    }
    return BigInt.asUintN(64, address);
  }
  if (!Number.isInteger(address) || address < 0) {
    throw new KernelError(
      EINVAL,
      `address ${address} is not an integer from 0; write one of the kernel half as a bigint, 0xffff888000000000n`,
    );
  }
  const value = BigInt(address);
  // A number beyond what is translated is taken as it is, and found not to be canonical.
  return value < 1n << BigInt(addressBits) ? BigInt.asUintN(64, BigInt.asIntN(addressBits, value)) : value;
}

/** Page number that an address in full has in contracts; NO_VPN when it is not canonical, or has more than 64 bits. */
export function canonicalVpn(address: bigint, addressBits: number): Vpn {
  if (BigInt.asUintN(64, BigInt.asIntN(addressBits, address)) !== address) return NO_VPN;
  return Number(BigInt.asUintN(addressBits, address) >> BigInt(PAGE_SHIFT));
}

/** `0xffff888000000000`. */
export function addressText(address: bigint): string {
  return `0x${address.toString(16).padStart(16, "0")}`;
}
