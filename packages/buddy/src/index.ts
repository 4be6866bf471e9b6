export { type BootableFrameAllocator, type BootMemory, type FrameAllocatorConfig } from "./config.ts";
export { createBuddyAllocator, frameAllocators } from "./frame-allocators.ts";
export { type PagesetView, type Zone } from "./zone.ts";
