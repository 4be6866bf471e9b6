import { closeSync, existsSync, openSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EIO, ENOSPC } from "@pageframe/contracts";
import { bootKernel } from "@pageframe/kernel";
import { HostFileSwapBackend, HostSwapFile } from "../src/host-file-swap.ts";
import { useFolder } from "./helpers.ts";

const PAGE_BYTES = 4096;
const page = (byte: number): Uint8Array => new Uint8Array(PAGE_BYTES).fill(byte);

describe("HostFileSwapBackend", () => {
  const folder = useFolder();

  it("gives back what it was given, from the file", () => {
    const file = new HostSwapFile(folder.path("swap"));
    const area = file.makeArea(16);
    expect(area.writePage(3, page(0xaa))).toBe(0);
    expect(area.writePage(15, page(0xbb))).toBe(0);
    const into = page(1);
    expect(area.readPage(15, into)).toBe(0);
    expect(into).toEqual(page(0xbb));
    // Never written: zeros.
    expect(area.readPage(4, into)).toBe(0);
    expect(into).toEqual(page(0));
    const bytes = readFileSync(folder.path("swap"));
    expect(bytes.length).toBe(16 * PAGE_BYTES);
    expect(bytes.subarray(3 * PAGE_BYTES, 4 * PAGE_BYTES).equals(page(0xaa))).toBe(true);
    file.close(false);
    expect(existsSync(folder.path("swap"))).toBe(false);
  });

  it("carries the header that mkswap(8) writes, so that the file is known as swap", () => {
    const file = new HostSwapFile(folder.path("swap"));
    file.makeArea(16);
    file.close(true);
    const bytes = readFileSync(folder.path("swap"));
    expect(bytes.toString("latin1", 4086, 4096)).toBe("SWAPSPACE2");
    expect(bytes.readUInt32LE(1024)).toBe(1);
    expect(bytes.readUInt32LE(1028)).toBe(15);
    expect(bytes.toString("latin1", 1052, 1061)).toBe("pageframe");
    // A second run takes it, empties it, and leaves it where it was.
    const again = new HostSwapFile(folder.path("swap"));
    again.makeArea(4);
    again.close(false);
    expect(statSync(folder.path("swap")).size).toBe(4 * PAGE_BYTES);
  });

  it("is for its owner's eyes only", () => {
    const file = new HostSwapFile(folder.path("swap"));
    expect(statSync(folder.path("swap")).mode & 0o777).toBe(0o600);
    file.close(false);
  });

  it("answers -ENOSPC from a full device and -EIO past the end of the file, and remembers", () => {
    const full = openSync("/dev/full", "r+");
    const device = new HostFileSwapBackend("/dev/full", full, 16);
    expect(device.writePage(1, page(1))).toBe(-ENOSPC);
    expect(device.ioWithoutBytes(2, true)).toBe(-ENOSPC);
    expect(device.describeFailures()).toBe("swap file /dev/full: 2 transfers failed, the first with ENOSPC");
    closeSync(full);

    const file = new HostSwapFile(folder.path("swap"));
    const area = file.makeArea(4);
    expect(area.readPage(4, page(0))).toBe(-EIO);
    expect(area.nrFailures).toBe(1);
    file.close(false);
  });

  it("answers -EIO when the descriptor is gone", () => {
    const device = new HostFileSwapBackend("gone", 987_654, 16);
    expect(device.writePage(1, page(1))).toBe(-EIO);
    expect(device.readPage(1, page(1))).toBe(-EIO);
  });

  it("goes back with a snapshot of the kernel that swaps to it", () => {
    const file = new HostSwapFile(folder.path("swap"));
    const area = file.makeArea(257);
    const kernel = bootKernel({ memory: "1MiB", swap: [{ size: "1MiB" }] }, { swapBackends: [area] });
    area.writePage(7, page(7));
    const snapshot = kernel.snapshot();
    area.writePage(7, page(8));
    area.writePage(9, page(9));
    kernel.restore(snapshot);
    const into = page(0);
    area.readPage(7, into);
    expect(into).toEqual(page(7));
    file.close(false);
  });
});
