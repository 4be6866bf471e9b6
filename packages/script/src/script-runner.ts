/** Runs a script line by line on a machine of its own. */
import { bootKernel, type Kernel, type KernelConfigInput } from "@pageframe/kernel";
import { refuseHugeFaults } from "./huge-pages.ts";
import { MACHINE_OF_RECORDS } from "./machine-of-records.ts";
import { NotModelledError } from "./not-modelled-error.ts";
import { type NotModelled, type Observation } from "./observation.ts";
import { runOperation } from "./run-operation.ts";
import { type Script, type ScriptLine } from "./script.ts";
import { applySetting } from "./settings.ts";
import { makeFile } from "./script-files.ts";
import { snapshotFields } from "./snapshot.ts";
import { endObservation, stepObservation } from "./step-observation.ts";
import { type StepRecorder } from "./step-recorder.ts";
import { needsSystemAround, readSystemFiles } from "./system-around.ts";
import { World } from "./world.ts";

const NS_PER_MS = 1e6;

/** How a run may differ. */
export interface ScriptOptions {
  /** Settings of the machine that differ from those of the records. */
  readonly machine?: KernelConfigInput;
  /** Hears the machine's tracepoints while it is on. Costs nothing when absent. */
  readonly recorder?: StepRecorder;
}

/** A run of a script. Lines without an observation of their own (file, on, drain, sleep) give none. */
export class ScriptRunner {
  readonly script: Script;
  /** The machine; it may be looked at between steps. */
  readonly kernel: Kernel;
  /** Why the run ended before the script, or null. */
  notModelled: NotModelled | null = null;
  /** What the lines act on; it may be looked at between steps. */
  readonly world: World;
  /** Index of the next line. */
  private nextIndex = 0;

  /** Boots the machine. Throws what bootKernel() throws. */
  constructor(script: Script, options: ScriptOptions = {}) {
    this.script = script;
    const { machine, recorder = null } = options;
    this.kernel = bootKernel({ ...MACHINE_OF_RECORDS, ...machine }, { trace: recorder });
    this.world = new World(this.kernel, recorder);
    if (needsSystemAround(script)) readSystemFiles(this.world);
  }

  /** The line that runs next, or null at the end. */
  get nextLine(): ScriptLine | null {
    if (this.notModelled !== null) return null;
    return this.script.lines[this.nextIndex] ?? null;
  }

  /** Runs the next line. Returns its observation, or null when it has none or the run is over. */
  step(): Observation | null {
    const line = this.nextLine;
    if (line === null) return null;
    this.nextIndex++;
    try {
      return this.runLine(line);
    } catch (error) {
      if (!(error instanceof NotModelledError)) throw error;
      this.notModelled = { line: line.number, reason: error.message };
      return null;
    }
  }

  private runLine(line: ScriptLine): Observation | null {
    const { world } = this;
    const { operation } = line;
    switch (operation.name) {
      case "file":
        makeFile(world, operation);
        return null;
      case "sysctl":
        return { l: line.number, op: line.text, ...applySetting(this.kernel, operation) };
      case "on":
        world.switchTo(operation.process);
        return null;
      case "drain":
        world.begin();
        this.kernel.sys.lru.drain(0);
        return null;
      case "sleep":
        world.begin();
        this.kernel.sleep(world.driver, operation.milliseconds * NS_PER_MS);
        this.kernel.runDaemons();
        return null;
      case "snap":
        world.begin();
        return { l: line.number, p: world.current.name, ...snapshotFields(world, operation) };
      default:
        return this.runInProcess(line);
    }
  }

  /** Runs an operation in the current process, and counts its faults. */
  private runInProcess(line: ScriptLine): Observation {
    const { world } = this;
    const process = world.current;
    const { task } = process;
    if (task === null || !process.isAlive) return endObservation(line, process.name);
    refuseHugeFaults(task);
    const nrMinor = task.nrMinorFaults;
    const nrMajor = task.nrMajorFaults;
    const result = runOperation(world, line.operation);
    if (result.isGone === true || task.hasExited) {
      process.isAlive = false;
      return endObservation(line, process.name);
    }
    const faults = { minor: task.nrMinorFaults - nrMinor, major: task.nrMajorFaults - nrMajor };
    return stepObservation(line, process.name, result, faults, world.places);
  }
}
