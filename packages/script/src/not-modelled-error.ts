/** Thrown where a script asks for something that the model does not have; the run ends there and says so. */
export class NotModelledError extends Error {}

/** Ends the run of a script: `what` reads as the subject of "is not modelled". */
export function notModelled(what: string): never {
  throw new NotModelledError(`${what} is not modelled`);
}
