import { describe, expect, it } from "vitest";
import { bug, EINVAL, ENOMEM, ENOSPC, errnoName, KernelBug, KernelError } from "../src/index.ts";

describe("errors", () => {
  it("are named by number, with either sign", () => {
    expect(errnoName(EINVAL)).toBe("EINVAL");
    expect(errnoName(-ENOMEM)).toBe("ENOMEM");
    expect(errnoName(9999)).toBe("errno 9999");
  });

  it("have Linux's numbers", () => {
    expect([EINVAL, ENOMEM, ENOSPC]).toEqual([22, 12, 28]);
  });

  it("read as a name and a sentence", () => {
    const error = new KernelError(-ENOSPC, "no slot is left in 3 areas");
    expect(error.message).toBe("ENOSPC: no slot is left in 3 areas");
    expect([error.errno, error.code, error.sentence]).toEqual([28, "ENOSPC", "no slot is left in 3 areas"]);
    expect(error).toBeInstanceOf(Error);
  });

  it("tell a broken invariant from a caller's failure", () => {
    expect(() => bug("free list 3 holds allocated pfn 42")).toThrow(KernelBug);
    expect(() => bug("free list 3 holds allocated pfn 42")).toThrow(
      "kernel BUG: free list 3 holds allocated pfn 42",
    );
    expect(() => bug("x")).not.toThrow(KernelError);
  });
});
