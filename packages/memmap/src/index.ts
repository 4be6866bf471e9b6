export { Arena, usedLength } from "./arena.ts";
export { CONTENTS_MODES, FrameContents, NO_SLOT, type ContentsMode } from "./frame-contents.ts";
export { NOT_LISTED, RowLists } from "./lists.ts";
export { Memmap, NO_MAPPING, NO_ZONE, STRUCT_PAGE_BYTES } from "./memmap.ts";
export { NO_LINK, Rmap } from "./rmap.ts";
export { VmStat } from "./vmstat.ts";
export { compileModule, type WasmExports, type WasmFunction, type WasmModule } from "./web-assembly.ts";
