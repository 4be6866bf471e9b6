import { findOccupant, type OomCandidate } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LONG_MIN, oomBadness, oomPolicies } from "../src/index.ts";
import { makeTask, parseTaskRow } from "./helpers.ts";
import {
  ADJ_1000_KILLS,
  ADJ_1000_TOTAL_PAGES,
  ADJ_SMALL_KILLS,
  ADJ_SMALL_TOTAL_PAGES,
  GLOBAL_KILLS,
  GLOBAL_TOTAL_PAGES,
  type RecordedKill,
} from "./recorded-kills.ts";

const policy = (name: string) => findOccupant("OOM policy", oomPolicies, name).create();

describe("badness policy", () => {
  it("is the default of the seat", () => {
    expect(oomPolicies[0].name).toBe("badness");
  });

  const recorded: [string, number, readonly RecordedKill[], string[]][] = [
    ["a whole machine", GLOBAL_TOTAL_PAGES, GLOBAL_KILLS, ["D", "B", "E"]],
    ["a cgroup with oom_score_adj 1000", ADJ_1000_TOTAL_PAGES, ADJ_1000_KILLS, ["B", "E"]],
    ["a cgroup with small adjustments", ADJ_SMALL_TOTAL_PAGES, ADJ_SMALL_KILLS, ["A", "E"]],
  ];
  it.each(recorded)("kills whom Linux killed in %s", (_where, totalPages, kills, names) => {
    const victims = kills.map(({ table }) => {
      const tasks = table.map(parseTaskRow);
      return tasks[policy("badness").selectVictim(tasks, totalPages)].name;
    });
    expect(victims).toEqual(names);
    expect(kills.map(({ why }) => /task=(\w+)/.exec(why)?.[1])).toEqual(names);
  });

  it("kills the later of two equals", () => {
    const tasks = [makeTask({ rssPages: 7 }), makeTask({ rssPages: 7 }), makeTask({ rssPages: 6 })];
    expect(policy("badness").selectVictim(tasks, 1000)).toBe(1);
  });

  it("kills a task with negative points when there is no other", () => {
    const tasks = [
      makeTask({ oomScoreAdj: -1000 }),
      makeTask({ oomScoreAdj: -999 }),
      makeTask({ isUnkillable: true }),
    ];
    expect(policy("badness").selectVictim(tasks, 100000)).toBe(1);
  });
});

describe("other policies", () => {
  const tasks = [
    makeTask({ rssPages: 50, startTimeNs: 1, oomScoreAdj: -500 }),
    makeTask({ rssPages: 20, startTimeNs: 9 }),
    makeTask({ rssPages: 30, startTimeNs: 5, oomScoreAdj: 1000 }),
    makeTask({ rssPages: 90, startTimeNs: 99, oomScoreAdj: -1000 }),
  ];

  it("largest-rss looks at resident pages alone", () => {
    expect(policy("largest-rss").selectVictim(tasks, 10000)).toBe(0);
    expect(policy("badness").selectVictim(tasks, 10000)).toBe(2);
  });

  it("youngest looks at start times alone", () => {
    expect(policy("youngest").selectVictim(tasks, 10000)).toBe(1);
  });
});

describe.each(oomPolicies.map(({ name }) => name))("%s as an OOM policy", (name) => {
  it("carries the name of its entry", () => {
    expect(policy(name).name).toBe(name);
  });

  it("returns -1 when nobody can be killed", () => {
    expect(policy(name).selectVictim([], 1000)).toBe(-1);
    expect(policy(name).selectVictim([makeTask({ rssPages: 9, isUnkillable: true })], 1000)).toBe(-1);
  });

  it("kills somebody whenever somebody may be killed, and never another", () => {
    const candidate: fc.Arbitrary<OomCandidate> = fc
      .record({
        rssPages: fc.nat(1000),
        oomScoreAdj: fc.constantFrom(-1000, -999, 0, 1000),
        startTimeNs: fc.nat(5),
        isUnkillable: fc.boolean(),
      })
      .map(makeTask);
    fc.assert(
      fc.property(fc.array(candidate, { maxLength: 8 }), (candidates) => {
        const victim = policy(name).selectVictim(candidates, 5000);
        const mayDie = candidates.map((task) => oomBadness(task, 5000) !== LONG_MIN);
        expect(victim === -1 ? !mayDie.includes(true) : mayDie[victim]).toBe(true);
      }),
      { seed: 5 },
    );
  });
});
