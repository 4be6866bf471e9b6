/** Everything that a script's lines act on: a booted machine, processes, files, and the places that addresses count from. */
import {
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  NO_VMA,
  PAGE_SIZE,
  PROT_READ,
  PROT_WRITE,
  type Vaddr,
} from "@pageframe/contracts";
import { type Kernel, type Task } from "@pageframe/kernel";
import { FIRST_PROCESS } from "./parse-script.ts";
import { ARENA_START, type Places } from "./place-names.ts";
import { type FileKind, type ScriptAddress } from "./script.ts";
import { ScriptProcess, type StatusValues } from "./script-process.ts";
import { statusValues } from "./status-values.ts";
import { type StepRecorder } from "./step-recorder.ts";
import { startDriver, startSubject } from "./subject.ts";

/** A file of a script. */
export interface ScriptFile {
  readonly name: string;
  readonly kind: FileKind;
  /** As maps shows it, or the beginning of that. */
  readonly path: string;
  /** -1 when it could not be opened. */
  readonly fileId: number;
}

/** State of a script's run. */
export class World {
  readonly kernel: Kernel;
  readonly files: ScriptFile[] = [];
  readonly processes: ScriptProcess[] = [];
  /** The recorder's own process, which makes files; null before the first line that needs it. */
  private driverTask: Task | null = null;
  /** Process that lines run in; null before the first. */
  private currentProcess: ScriptProcess | null = null;
  /** Places, once the first process runs. */
  places: Places = { brk0: 0, mmapTop: 0, stackBottom: 0 };
  /** Address of the last mapping that was placed without a hint; 0 before. */
  lastMap: Vaddr = 0;

  /** What status said last: of a process that is gone the recorder sees that again. */
  lastStatus: StatusValues = {};

  /** Listener that is told when processes touch their own memory, or null. */
  readonly recorder: StepRecorder | null;

  constructor(kernel: Kernel, recorder: StepRecorder | null) {
    this.kernel = kernel;
    this.recorder = recorder;
  }

  /** The recorder's own process; started by the first that asks. */
  get driver(): Task {
    this.driverTask ??= startDriver(this.kernel);
    return this.driverTask;
  }

  /** The process that lines run in; started by the first that asks. */
  get current(): ScriptProcess {
    this.currentProcess ??= this.start();
    return this.currentProcess;
  }

  /** Starts the first process, as the first line that is not about files or settings does. */
  begin(): void {
    this.currentProcess ??= this.start();
  }

  /** Lets the lines that follow run in the process that was last given a name. */
  switchTo(name: string): void {
    this.currentProcess = this.current.name === name ? this.currentProcess : this.processOf(name);
  }

  /** The process that was last given a name. */
  processOf(name: string): ScriptProcess {
    return this.processes.findLast((process) => process.name === name) ?? this.current;
  }

  /** A file by name; the parser has seen to it that there is one. */
  fileOf(name: string): ScriptFile {
    return this.files.find((file) => file.name === name)!;
  }

  /** The address that a script names. */
  addressOf({ base, offsetBytes }: ScriptAddress): Vaddr {
    switch (base) {
      case "arena":
        return ARENA_START + offsetBytes;
      case "brk":
        return this.places.brk0 + offsetBytes;
      case "map":
        return this.lastMap + offsetBytes;
      case "stack":
        return this.places.stackBottom + offsetBytes;
      case "absolute":
        return offsetBytes;
    }
  }

  /** Starts the first process, and looks where its parts lie. */
  private start(): ScriptProcess {
    const { kernel } = this;
    const task = startSubject(kernel, this.driver);
    const brk0 = kernel.brk(task, 0);
    // A mapping and its end: since then VmPeak is a page above VmSize.
    const flags = MAP_PRIVATE | MAP_ANONYMOUS;
    const mmapTop = kernel.mmap(task, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, flags);
    kernel.munmap(task, mmapTop, PAGE_SIZE);
    this.places = { brk0, mmapTop, stackBottom: stackBottomOf(task) };
    this.lastStatus = statusValues(kernel, task);
    const process = new ScriptProcess(FIRST_PROCESS, task, null, this.lastStatus);
    this.processes.push(process);
    return process;
  }
}

function stackBottomOf(task: Task): Vaddr {
  const { space } = task.mm;
  for (let vma = space.firstVma; vma !== NO_VMA; vma = space.nextVma(vma)) {
    if (space.isStackVma(vma)) return space.pool.startVpn[vma] * PAGE_SIZE;
  }
  return 0;
}
