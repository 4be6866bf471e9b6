/** Block devices: backends, request queue with merging, cost models in virtual time. */
export { type DiskModel, type DiskModelConfig } from "./disk-model.ts";
export { diskModels } from "./disk-models.ts";
export { type BlockFault, type BlockFaults, FaultyBlockBackend } from "./faulty-backend.ts";
export { BLK_DEF_MAX_SECTORS, BLK_MAX_SEGMENTS, IoRequest } from "./io-request.ts";
export { type IoScheduler } from "./io-scheduler.ts";
export { ioSchedulers } from "./io-schedulers.ts";
export { MemoryBlockBackend } from "./memory-backend.ts";
export { RequestQueue, type RequestQueueConfig } from "./request-queue.ts";
