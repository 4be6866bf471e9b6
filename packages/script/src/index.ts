export {
  type EntryChange,
  type ExplainedFault,
  explainLine,
  type FaultKind,
  type LineExplanation,
  type MappingChange,
} from "./explain-line.ts";
export { MACHINE_OF_RECORDS } from "./machine-of-records.ts";
export {
  type MapsRow,
  type NotModelled,
  type Observation,
  observationLine,
  type PageRun,
  type SmapsEntry,
} from "./observation.ts";
export { parseScript } from "./parse-script.ts";
export { placeName, type Places } from "./place-names.ts";
export { runScript, type ScriptRun } from "./run-script.ts";
export {
  type AddressBase,
  type FileKind,
  type LimitName,
  type Operation,
  type OperationOf,
  type Script,
  type ScriptAddress,
  type ScriptLine,
  SNAPSHOT_PARTS,
  type SnapshotPart,
} from "./script.ts";
export { STATUS_FIELDS } from "./script-process.ts";
export { ScriptError, type ScriptProblem } from "./script-error.ts";
export { type RecordedBlock, type RecordedFault, type RecordedFlush, StepRecorder } from "./step-recorder.ts";
export { World } from "./world.ts";
export { type ScriptOptions, ScriptRunner } from "./script-runner.ts";
