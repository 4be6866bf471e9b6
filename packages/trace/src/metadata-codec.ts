/** Writes metadata as JSON in ASCII and checks what it reads back. Cold. */
import {
  EINVAL,
  type InitialRegion,
  KernelError,
  NO_FILE,
  PAGE_SIZE,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  type TraceCounts,
  type TraceFile,
  type TraceMetadata,
} from "@pageframe/contracts";

const REGION_KINDS: readonly InitialRegion["kind"][] = ["text", "rodata", "data", "stack", "heap"];
const MAX_PROT = PROT_READ | PROT_WRITE | PROT_EXEC;
const VPN_END = 2 ** 45;

/** Makes the JSON text; every character is one ASCII byte. */
export function metadataToJson(metadata: TraceMetadata): string {
  return JSON.stringify(metadata).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Reads the JSON text of a file of format version `version`. Throws EINVAL with the path of the first field that is
 * missing or out of range. What version 1 lacks is filled in: its files are there before the trace, and are mapped only.
 */
export function metadataFromJson(json: string, sourceName: string, version: number): TraceMetadata {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new KernelError(EINVAL, `${sourceName}: the metadata is not JSON`);
  }
  const root = new Checked(value, "metadata", sourceName);
  const files = root.items("files").map((file) => fileOf(file, version));
  const initialRegions = root.items("initialRegions").map((item) => regionOf(item, files.length));
  for (let index = 1; index < initialRegions.length; index++) {
    const { startVpn, nrPages } = initialRegions[index - 1];
    if (startVpn + nrPages > initialRegions[index].startVpn) {
      root.fail("initialRegions", "ascending and without overlap");
    }
  }
  return {
    command: root.text("command"),
    source: root.text("source"),
    recordedWith: root.text("recordedWith"),
    counts: countsOf(root.object("counts")),
    nrFootprintPages: root.count("nrFootprintPages"),
    nrFilePages: version < 2 ? 0 : root.count("nrFilePages"),
    startBrk: root.count("startBrk"),
    files,
    initialRegions,
  };
}

function countsOf(counts: Checked): TraceCounts {
  return {
    nrReads: counts.count("nrReads"),
    nrWrites: counts.count("nrWrites"),
    nrFetches: counts.count("nrFetches"),
    nrSplits: counts.count("nrSplits"),
    nrRuns: counts.count("nrRuns"),
    nrEvents: counts.count("nrEvents"),
    nrFailedSyscalls: counts.count("nrFailedSyscalls"),
    nrSkippedSyscalls: counts.count("nrSkippedSyscalls"),
    nrLines: counts.count("nrLines"),
  };
}

function fileOf(file: Checked, version: number): TraceFile {
  const name = file.text("name");
  const nrPages = file.count("nrPages");
  if (version < 2) {
    return { name, nrPages, sizeBytes: nrPages * PAGE_SIZE, isCreated: false, isDirectory: false };
  }
  const sizeBytes = file.count("sizeBytes");
  return {
    name,
    nrPages,
    sizeBytes,
    isCreated: file.flag("isCreated"),
    isDirectory: file.flag("isDirectory"),
  };
}

function regionOf(region: Checked, nrFiles: number): InitialRegion {
  const kind = REGION_KINDS.find((kind) => kind === region.text("kind"));
  if (kind === undefined) region.fail("kind", REGION_KINDS.join(", "));
  return {
    startVpn: region.integer("startVpn", 0, VPN_END - 1),
    nrPages: region.integer("nrPages", 1, VPN_END),
    prot: region.integer("prot", 0, MAX_PROT),
    kind,
    fileId: region.integer("fileId", NO_FILE, nrFiles - 1),
    filePgoff: region.count("filePgoff"),
  };
}

/** A JSON object whose fields are read with a check. */
class Checked {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #sourceName: string;

  constructor(value: unknown, path: string, sourceName: string) {
    this.#path = path;
    this.#sourceName = sourceName;
    if (typeof value !== "object" || value === null) {
      throw new KernelError(EINVAL, `${sourceName}: ${path} must be an object`);
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  text(name: string): string {
    const value = this.#fields[name];
    return typeof value === "string" ? value : this.fail(name, "text");
  }

  flag(name: string): boolean {
    const value = this.#fields[name];
    return typeof value === "boolean" ? value : this.fail(name, "true or false");
  }

  integer(name: string, min: number, max: number): number {
    const value = this.#fields[name];
    const isInRange = typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
    return isInRange ? value : this.fail(name, `an integer from ${min} to ${max}`);
  }

  count(name: string): number {
    return this.integer(name, 0, Number.MAX_SAFE_INTEGER);
  }

  object(name: string): Checked {
    return new Checked(this.#fields[name], `${this.#path}.${name}`, this.#sourceName);
  }

  items(name: string): Checked[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) return this.fail(name, "a list");
    return value.map((item, index) => new Checked(item, `${this.#path}.${name}[${index}]`, this.#sourceName));
  }

  fail(name: string, expected: string): never {
    throw new KernelError(EINVAL, `${this.#sourceName}: ${this.#path}.${name} must be ${expected}`);
  }
}
