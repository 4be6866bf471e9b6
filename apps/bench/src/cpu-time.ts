/** The clock of the benchmarks. */

/** Processor time of this process in seconds, the compiler's and the collector's threads included. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Does the work and returns the processor seconds that it took. */
export function timed(work: () => void): number {
  const start = cpuSeconds();
  work();
  return cpuSeconds() - start;
}
