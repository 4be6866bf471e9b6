export { Malloc, type Mallinfo } from "./malloc.ts";
export { type Arena, type Heap, MallocState, type MallocThread } from "./state.ts";
