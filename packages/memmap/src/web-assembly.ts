/**
 * The part of WebAssembly that compiled loops need. It is there in Node and in browsers, but not in TypeScript's language
 * library, and a page's security policy may forbid it: then everything runs in JavaScript.
 */

/** Memory of fixed size that compiled code works on. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** Compiled code, not yet bound to a memory. */
export type WasmModule = object;

/** A function of compiled code. Numbers are int32; addresses are bytes. */
export type WasmFunction = (...values: number[]) => number;

/** Functions that compiled code exports. */
export type WasmExports = Readonly<Record<string, WasmFunction>>;

interface WasmNamespace {
  readonly Memory: new (size: { initial: number; maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: WasmExports };
}

declare const WebAssembly: WasmNamespace | undefined;

const WASM_PAGE_BYTES = 65536;

/** Compiles a module; null where there is no WebAssembly. */
export function compileModule(bytes: Uint8Array): WasmModule | null {
  if (typeof WebAssembly === "undefined") return null;
  try {
    // Frozen: a copy of a machine shares it.
    return Object.freeze(new WebAssembly.Module(bytes));
  } catch {
    return null;
  }
}

/** Binds a module to what it imports. */
export function instantiateModule(module: WasmModule, imports: object): WasmExports {
  return new WebAssembly!.Instance(module, imports).exports;
}

/** Reserves a memory; null when it cannot be had. Its pages take host memory when they are written. */
export function reserveMemory(nrBytes: number): WasmMemory | null {
  if (typeof WebAssembly === "undefined") return null;
  const nrPages = Math.ceil(nrBytes / WASM_PAGE_BYTES);
  try {
    return new WebAssembly.Memory({ initial: nrPages, maximum: nrPages });
  } catch {
    return null;
  }
}
