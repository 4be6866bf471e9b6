import { type OomTask } from "../src/index.ts";

/** A task that is nothing but what is given. */
export function makeTask(given: Partial<OomTask>): OomTask {
  return {
    pid: 1,
    tgid: given.pid ?? 1,
    uid: 0,
    name: "task",
    rssPages: 0,
    rssAnonPages: 0,
    rssFilePages: 0,
    rssShmemPages: 0,
    totalVmPages: 0,
    swapPages: 0,
    pageTablePages: 0,
    oomScoreAdj: 0,
    startTimeNs: 0,
    isUnkillable: false,
    ...given,
  };
}

/** Reads a row of a recorded task table, without its time stamp. */
export function parseTaskRow(row: string): OomTask {
  const [pid, uid, tgid, totalVm, rss, anon, file, shmem, pgtables, swap, adj, name] = row
    .replace(/[[\]]/g, " ")
    .trim()
    .split(/\s+/);
  return makeTask({
    pid: Number(pid),
    uid: Number(uid),
    tgid: Number(tgid),
    totalVmPages: Number(totalVm),
    rssPages: Number(rss),
    rssAnonPages: Number(anon),
    rssFilePages: Number(file),
    rssShmemPages: Number(shmem),
    pageTablePages: Number(pgtables) / 4096,
    swapPages: Number(swap),
    oomScoreAdj: Number(adj),
    name,
  });
}
