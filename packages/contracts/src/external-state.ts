/** State that lives outside the model's own arrays, such as a swap file on the host. */

/** Lets a snapshot take along what it cannot copy by itself. */
export interface ExternalState {
  /** Copies the outside state out. */
  captureExternal(): unknown;
  /** Puts back what captureExternal gave. */
  reinstateExternal(state: unknown): void;
}

/** Does an object hold state outside the model? */
export function isExternalState(value: object): value is ExternalState {
  return "captureExternal" in value && "reinstateExternal" in value;
}
