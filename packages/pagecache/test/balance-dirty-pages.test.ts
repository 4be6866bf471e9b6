import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  accountDirtied,
  accountRedirty,
  accountWritten,
  addEvents,
  afterPause,
  balanceDirtyPages,
  centisecsToJiffies,
  type DirtyCounts,
  exitTask,
  isBalanceDue,
  isBandwidthDue,
  isOverBgThresh,
  jiffiesOf,
  localEvents,
  newDirtyPosition,
  newDirtySysctls,
  newGlobalProportion,
  newLocalProportion,
  newPeriod,
  newThrottleDecision,
  newWbCpu,
  newWbDevice,
  newWbDomain,
  newWbTask,
  posRatioPolynom,
  ratelimitPages,
  setMaxRatio,
  setMinRatio,
  setRatelimit,
  shareBase,
  startBandwidthEstimate,
  timerExpiry,
  updateBandwidth,
  wbCalcThresh,
  wbMaxPause,
  wbMinPause,
  wbPositionRatio,
  wbStatError,
  writeoutPeriod,
} from "../src/index.ts";

const SECOND = 1e9;

describe("jiffies", () => {
  it("begin every 4 ms at 250 Hz, and intervals are rounded up to them", () => {
    expect(jiffiesOf(3_999_999, 250)).toBe(0);
    expect(jiffiesOf(4_000_000, 250)).toBe(1);
    expect(centisecsToJiffies(500, 250)).toBe(1250);
    expect(centisecsToJiffies(1, 250)).toBe(3);
    expect(centisecsToJiffies(1, 1000)).toBe(10);
  });
});

describe("timers", () => {
  it("fire at the end of their jiffy, later ones at a multiple of 8 or 64", () => {
    expect(timerExpiry(150, 100, 250)).toBe(151);
    // 75,000 jiffies are five minutes: 75,000 + 8 * 13, + 64 * 20.
    expect(timerExpiry(75_100, 75_000, 250)).toBe(75_104);
    expect(timerExpiry(75_104, 75_000, 250)).toBe(75_112);
    expect(timerExpiry(76_250, 75_000, 250)).toBe(76_280);
  });
});

describe("proportions", () => {
  it("halve what was before at each period, whenever the source is looked at", () => {
    const all = newGlobalProportion();
    const one = newLocalProportion();
    const other = newLocalProportion();
    addEvents(all, one, 1024, 100);
    addEvents(all, other, 1024, 300);
    expect([localEvents(all, one), shareBase(all, one)]).toEqual([100, 401]);
    expect(newPeriod(all, 1)).toBe(true);
    addEvents(all, one, 1024, 100);
    expect([localEvents(all, one), localEvents(all, other), shareBase(all, one)]).toEqual([150, 150, 300]);
    expect(newPeriod(all, 3)).toBe(true);
    expect([localEvents(all, one), localEvents(all, other), shareBase(all, one)]).toEqual([18, 18, 37]);
    newPeriod(all, 64);
    expect([localEvents(all, one), shareBase(all, one)]).toEqual([0, 1]);
    expect(newPeriod(all, 1)).toBe(false);
  });

  it("count no more than the largest share of a source", () => {
    const all = newGlobalProportion();
    const one = newLocalProportion();
    addEvents(all, newLocalProportion(), 1024, 999);
    // A quarter: 1000 * 256 / (1024 - 256) = 333.3 events fill it, rounded up.
    addEvents(all, one, 256, 10_000);
    expect(localEvents(all, one)).toBe(334);
    addEvents(all, one, 256, 10_000);
    expect(localEvents(all, one)).toBe(334);
  });
});

describe("the share of a device", () => {
  it("is an eighth of what is free until it writes, and then by what it wrote lately", () => {
    const domain = newWbDomain(0, 250, 1);
    const fast = newWbDevice(domain, 0);
    const slow = newWbDevice(domain, 0);
    expect(wbCalcThresh(domain, fast, 8000, 0)).toBe(1000);
    expect(wbCalcThresh(domain, fast, 8000, 9000)).toBe(0);
    accountWritten(domain, fast, 2999, SECOND);
    accountWritten(domain, slow, 1000, SECOND);
    expect(domain.periodTime).toBe(250 + 750);
    // 2999 and 1000 of 4000.
    expect(wbCalcThresh(domain, fast, 8000, 8000)).toBe(5998);
    expect(wbCalcThresh(domain, slow, 8000, 8000)).toBe(2000);
    writeoutPeriod(domain, 10 * SECOND);
    // 6 s late, two periods were missed: three begin at once.
    expect(domain.completions.period).toBe(3);
    expect(domain.periodTime).toBe(250 + 750 + 1500 + 750);
    writeoutPeriod(domain, 1000 * SECOND);
    writeoutPeriod(domain, 2000 * SECOND);
    expect(domain.periodTime).toBe(0);
  });

  it("stays within its ratios", () => {
    const domain = newWbDomain(0, 250, 1);
    const wb = newWbDevice(domain, 0);
    accountWritten(domain, wb, 100_000, 0);
    expect(setMaxRatio(wb, 250_000)).toBe(0);
    expect(wb.maxPropFrac).toBe(256);
    expect(wbCalcThresh(domain, wb, 8000, 8000)).toBe(2000);
    expect(setMinRatio(domain, wb, 260_000)).toBe(-22);
    expect(setMaxRatio(wb, 1_000_001)).toBe(-22);
    const other = newWbDevice(domain, 0);
    expect(setMinRatio(domain, other, 400_000)).toBe(0);
    expect(domain.minRatioSum).toBe(400_000);
    expect(wbCalcThresh(domain, other, 8000, 8000)).toBe(3200);
    expect(setMaxRatio(other, 300_000)).toBe(-22);
    expect(setMinRatio(domain, newWbDevice(domain, 0), 600_000)).toBe(-22);
    expect(setMinRatio(domain, other, 100_000)).toBe(0);
    expect(domain.minRatioSum).toBe(100_000);
  });
});

describe("the position ratio", () => {
  it("is 2 where throttling starts, 1 at the setpoint, 0 at the limit", () => {
    // Setpoint 700, limit 800: (700 - 600) * 1024 / 101 = 1013, 1013^3 / 1024^2 = 991 (rounded down twice), plus 1024.
    expect(posRatioPolynom(700, 600, 800)).toBe(2015);
    expect(posRatioPolynom(700, 700, 800)).toBe(1024);
    // (700 - 800) * 1024 / 101 = -1013 towards zero; its cube, rounded down, is -992.
    expect(posRatioPolynom(700, 800, 800)).toBe(32);
    expect(posRatioPolynom(700, 0, 800)).toBe(2048);
    expect(posRatioPolynom(700, 2000, 800)).toBe(0);
  });

  it("falls to nothing at the limit, and is higher for a device that may run dry", () => {
    const domain = newWbDomain(0, 250, 1);
    const wb = newWbDevice(domain, 0);
    const position = {
      ...newDirtyPosition(),
      thresh: 8000,
      bgThresh: 4000,
      wbThresh: 8000,
      wbBgThresh: 4000,
    };
    wbPositionRatio(domain, wb, Object.assign(position, { nrDirty: 8000, wbNrDirty: 8000 }));
    expect(position.posRatio).toBe(0);
    // Setpoint (6000 + 8000) / 2 = 7000; 65527 of 65536 of it, 6999; span 8 * 25600 * 65527 / 65536 = 204771.
    // 1024 * (6999 + 204771 - 7000) / 204771 = 1023.
    wbPositionRatio(domain, wb, Object.assign(position, { nrDirty: 7000, wbNrDirty: 7000 }));
    expect(position.posRatio).toBe(1023);
    // With 100 of its 4000 reserved pages dirty: 1024 * (211770 - 100) / 204771 = 1058, times 8.
    wbPositionRatio(domain, wb, Object.assign(position, { nrDirty: 7000, wbNrDirty: 100 }));
    expect(position.posRatio).toBe(8464);
    // With 2000: 1024 * (211770 - 2000) / 204771 = 1048, times 4000 / 2000.
    wbPositionRatio(domain, wb, Object.assign(position, { nrDirty: 7000, wbNrDirty: 2000 }));
    expect(position.posRatio).toBe(2096);
  });

  it("never grows with what is dirty on the machine", () => {
    const domain = newWbDomain(0, 250, 1);
    const wb = newWbDevice(domain, 0);
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 1e6 }), fc.nat(1e6), fc.nat(1e6), (thresh, a, b) => {
        const position = {
          ...newDirtyPosition(),
          thresh,
          bgThresh: Math.floor(thresh / 2),
          wbThresh: thresh,
        };
        const ratio = (nrDirty: number): number => {
          wbPositionRatio(
            domain,
            wb,
            Object.assign(position, { nrDirty, wbNrDirty: Math.floor(thresh / 2) }),
          );
          return position.posRatio;
        };
        expect(ratio(Math.max(a, b))).toBeLessThanOrEqual(ratio(Math.min(a, b)));
      }),
    );
  });
});

describe("the bandwidth of a device", () => {
  it("is averaged over 1024 jiffies and smoothed once more", () => {
    const domain = newWbDomain(0, 250, 1);
    const wb = newWbDevice(domain, 0);
    expect(isBandwidthDue(domain, wb, 0.2 * SECOND)).toBe(false);
    expect(isBandwidthDue(domain, wb, 0.204 * SECOND)).toBe(true);
    // 1000 pages in 51 jiffies: (1000 * 250 + 25600 * 973) / 1024 = 24569; it fell, the average follows next time.
    accountWritten(domain, wb, 1000, 0.204 * SECOND);
    updateBandwidth(domain, wb, 0.204 * SECOND);
    expect([wb.writeBandwidth, wb.avgWriteBandwidth, wb.bwTimeStamp, wb.writtenStamp]).toEqual([
      24569, 25600, 51, 1000,
    ]);
    // (1000 * 250 + 24569 * 974) / 1024 = 23613; 25600 - (25600 - 24569) / 8.
    accountWritten(domain, wb, 1000, 0.404 * SECOND);
    updateBandwidth(domain, wb, 0.404 * SECOND);
    expect([wb.writeBandwidth, wb.avgWriteBandwidth]).toEqual([23613, 25472]);
    // More than 1024 jiffies: what was written since is all that counts.
    accountWritten(domain, wb, 20000, 10.404 * SECOND);
    updateBandwidth(domain, wb, 10.404 * SECOND);
    expect([wb.writeBandwidth, wb.avgWriteBandwidth]).toEqual([2000, 2000]);
  });

  it("is not measured over a pause of more than a second", () => {
    const domain = newWbDomain(0, 250, 1);
    const wb = newWbDevice(domain, 0);
    wb.nrWritten = 500;
    startBandwidthEstimate(domain, wb, SECOND);
    expect(wb.bwTimeStamp).toBe(0);
    wb.nrWritebackInodes = 1;
    startBandwidthEstimate(domain, wb, 2 * SECOND);
    expect(wb.bwTimeStamp).toBe(0);
    wb.nrWritebackInodes = 0;
    startBandwidthEstimate(domain, wb, 2 * SECOND);
    expect([wb.bwTimeStamp, wb.writtenStamp]).toEqual([500, 500]);
  });

  it("sets how long pauses are", () => {
    const domain = newWbDomain(0, 250, 1);
    const wb = newWbDevice(domain, 0);
    // 25600 / 32 = 800 pages per eighth of a second: 8000 / 801 + 1 = 10 jiffies; 200 ms at most.
    expect(wbMaxPause(250, wb, 8000)).toBe(10);
    expect(wbMaxPause(250, wb, 1_000_000)).toBe(50);
    const plan = { minPause: 0, nrDirtiedPause: 0 };
    // 10 ms are 2 jiffies: 25600 * 2 / 256 = 200 pages.
    wbMinPause(250, wb, 50, 25600, 25600, plan);
    expect(plan).toEqual({ minPause: 2, nrDirtiedPause: 200 });
    // A hundredth of the rate for each of a hundred tasks: 256 * (2 + (14 - 8) * 2500 / 1024) / 256 = 16 pages are too few,
    // those of 50 jiffies more than enough: 32 of them, which take 250 * 32 / 256 = 31 jiffies.
    wb.dirtyRatelimit = 256;
    wbMinPause(250, wb, 50, 256, 256, plan);
    expect(plan).toEqual({ minPause: 16, nrDirtiedPause: 32 });
  });
});

describe("a task that dirties pages", () => {
  it("is looked at after 32 pages first, and free to run while little is dirty", () => {
    const { domain, wb, task, cpu } = machine(262144);
    for (let page = 0; page < 31; page++) {
      accountDirtied(wb, task, cpu, 1);
      expect(isBalanceDue(domain, wb, task, cpu)).toBe(false);
    }
    accountDirtied(wb, task, cpu, 1);
    expect(isBalanceDue(domain, wb, task, cpu)).toBe(true);
    const decision = newThrottleDecision();
    balanceDirtyPages(
      newDirtySysctls(),
      domain,
      wb,
      task,
      counts(262144, wb),
      task.nrDirtied,
      SECOND,
      decision,
    );
    expect(decision).toMatchObject({ isFreerun: true, pauseNs: 0, startsBackground: false });
    // 2^(15 / 2) of 52416 - 32.
    expect(task).toMatchObject({ nrDirtied: 0, nrDirtiedPause: 128, dirtyPausedWhen: 250 });
  });

  it("starts the flusher above the background threshold", () => {
    const { domain, wb, task } = machine(262144);
    wb.nrReclaimable = 26176;
    const decision = newThrottleDecision();
    balanceDirtyPages(newDirtySysctls(), domain, wb, task, counts(262144, wb), 32, SECOND, decision);
    expect(decision).toMatchObject({ isFreerun: true, startsBackground: false });
    expect(isOverBgThresh(newDirtySysctls(), domain, wb, counts(262144, wb))).toBe(true); // more than its share of it
    wb.nrReclaimable = 26177;
    balanceDirtyPages(newDirtySysctls(), domain, wb, task, counts(262144, wb), 32, SECOND, decision);
    expect(decision).toMatchObject({ isFreerun: true, startsBackground: true });
  });

  it("stays in front of the limit, and is decided about again, until the device has written", () => {
    const { domain, wb, task } = machine(262144);
    wb.nrReclaimable = 60000;
    const decision = newThrottleDecision();
    balanceDirtyPages(newDirtySysctls(), domain, wb, task, counts(262144, wb), 32, SECOND, decision);
    expect(decision).toMatchObject({
      isFreerun: false,
      taskRatelimit: 0,
      pause: 50,
      pauseNs: 0.204 * SECOND,
    });
    expect(wb.isDirtyExceeded).toBe(true);
    expect(afterPause(domain, task, decision)).toBe(true);
    expect(task.dirtyPausedWhen).toBe(300);
    decision.position.wbNrDirty = wbStatError(1);
    expect(afterPause(domain, task, decision)).toBe(false);
  });

  it("pays for what tasks dirtied that are gone, and not for what is dirtied again without it", () => {
    const { domain, wb, task, cpu } = machine(262144);
    accountDirtied(wb, task, cpu, 20);
    accountRedirty(wb, task, 5);
    expect([task.nrDirtied, wb.nrDirtied, wb.nrReclaimable]).toEqual([15, 15, 20]);
    exitTask(task, cpu);
    expect(cpu.nrLeaked).toBe(15);
    const next = newWbTask();
    accountDirtied(wb, next, cpu, 1);
    expect(isBalanceDue(domain, wb, next, cpu)).toBe(false);
    expect([next.nrDirtied, cpu.nrLeaked]).toEqual([16, 0]);
  });

  it("is looked at soon when its CPU dirtied much, or its device is over its share", () => {
    const { domain, wb, task, cpu } = machine(262144);
    cpu.nrDirtied = domain.ratelimitPages;
    expect(isBalanceDue(domain, wb, task, cpu)).toBe(true);
    expect(cpu.nrDirtied).toBe(0);
    wb.isDirtyExceeded = true;
    task.nrDirtied = 8;
    expect(isBalanceDue(domain, wb, task, cpu)).toBe(true);
  });

  it("is free to run by its own device alone when it cleans pages for others", () => {
    const { domain, wb, task } = machine(262144);
    task.isLocalThrottled = true;
    const decision = newThrottleDecision();
    const others = { nrDirtyable: 262144, nrFileDirty: 45000, nrWriteback: 0 };
    balanceDirtyPages(newDirtySysctls(), domain, wb, task, others, 32, SECOND, decision);
    expect(decision).toMatchObject({ isFreerun: true, startsBackground: true });
    task.isLocalThrottled = false;
    balanceDirtyPages(newDirtySysctls(), domain, wb, task, others, 32, SECOND, decision);
    expect(decision.isFreerun).toBe(false);
  });
});

describe("writers that are faster than their device", () => {
  it("are held to what it writes, below the limit", () => {
    const run = simulate({ nrWriters: 1, devicePages: 10_000, writerPages: 30_000, seconds: 60 });
    // The last 20 s, and the device never idle in them.
    expect(run.dirtied[0] / 20).toBeGreaterThan(9_000);
    expect(run.dirtied[0] / 20).toBeLessThan(11_000);
    expect(run.written / 20).toBeGreaterThan(9_900);
    expect(run.maxDirty).toBeLessThanOrEqual(52416);
    expect(run.minDirty).toBeGreaterThan(26176);
    expect(Math.abs(run.wb.avgWriteBandwidth - 10_000)).toBeLessThan(1_000);
  });

  it("share it evenly", () => {
    const run = simulate({ nrWriters: 2, devicePages: 10_000, writerPages: 30_000, seconds: 60 });
    const all = run.dirtied[0] + run.dirtied[1];
    expect(all / 20).toBeGreaterThan(9_000);
    expect(all / 20).toBeLessThan(11_000);
    expect(Math.abs(run.dirtied[0] / all - 0.5)).toBeLessThan(0.1);
    expect(run.maxDirty).toBeLessThanOrEqual(52416);
  });

  it("are not held back when they are slower than it", () => {
    const run = simulate({ nrWriters: 1, devicePages: 10_000, writerPages: 5_000, seconds: 60 });
    expect(run.dirtied[0] / 20).toBeGreaterThan(4_990);
    expect(run.nrPauses).toBe(0);
  });
});

function counts(nrDirtyable: number, wb: { nrReclaimable: number; nrWriteback: number }): DirtyCounts {
  return { nrDirtyable, nrFileDirty: wb.nrReclaimable, nrWriteback: wb.nrWriteback };
}

/** A machine of `nrDirtyable` pages with one device, one CPU and one task. */
function machine(nrDirtyable: number): {
  domain: ReturnType<typeof newWbDomain>;
  wb: ReturnType<typeof newWbDevice>;
  task: ReturnType<typeof newWbTask>;
  cpu: ReturnType<typeof newWbCpu>;
} {
  const domain = newWbDomain(0, 250, 1);
  const thresh = Math.floor((819 * nrDirtyable) / 4096);
  setRatelimit(domain, { thresh, bgThresh: 0 }, ratelimitPages(thresh, 1));
  return { domain, wb: newWbDevice(domain, 0), task: newWbTask(), cpu: newWbCpu() };
}

/** Writers, a flusher that keeps at most 2048 pages in flight above the background threshold, and a device, in steps of 1 ms. */
function simulate(setup: { nrWriters: number; devicePages: number; writerPages: number; seconds: number }): {
  dirtied: number[];
  written: number;
  maxDirty: number;
  minDirty: number;
  nrPauses: number;
  wb: ReturnType<typeof newWbDevice>;
} {
  const nrDirtyable = 262144;
  const sysctls = newDirtySysctls();
  const { domain, wb, cpu } = machine(nrDirtyable);
  const decision = newThrottleDecision();
  const tasks = Array.from({ length: setup.nrWriters }, () => ({
    wb: newWbTask(),
    wakeNs: 0,
    mustDecide: false,
    credit: 0,
  }));
  const run = { dirtied: tasks.map(() => 0), written: 0, maxDirty: 0, minDirty: Infinity, nrPauses: 0, wb };
  let deviceCredit = 0;
  for (let ms = 1; ms <= setup.seconds * 1000; ms++) {
    const nowNs = ms * 1e6;
    const isSettled = ms > (setup.seconds - 20) * 1000;
    for (const [writer, task] of tasks.entries()) {
      if (task.wakeNs > nowNs) continue;
      task.credit = Math.min(task.credit + setup.writerPages / 1000, 100);
      while (task.credit >= 1 && task.wakeNs <= nowNs) {
        if (!task.mustDecide) {
          task.credit--;
          accountDirtied(wb, task.wb, cpu, 1);
          if (isSettled) run.dirtied[writer]++;
          if (!isBalanceDue(domain, wb, task.wb, cpu)) continue;
        }
        balanceDirtyPages(
          sysctls,
          domain,
          wb,
          task.wb,
          counts(nrDirtyable, wb),
          task.wb.nrDirtied,
          nowNs,
          decision,
        );
        task.mustDecide = false;
        if (decision.pauseNs === 0) continue;
        run.nrPauses++;
        task.mustDecide = afterPause(domain, task.wb, decision);
        task.wakeNs = nowNs + decision.pauseNs;
      }
    }
    if (isOverBgThresh(sysctls, domain, wb, counts(nrDirtyable, wb))) {
      const nrPages = Math.min(wb.nrReclaimable, Math.max(0, 2048 - wb.nrWriteback));
      wb.nrReclaimable -= nrPages;
      wb.nrWriteback += nrPages;
    }
    deviceCredit = Math.min(deviceCredit + setup.devicePages / 1000, 100);
    const nrWritten = Math.min(wb.nrWriteback, Math.floor(deviceCredit));
    deviceCredit -= nrWritten;
    wb.nrWriteback -= nrWritten;
    accountWritten(domain, wb, nrWritten, nowNs);
    if (isSettled) run.written += nrWritten;
    if (isBandwidthDue(domain, wb, nowNs)) updateBandwidth(domain, wb, nowNs);
    if (domain.periodTime !== 0 && jiffiesOf(nowNs, 250) >= domain.periodTime) writeoutPeriod(domain, nowNs);
    const nrDirty = wb.nrReclaimable + wb.nrWriteback;
    run.maxDirty = Math.max(run.maxDirty, nrDirty);
    if (isSettled) run.minDirty = Math.min(run.minDirty, nrDirty);
  }
  return run;
}
