/**
 * Seats: each decision that may be swapped is one contract with occupants listed in one visible table.
 */
import { EINVAL, KernelError } from "./errno.ts";

/** An occupant of a seat: a plain object, listed in the seat's table under its name. */
export interface SeatOccupant<Config, Occupant> {
  /** As users write it in options and configs: lower case, words joined by `-`. */
  readonly name: string;
  /** One sentence for help texts. */
  readonly describe: string;
  create(config: Config): Occupant;
}

/** The occupants of a seat; the first is the default. */
export type SeatTable<Config, Occupant> = readonly SeatOccupant<Config, Occupant>[];

/**
 * Finds an occupant by name. Throws EINVAL that lists the known names when there is none.
 * `seat` is the seat's name in the message, such as `reclaim policy`.
 */
export function findOccupant<Config, Occupant>(
  seat: string,
  table: SeatTable<Config, Occupant>,
  name: string,
): SeatOccupant<Config, Occupant> {
  const found = table.find((occupant) => occupant.name === name);
  if (found === undefined) {
    const known = table.map((occupant) => occupant.name).join(", ");
    throw new KernelError(EINVAL, `unknown ${seat} "${name}"; known: ${known}`);
  }
  return found;
}
