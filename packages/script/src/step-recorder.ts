/** Notes what the kernel's tracepoints tell during one step. */
import {
  TP_MM_PAGE_ALLOC,
  TP_MM_PAGE_FREE,
  TP_PAGE_FAULT_KERNEL,
  TP_PAGE_FAULT_USER,
  TP_TLB_FLUSH,
  type Pfn,
  type TraceSink,
  type Vpn,
} from "@pageframe/contracts";

/** A page fault that was answered. */
export interface RecordedFault {
  readonly pid: number;
  readonly vpn: Vpn;
  /** X86_PF_* and VM_FAULT_* bits. */
  readonly errorCode: number;
  readonly result: number;
}

/** A block of frames. */
export interface RecordedBlock {
  readonly pfn: Pfn;
  readonly order: number;
}

/** A flush of a TLB. */
export interface RecordedFlush {
  readonly reason: number;
  /** Infinity for everything. */
  readonly nrPages: number;
}

/** A listener that hears only while it is on. */
export class StepRecorder implements TraceSink {
  isOn = false;
  readonly faults: RecordedFault[] = [];
  readonly allocated: RecordedBlock[] = [];
  readonly freed: RecordedBlock[] = [];
  readonly flushes: RecordedFlush[] = [];

  emit(tracepoint: number, a: number, b: number, c: number, d: number): void {
    if (!this.isOn) return;
    switch (tracepoint) {
      case TP_PAGE_FAULT_USER:
      case TP_PAGE_FAULT_KERNEL:
        this.faults.push({ pid: a, vpn: b, errorCode: c, result: d });
        break;
      case TP_MM_PAGE_ALLOC:
        this.allocated.push({ pfn: a, order: b });
        break;
      case TP_MM_PAGE_FREE:
        this.freed.push({ pfn: a, order: b });
        break;
      case TP_TLB_FLUSH:
        this.flushes.push({ reason: a, nrPages: b });
        break;
    }
  }
}
