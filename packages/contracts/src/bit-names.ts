/** Bits of a word by name, for messages and explanations. Cold. */

/** Bits and their names, in the order in which they are told. */
export type BitNames = readonly (readonly [bit: number, name: string])[];

/** Names of the bits that are set. */
export function namesOfBits(names: BitNames, bits: number): string[] {
  return names.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}
