export { CompiledTrace } from "./compiled-trace.ts";
export { LackeyReader, type LackeyReaderOptions } from "./lackey-reader.ts";
export {
  compileFileTrace,
  type CompileFileTraceOptions,
  type FileReadTraceOptions,
  logFileTrace,
  type LogFileTraceOptions,
  randomFileTrace,
  type RandomFileTraceOptions,
  sequentialFileTrace,
} from "./synthetic-file-trace.ts";
export {
  loopTrace,
  randomTrace,
  sequentialTrace,
  type SyntheticTraceOptions,
  zipfTrace,
  type ZipfTraceOptions,
} from "./synthetic-trace.ts";
export {
  type BrkEvent,
  type CloneEvent,
  type ExitGroupEvent,
  type FileEvent,
  type MadviseEvent,
  type MemoryEvent,
  type MmapEvent,
  type MprotectEvent,
  type MremapEvent,
  type MunmapEvent,
  NO_FILE,
  type SyscallEvent,
} from "@pageframe/contracts";
export {
  type InitialRegion,
  MAX_BLOCK_RUNS,
  type RunsBlock,
  type SyscallBlock,
  type TraceBlock,
  type TraceCounts,
  type TraceFile,
  type TraceMetadata,
  type TraceSource,
} from "@pageframe/contracts";
export { isStraceText } from "./strace-line.ts";
export { StraceReader, type StraceReaderOptions } from "./strace-reader.ts";
export { TraceReader } from "./trace-reader.ts";
export { encodeTrace, TraceWriter } from "./trace-writer.ts";
