import { describe, expect, it } from "vitest";
import { compare, fieldName, totalOf } from "../src/compare.ts";
import { observationKeys } from "../src/kinds.ts";
import { parseObservations } from "../src/observations.ts";

function compared(expected: string, actual: string, notModelledFrom = Infinity, leftOut: string[] = []) {
  return compare({
    scriptName: "x.mm",
    expected: parseObservations(expected, "expected"),
    actual: parseObservations(actual, "actual"),
    notModelledFrom,
    leftOut: new Set(leftOut),
  });
}

describe("compare", () => {
  it("counts the fields of each line by kind, and not what says which line it is", () => {
    const { tallies } = compared(
      '{"l":1,"p":"P0","op":"read 0","ret":3,"min":1,"maj":0}',
      '{"l":1,"p":"P7","op":"read 1","ret":3,"min":2,"maj":0}',
    );
    expect(tallies.return).toEqual({ equal: 1, different: 0, notModelled: 0 });
    expect(tallies.faults).toEqual({ equal: 1, different: 1, notModelled: 0 });
    expect(totalOf(tallies)).toEqual({ equal: 2, different: 1, notModelled: 0 });
  });

  it("takes values apart deeply and does not mind the order of keys", () => {
    const { tallies } = compared(
      '{"l":1,"status":{"VmSize":4,"VmRSS":8},"maps":[["A+0","A+1","rw-p"]]}',
      '{"l":1,"maps":[["A+0","A+1","r--p"]],"status":{"VmRSS":8,"VmSize":4}}',
    );
    expect(tallies.status).toEqual({ equal: 1, different: 0, notModelled: 0 });
    expect(tallies.maps).toEqual({ equal: 0, different: 1, notModelled: 0 });
  });

  it("counts a field that only one side has as different", () => {
    const { tallies, differences } = compared('{"l":1,"ret":0}', '{"l":1,"err":"ENOMEM"}');
    expect(tallies.return.different).toBe(2);
    expect(differences.map(({ key, expected, actual }) => [key, expected, actual])).toEqual([
      ["ret", 0, undefined],
      ["err", undefined, "ENOMEM"],
    ]);
  });

  it("counts every field of a line that only one side has as different", () => {
    const { tallies } = compared(
      '{"l":1,"ret":0}\n{"l":2,"ret":0,"min":0,"maj":0}',
      '{"l":1,"ret":0}\n{"l":3,"ret":0}',
    );
    expect(totalOf(tallies)).toEqual({ equal: 1, different: 4, notModelled: 0 });
  });

  it("counts the record's fields from the first line that is not modelled on apart", () => {
    const { tallies } = compared(
      '{"l":1,"ret":0}\n{"l":2,"ret":0,"min":0}',
      '{"l":1,"ret":0}\n{"l":2,"err":"EPERM"}',
      2,
    );
    expect(totalOf(tallies)).toEqual({ equal: 1, different: 0, notModelled: 2 });
  });

  it("leaves out fields that the kernel answered in two ways", () => {
    const left = [fieldName(1, "ret")];
    const { tallies } = compared('{"l":1,"ret":0,"min":0}', '{"l":1,"ret":1,"min":0}', Infinity, left);
    expect(totalOf(tallies)).toEqual({ equal: 1, different: 0, notModelled: 0 });
  });

  it("knows a kind for every key that a recorder writes", () => {
    const line = JSON.stringify({ l: 1, ...Object.fromEntries(observationKeys.map((key) => [key, 0])) });
    expect(totalOf(compared(line, line).tallies).equal).toBe(observationKeys.length);
  });
});
