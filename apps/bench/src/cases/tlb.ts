/** The TLB alone: lookups one by one, and an insert after each miss; no page tables. */
import { runVpnHi, TLB_4K, TLB_MISS } from "@pageframe/contracts";
import { SetAssociativeTlb } from "@pageframe/tlb";
import { streamInput, type StreamName } from "../access-streams.ts";
import { type BenchCase } from "../bench-case.ts";
import { timed } from "../cpu-time.ts";
import { readWords } from "./translation.ts";

const BATCH_ACCESSES = 16_384;
const PCID = 1;
const NR_PASSES = { hot: 6, mix: 2 };
function pass(tlb: SetAssociativeTlb, words: Int32Array): void {
  const nrAccesses = words.length / 2;
  for (let from = 0; from < nrAccesses; from += BATCH_ACCESSES) {
    batch(tlb, words, from, Math.min(from + BATCH_ACCESSES, nrAccesses));
  }
}

function batch(tlb: SetAssociativeTlb, words: Int32Array, from: number, to: number): void {
  for (let at = from; at < to; at++) {
    const vpnLo = words[2 * at];
    const vpnHi = runVpnHi(words[2 * at + 1]);
    if (tlb.lookup(vpnLo, vpnHi, PCID) === TLB_MISS) {
      tlb.insert(vpnLo, vpnHi, PCID, TLB_4K, vpnLo & 0xfffffff, 0);
    }
  }
}

function tlbCase(stream: StreamName & keyof typeof NR_PASSES): BenchCase {
  return {
    name: `tlb-${stream}`,
    group: "tlb",
    describe: "a lookup, and an insert when it misses",
    unit: { kind: "rate", label: "M lookups/s", one: 1e6 },
    target: null,
    counterpart: null,
    input: streamInput(stream),
    run(scale, inputPath) {
      const words = readWords(inputPath);
      const tlb = new SetAssociativeTlb();
      pass(tlb, words);
      const nrPasses = scale === "tiny" ? 1 : NR_PASSES[stream];
      const seconds = timed(() => {
        for (let done = 0; done < nrPasses; done++) pass(tlb, words);
      });
      const { l1Hits, l2Hits, misses } = tlb.stats;
      return { operations: (nrPasses * words.length) / 2, seconds, checks: { l1Hits, l2Hits, misses } };
    },
  };
}

export const tlbCases: readonly BenchCase[] = [tlbCase("hot"), tlbCase("mix")];
