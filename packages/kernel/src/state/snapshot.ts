/**
 * Copies the whole state of a kernel out, puts it back, compares it, and makes an independent second kernel of it.
 *
 * The state is every object that can be reached from the kernel: class instances with plain fields, arrays, maps, sets
 * and typed arrays. Objects that hold state elsewhere (a file on the host) say so through ExternalState. Functions are
 * shared, so nothing that lives in a closure belongs to the state; the packages hold none. Of buffers, which are mostly
 * larger than what is in them, the zeros at the end are left out.
 */
import { bug, ENOMEM, type ExternalState, isExternalState, KernelError } from "@pageframe/contracts";
import { type Arena, usedLength } from "@pageframe/memmap";

type Fields = Record<string, unknown>;
type Saved =
  | { readonly kind: "fields"; readonly fields: Fields }
  | { readonly kind: "array"; readonly items: readonly unknown[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [unknown, unknown])[] }
  | { readonly kind: "set"; readonly items: readonly unknown[] }
  | { readonly kind: "buffer"; readonly bytes: ArrayBuffer }
  | { readonly kind: "external"; readonly state: unknown };

/** State copied out of one kernel; goes back into that kernel only. */
export interface Snapshot {
  readonly saved: ReadonlyMap<object, Saved>;
}

/** Copies the state of everything reachable from `root` out. O(state). */
export function takeSnapshot(root: object): Snapshot {
  const saved = new Map<object, Saved>();
  const pending: object[] = [root];
  const visit = (value: unknown): void => {
    if (typeof value === "object" && value !== null && !saved.has(value)) pending.push(value);
  };
  for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
    if (saved.has(object)) continue;
    if (ArrayBuffer.isView(object)) {
      // A view has no state but its buffer's.
      saved.set(object, { kind: "fields", fields: {} });
      visit(object.buffer);
    } else if (object instanceof ArrayBuffer) {
      saved.set(object, { kind: "buffer", bytes: object.slice(0, usedLength(object)) });
    } else if (Array.isArray(object)) {
      const items = object.slice() as unknown[];
      saved.set(object, { kind: "array", items });
      items.forEach(visit);
    } else if (object instanceof Map) {
      const entries = [...(object as Map<unknown, unknown>).entries()];
      saved.set(object, { kind: "map", entries });
      for (const [key, value] of entries) {
        visit(key);
        visit(value);
      }
    } else if (object instanceof Set) {
      const items = [...(object as Set<unknown>)];
      saved.set(object, { kind: "set", items });
      items.forEach(visit);
    } else if (isExternalState(object)) {
      saved.set(object, { kind: "external", state: object.captureExternal() });
    } else {
      const fields = { ...object } as Fields;
      saved.set(object, { kind: "fields", fields });
      Object.values(fields).forEach(visit);
    }
  }
  return { saved };
}

/** Puts a snapshot back into the objects that it was taken of. */
export function restoreSnapshot(snapshot: Snapshot): void {
  for (const [object, saved] of snapshot.saved) {
    switch (saved.kind) {
      case "buffer":
        restoreBytes(object as ArrayBuffer, saved.bytes);
        break;
      case "array":
        (object as unknown[]).splice(0, (object as unknown[]).length, ...saved.items);
        break;
      case "map": {
        const map = object as Map<unknown, unknown>;
        map.clear();
        for (const [key, value] of saved.entries) map.set(key, value);
        break;
      }
      case "set": {
        const set = object as Set<unknown>;
        set.clear();
        for (const item of saved.items) set.add(item);
        break;
      }
      case "external":
        (object as ExternalState).reinstateExternal(saved.state);
        break;
      case "fields":
        if (!Object.isFrozen(object)) Object.assign(object, saved.fields);
        break;
    }
  }
}

/** Puts saved bytes back; what has been written behind them since becomes zero again, and the rest is not touched. */
function restoreBytes(buffer: ArrayBuffer, saved: ArrayBuffer): void {
  const used = usedLength(buffer);
  const bytes = new Uint8Array(buffer);
  bytes.set(new Uint8Array(saved));
  if (used > saved.byteLength) bytes.fill(0, saved.byteLength, used);
}

/**
 * Makes an independent copy of everything reachable from `root`: a second kernel that goes its own way. Objects with
 * external state are shared unless `replace` gives another for them, and so are constants. The arrays of `arena` go into
 * another one.
 */
export function cloneGraph<Root extends object>(
  root: Root,
  replace?: (external: ExternalState) => object,
  arena: Arena | null = null,
): Root {
  const copies = new Map<object, object>();
  if (arena !== null) {
    const otherArena = arena.duplicate();
    if (otherArena === null) throw new KernelError(ENOMEM, "no memory for a copy of the machine's RAM");
    copies.set(arena, otherArena);
    copies.set(arena.buffer, otherArena.buffer);
  }
  const copyOf = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    return copyObject(value);
  };
  const copyObject = (object: object): object => {
    if (object instanceof ArrayBuffer) return remember(object, copyBuffer(object));
    if (ArrayBuffer.isView(object)) {
      const buffer = copyOf(object.buffer) as ArrayBuffer;
      const View = object.constructor as new (buffer: ArrayBuffer, offset: number, length: number) => object;
      return remember(object, new View(buffer, object.byteOffset, (object as Uint8Array).length));
    }
    if (Array.isArray(object)) {
      const array: unknown[] = [];
      remember(object, array);
      for (const item of object) array.push(copyOf(item));
      return array;
    }
    if (object instanceof Map) {
      const map = new Map<unknown, unknown>();
      remember(object, map);
      for (const [key, value] of object as Map<unknown, unknown>) map.set(copyOf(key), copyOf(value));
      return map;
    }
    if (object instanceof Set) {
      const set = new Set<unknown>();
      remember(object, set);
      for (const item of object as Set<unknown>) set.add(copyOf(item));
      return set;
    }
    if (isExternalState(object)) return remember(object, replace?.(object) ?? object);
    if (isConstant(object)) return remember(object, object);
    const copy = Object.create(Object.getPrototypeOf(object) as object | null) as Fields;
    remember(object, copy);
    for (const [name, value] of Object.entries(object)) copy[name] = copyOf(value);
    if (Object.isFrozen(object)) Object.freeze(copy);
    return copy;
  };
  const remember = (object: object, copy: object): object => {
    copies.set(object, copy);
    return copy;
  };
  return copyOf(root) as Root;
}

function copyBuffer(buffer: ArrayBuffer): ArrayBuffer {
  const copy = new ArrayBuffer(buffer.byteLength);
  new Uint8Array(copy).set(new Uint8Array(buffer, 0, usedLength(buffer)));
  return copy;
}

/** Is it a frozen value through and through? Such constants are shared: what is made after a copy refers to them too. */
function isConstant(object: object): boolean {
  return (
    Object.isFrozen(object) &&
    Object.values(object).every(
      (value) => typeof value !== "object" || value === null || isConstant(value as object),
    )
  );
}

/** A number that is equal for equal states (FNV-1a over all reachable values, in order of discovery). O(state). */
export function stateDigest(root: object): number {
  const digest = new Digest();
  const order = new Map<object, number>();
  const pending: object[] = [root];
  order.set(root, 0);
  const add = (value: unknown): void => {
    switch (typeof value) {
      case "number":
        digest.addNumber(value);
        break;
      case "string":
        digest.addString(value);
        break;
      case "boolean":
        digest.addNumber(value ? 1 : 2);
        break;
      case "object":
        if (value === null) {
          digest.addNumber(3);
        } else {
          let at = order.get(value);
          if (at === undefined) {
            at = order.size;
            order.set(value, at);
            pending.push(value);
          }
          digest.addNumber(at);
        }
        break;
      case "undefined":
        digest.addNumber(4);
        break;
      case "function":
        break;
      default:
        bug(`state holds a ${typeof value}`);
    }
  };
  for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
    if (ArrayBuffer.isView(object)) digest.addView(object);
    else if (Array.isArray(object)) object.forEach(add);
    else if (object instanceof Map)
      for (const [key, value] of object as Map<unknown, unknown>) {
        add(key);
        add(value);
      }
    else if (object instanceof Set) (object as Set<unknown>).forEach(add);
    else if (!isExternalState(object))
      for (const [name, value] of Object.entries(object)) {
        digest.addString(name);
        add(value);
      }
  }
  return digest.value;
}

class Digest {
  value = 0x811c9dc5 | 0;
  private readonly float = new Float64Array(1);
  private readonly floatWords = new Int32Array(this.float.buffer);

  addWord(word: number): void {
    this.value = Math.imul(this.value ^ word, 0x01000193);
    this.value ^= this.value >>> 15;
  }

  addNumber(value: number): void {
    this.float[0] = value;
    this.addWord(this.floatWords[0]);
    this.addWord(this.floatWords[1]);
  }

  addString(text: string): void {
    for (let at = 0; at < text.length; at++) this.addWord(text.charCodeAt(at));
  }

  /** Adds the length of a view and its words up to the last that is not zero. */
  addView(view: ArrayBufferView): void {
    this.addNumber(view.byteLength);
    const isAligned = (view.byteOffset & 3) === 0;
    const nrWords = isAligned ? view.byteLength >>> 2 : 0;
    const words = new Int32Array(view.buffer, isAligned ? view.byteOffset : 0, nrWords);
    let nrUsed = nrWords;
    while (nrUsed > 0 && words[nrUsed - 1] === 0) nrUsed--;
    for (let at = 0; at < nrUsed; at++) this.addWord(words[at]);
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    for (let at = nrWords * 4; at < bytes.length; at++) this.addWord(bytes[at]);
  }
}
