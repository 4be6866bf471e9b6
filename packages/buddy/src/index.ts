export { type BootableFrameAllocator, type BootMemory, type FrameAllocatorConfig } from "./config.ts";
export { createBitmapAllocator, createBuddyAllocator, frameAllocators } from "./frame-allocators.ts";
export { ON_PCP_LIST, type PagesetView } from "./per-cpu-pages.ts";
export { type Zone } from "./zone.ts";
