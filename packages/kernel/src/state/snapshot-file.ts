/**
 * The whole state of a machine as bytes, to be kept in a file, and back. Cold.
 *
 *     0    8 bytes   magic
 *     8    uint32    length of the header, little-endian
 *     12   header    JSON, ASCII: { version, config, note, objects }, padded to a multiple of 8 bytes
 *     ...  buffers   the bytes of every ArrayBuffer, one after the other, each padded to a multiple of 8
 *
 * `objects` are all objects that can be reached from the kernel, which is the first; they refer to each other by index.
 * Classes go by name: whoever reads boots a machine of the same configuration and takes the classes from there, and its
 * arena with the code that is compiled for it. A class with other fields than those in the file is of another version,
 * and the file is refused.
 */
import {
  bug,
  EINVAL,
  isExternalState,
  KernelError,
  O_CREAT,
  O_RDWR,
  POSIX_FADV_DONTNEED,
} from "@pageframe/contracts";
import { Arena, usedLength } from "@pageframe/memmap";
import { MemorySwapBackend, NullSwapBackend } from "@pageframe/swap";
import { bootKernel } from "../boot.ts";
import { type KernelConfigInput } from "../config.ts";
import { type Kernel } from "../kernel.ts";

/** What whoever saved a machine wants to remember with it. */
export type SnapshotNote = Readonly<Record<string, string | number>>;

/** A machine that was read back. */
export interface LoadedSnapshot {
  readonly kernel: Kernel;
  readonly note: SnapshotNote;
}

type Json =
  | null
  | boolean
  | number
  | string
  | { readonly ref: number }
  | { readonly value: string }
  /** Compiled code: the field of a like machine has it. */
  | { readonly isHosted: true };
type Fields = Record<string, unknown>;
type StoredObject =
  | { kind: "fields"; name: string; isFrozen: boolean; fields: Record<string, Json> }
  | { kind: "array"; items: Json[] }
  | { kind: "set"; items: Json[] }
  | { kind: "map"; entries: [Json, Json][] }
  /** Of `nrBytes` bytes those behind `nrUsed` are zero, and not in the file. */
  | { kind: "buffer"; nrBytes: number; nrUsed: number }
  | { kind: "arena"; bufferId: number; nrFreeBytes: number }
  | { kind: "view"; name: string; buffer: Json; offset: number; length: number };
interface Header {
  readonly version: number;
  readonly config: KernelConfigInput;
  readonly note: SnapshotNote;
  readonly objects: readonly StoredObject[];
}
type View = new (buffer: ArrayBuffer, offset: number, length: number) => object;

const MAGIC: readonly number[] = [0x89, 0x50, 0x46, 0x53, 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION = 1;
const HEADER_AT = 12;
const ALIGN_BYTES = 8;
/** Characters that one call makes. */
const PIECE_BYTES = 8192;
const VIEWS: Readonly<Record<string, View>> = {
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float64Array,
};
/** Classes that a machine may have got from outside. */
const CLASSES_FROM_OUTSIDE: readonly object[] = [MemorySwapBackend.prototype, NullSwapBackend.prototype];

/** Is it the beginning of such a file? */
export function isSnapshotFile(bytes: Uint8Array): boolean {
  return MAGIC.every((byte, at) => bytes[at] === byte);
}

/** Writes a machine as bytes. Throws EINVAL when a part of its state is outside, such as a swap file of the host. */
export function encodeSnapshot(kernel: Kernel, note: SnapshotNote = {}): Uint8Array {
  const writer = new GraphWriter();
  writer.add(kernel);
  const header: Header = {
    version: VERSION,
    config: kernel.sys.config,
    note,
    objects: writer.store(),
  };
  const text = asciiBytes(JSON.stringify(header));
  const buffersAt = aligned(HEADER_AT + text.length);
  const nrBytes = writer.buffers.reduce((sum, used) => sum + aligned(used.length), buffersAt);
  const bytes = new Uint8Array(nrBytes);
  bytes.set(MAGIC);
  new DataView(bytes.buffer).setUint32(MAGIC.length, text.length, true);
  bytes.set(text, HEADER_AT);
  let at = buffersAt;
  for (const used of writer.buffers) {
    bytes.set(used, at);
    at += aligned(used.length);
  }
  return bytes;
}

/** Reads a machine back: it goes on as the one that was written. Throws EINVAL for what is no such file. */
export function decodeSnapshot(bytes: Uint8Array): LoadedSnapshot {
  if (!isSnapshotFile(bytes)) throw refused("it does not begin as one");
  const { header, buffersAt } = readHeader(bytes);
  const reader = new GraphReader(header.objects, bytes, buffersAt);
  // A machine like it has every class; its own state is not looked at.
  const likeKernel = bootKernel(header.config);
  const like = new GraphWriter();
  like.add(likeKernel);
  reader.learn(new Map([...classesOfUse(), ...like.classes()]), likeKernel.sys.contents.arena);
  return { kernel: reader.build() as Kernel, note: header.note };
}

/** Classes that come into a machine with use only: files, mounted file systems, transfers in flight. */
function classesOfUse(): ReadonlyMap<string, object> {
  const kernel = bootKernel({ memory: "2MiB", disks: [{ size: "4MiB" }] });
  const task = kernel.spawn("like");
  kernel.mkfs("vda");
  kernel.mount("vda", "/");
  const file = kernel.open(task, "/file", O_CREAT | O_RDWR);
  kernel.pwrite(task, file, new Uint8Array(1), 0);
  kernel.fadvise(task, file, 0, 0, POSIX_FADV_DONTNEED);
  const writer = new GraphWriter();
  writer.add(kernel);
  return writer.classes();
}

function readHeader(bytes: Uint8Array): { header: Header; buffersAt: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < HEADER_AT ? Infinity : view.getUint32(MAGIC.length, true);
  if (HEADER_AT + length > bytes.length) throw refused("it is cut short");
  let header: Header;
  try {
    header = JSON.parse(asciiText(bytes.subarray(HEADER_AT, HEADER_AT + length))) as Header;
  } catch {
    throw refused("its header is damaged");
  }
  if (header.version !== VERSION) throw refused(`it has version ${header.version}, and ${VERSION} is read`);
  const buffersAt = aligned(HEADER_AT + length);
  const nrBytes = header.objects.reduce(
    (sum, object) => (object.kind === "buffer" ? sum + aligned(object.nrUsed) : sum),
    buffersAt,
  );
  if (nrBytes !== bytes.length) throw refused(`it has ${bytes.length} bytes, and its header says ${nrBytes}`);
  return { header, buffersAt };
}

/** Numbers the objects of a graph in the order in which they are met. */
class GraphWriter {
  /** What is to be kept of each buffer. */
  readonly buffers: Uint8Array[] = [];
  private readonly ids = new Map<object, number>();
  private readonly objects: object[] = [];

  /** Number of an object; a new one is followed later, by store() or classes(). */
  add(object: object): number {
    let id = this.ids.get(object);
    if (id === undefined) {
      id = this.objects.length;
      this.ids.set(object, id);
      this.objects.push(object);
    }
    return id;
  }

  store(): StoredObject[] {
    const stored: StoredObject[] = [];
    for (let id = 0; id < this.objects.length; id++) stored.push(this.storeObject(this.objects[id]));
    return stored;
  }

  /** An object of each class, by the class's name. */
  classes(): Map<string, object> {
    this.store();
    const classes = new Map<string, object>();
    for (const object of this.objects) if (isPlainInstance(object)) classes.set(className(object), object);
    return classes;
  }

  private storeObject(object: object): StoredObject {
    if (ArrayBuffer.isView(object)) {
      const { byteOffset, buffer } = object;
      const length = (object as Uint8Array).length;
      return { kind: "view", name: className(object), buffer: this.json(buffer), offset: byteOffset, length };
    }
    if (object instanceof ArrayBuffer) {
      const nrUsed = usedLength(object);
      this.buffers.push(new Uint8Array(object, 0, nrUsed));
      return { kind: "buffer", nrBytes: object.byteLength, nrUsed };
    }
    if (Array.isArray(object))
      return { kind: "array", items: object.map((item: unknown) => this.json(item)) };
    if (object instanceof Set)
      return { kind: "set", items: [...object].map((item: unknown) => this.json(item)) };
    if (object instanceof Map) {
      const entries = [...(object as Map<unknown, unknown>)].map(([key, value]): [Json, Json] => [
        this.json(key),
        this.json(value),
      ]);
      return { kind: "map", entries };
    }
    if (object instanceof Arena) {
      return { kind: "arena", bufferId: this.add(object.buffer), nrFreeBytes: object.nrFreeBytes };
    }
    if (isExternalState(object)) {
      throw new KernelError(
        EINVAL,
        `a machine with state outside (${className(object)}) cannot be saved; swap in memory and no trace listener would work`,
      );
    }
    const fields = Object.entries(object).map(([name, value]) => [name, this.json(value)] as const);
    return {
      kind: "fields",
      name: className(object),
      isFrozen: Object.isFrozen(object),
      fields: Object.fromEntries(fields),
    };
  }

  private json(value: unknown): Json {
    switch (typeof value) {
      case "object":
        if (value === null) return null;
        return isHosted(value) ? { isHosted: true } : { ref: this.add(value) };
      case "number":
        // What JSON has no form for.
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { value: Object.is(value, -0) ? "-0" : String(value) };
      case "undefined":
        return { value: "undefined" };
      case "string":
      case "boolean":
        return value;
      default:
        return bug(`state holds a ${typeof value}`);
    }
  }
}

/** Makes the objects anew: first all of them, then what they refer to. */
class GraphReader {
  private readonly stored: readonly StoredObject[];
  private readonly bytes: Uint8Array;
  private readonly prototypes = new Map<string, object>();
  private readonly made: object[] = [];
  private examples: ReadonlyMap<string, object> = new Map();
  private arena: Arena | null = null;
  private at: number;

  constructor(stored: readonly StoredObject[], bytes: Uint8Array, buffersAt: number) {
    this.stored = stored;
    this.bytes = bytes;
    this.at = buffersAt;
    this.prototypes.set("Object", Object.prototype);
    for (const prototype of CLASSES_FROM_OUTSIDE) this.prototypes.set(prototype.constructor.name, prototype);
  }

  /** Takes over classes from an object of each, and checks that the file's have the same fields. */
  learn(examples: ReadonlyMap<string, object>, arena: Arena | null): void {
    this.examples = examples;
    this.arena = arena;
    for (const [name, example] of examples) {
      this.prototypes.set(name, Object.getPrototypeOf(example) as object);
    }
    const checked = new Set<string>(["Object"]);
    for (const object of this.stored) {
      if (object.kind !== "fields" || checked.has(object.name)) continue;
      checked.add(object.name);
      if (!this.prototypes.has(object.name))
        throw refused(`it has a ${object.name}, which is not known here`);
      const example = examples.get(object.name);
      const names = example === undefined ? null : Object.keys(example).sort().join(" ");
      if (names !== null && names !== Object.keys(object.fields).sort().join(" ")) {
        throw refused(`its ${object.name} has other fields: another version of pageframe wrote it`);
      }
    }
  }

  build(): object {
    // Views need their buffers.
    this.stored.forEach((object, id) => {
      if (object.kind === "buffer") this.made[id] = this.takeBuffer(object.nrBytes, object.nrUsed, id);
    });
    this.stored.forEach((object, id) => {
      if (object.kind !== "buffer") this.made[id] = this.empty(object);
    });
    this.stored.forEach((object, id) => this.fill(object, this.made[id]));
    this.stored.forEach((object, id) => {
      if (object.kind === "fields" && object.isFrozen) Object.freeze(this.made[id]);
    });
    return this.made[0];
  }

  private takeBuffer(nrBytes: number, nrUsed: number, id: number): ArrayBuffer {
    const isArena = this.stored.some((object) => object.kind === "arena" && object.bufferId === id);
    const room =
      isArena && this.arena?.buffer.byteLength === nrBytes ? this.arena.buffer : new ArrayBuffer(nrBytes);
    new Uint8Array(room).fill(0);
    new Uint8Array(room).set(this.bytes.subarray(this.at, this.at + nrUsed));
    this.at += aligned(nrUsed);
    return room;
  }

  /** The arena of the like machine, with as much taken. Views that are not in it are worked on by JavaScript. */
  private takeArena(nrFreeBytes: number): object {
    const { arena } = this;
    if (arena === null) throw refused("its machine has an arena, and there is none here");
    const nrWords = Math.floor((arena.nrFreeBytes - nrFreeBytes) / 4);
    if (nrWords > 0) arena.takeWords(nrWords);
    return arena;
  }

  private empty(object: StoredObject): object {
    switch (object.kind) {
      case "array":
        return [];
      case "set":
        return new Set();
      case "map":
        return new Map();
      case "view":
        return new VIEWS[object.name](this.value(object.buffer) as ArrayBuffer, object.offset, object.length);
      case "arena":
        return this.takeArena(object.nrFreeBytes);
      case "fields":
        return Object.create(this.prototypes.get(object.name) ?? null) as object;
      case "buffer":
        return bug("a buffer is made before the others");
    }
  }

  private fill(object: StoredObject, made: object): void {
    if (object.kind === "array") {
      for (const item of object.items) (made as unknown[]).push(this.value(item));
    } else if (object.kind === "set") {
      for (const item of object.items) (made as Set<unknown>).add(this.value(item));
    } else if (object.kind === "map") {
      for (const [key, value] of object.entries) {
        (made as Map<unknown, unknown>).set(this.value(key), this.value(value));
      }
    } else if (object.kind === "fields") {
      for (const [name, value] of Object.entries(object.fields)) {
        (made as Fields)[name] = isHostedValue(value)
          ? this.hostedField(object.name, name)
          : this.value(value);
      }
    }
  }

  private hostedField(className: string, name: string): unknown {
    const example = this.examples.get(className) as Fields | undefined;
    return example?.[name] ?? bug(`a like machine has no ${className}.${name}`);
  }

  private value(json: Json): unknown {
    if (typeof json !== "object" || json === null) return json;
    if ("isHosted" in json) return bug("compiled code stands where no field of a class is");
    if ("ref" in json) return this.made[json.ref];
    return json.value === "undefined" ? undefined : Number(json.value);
  }
}

/** Is it compiled code, or its memory? */
function isHosted(object: object): boolean {
  return (
    Object.prototype.toString.call(object).startsWith("[object WebAssembly.") ||
    Object.values(object).some((value) => typeof value === "function")
  );
}

function isHostedValue(json: Json): boolean {
  return typeof json === "object" && json !== null && "isHosted" in json;
}

function isPlainInstance(object: object): boolean {
  return !(
    ArrayBuffer.isView(object) ||
    object instanceof ArrayBuffer ||
    Array.isArray(object) ||
    object instanceof Map ||
    object instanceof Set ||
    object instanceof Arena
  );
}

function className(object: object): string {
  return (Object.getPrototypeOf(object) as object).constructor.name;
}

/** JSON as bytes; what is not ASCII is escaped. */
function asciiBytes(json: string): Uint8Array {
  const ascii = json.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const bytes = new Uint8Array(ascii.length);
  for (let at = 0; at < ascii.length; at++) bytes[at] = ascii.charCodeAt(at);
  return bytes;
}

function asciiText(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES)));
  }
  return pieces.join("");
}

function aligned(nrBytes: number): number {
  return Math.ceil(nrBytes / ALIGN_BYTES) * ALIGN_BYTES;
}

function refused(why: string): KernelError {
  return new KernelError(EINVAL, `this is no snapshot that can be read: ${why}`);
}
