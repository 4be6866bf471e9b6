/** Recorded OOM kills: the task table, then the two lines about the victim, in the order of the log. */
export interface RecordedKill {
  readonly table: readonly string[];
  readonly why: string;
  readonly killed: string;
}
/** Linux 6.18.15, 128 MiB without swap (MemTotal 87488 kB): 21872 pages in all. */
export const GLOBAL_TOTAL_PAGES = 21872;
export const GLOBAL_KILLS: readonly RecordedKill[] = [
  {
    table: [
      "[    129]     0   129      567      432        0        0       432    36864        0             0 sh",
      "[    134]     0   134     3577     3490     3328        0       162    65536        0             0 A",
      "[    136]     0   136     1785     1698     1536        0       162    49152        0           300 B",
      "[    138]     0   138     2809     2722     2560        0       162    61440        0          -600 C",
      "[    140]     0   140     1273     1186     1024        0       162    49152        0          1000 D",
      "[    253]     0   253     6137     5954     5792        0       162    86016        0             0 E",
      "[    254]     0   254      567      331        0        0       331    36864        0             0 sleep",
    ],
    why: "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=D,pid=140,uid=0",
    killed:
      "Out of memory: Killed process 140 (D) total-vm:5092kB, anon-rss:4096kB, file-rss:0kB, shmem-rss:648kB, UID:0 pgtables:48kB oom_score_adj:1000",
  },
  {
    table: [
      "[    129]     0   129      567      432        0        0       432    36864        0             0 sh",
      "[    134]     0   134     3577     3490     3328        0       162    65536        0             0 A",
      "[    136]     0   136     1785     1698     1536        0       162    49152        0           300 B",
      "[    138]     0   138     2809     2722     2560        0       162    61440        0          -600 C",
      "[    253]     0   253     7673     7586     7424        0       162    98304        0             0 E",
      "[    254]     0   254      567      331        0        0       331    36864        0             0 sleep",
    ],
    why: "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=B,pid=136,uid=0",
    killed:
      "Out of memory: Killed process 136 (B) total-vm:7140kB, anon-rss:6144kB, file-rss:0kB, shmem-rss:648kB, UID:0 pgtables:48kB oom_score_adj:300",
  },
  {
    table: [
      "[    129]     0   129      567      432        0        0       432    36864        0             0 sh",
      "[    134]     0   134     3577     3490     3328        0       162    65536        0             0 A",
      "[    138]     0   138     2809     2722     2560        0       162    61440        0          -600 C",
      "[    253]     0   253     8697     8578     8416        0       162   106496        0             0 E",
      "[    254]     0   254      567      331        0        0       331    36864        0             0 sleep",
    ],
    why: "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task=E,pid=253,uid=0",
    killed:
      "Out of memory: Killed process 253 (E) total-vm:34788kB, anon-rss:33664kB, file-rss:0kB, shmem-rss:648kB, UID:0 pgtables:104kB oom_score_adj:0",
  },
];
/** Linux 6.18.44, cgroup of 64 MiB without swap: 16384 pages in all. */
export const ADJ_1000_TOTAL_PAGES = 16384;
export const ADJ_1000_KILLS: readonly RecordedKill[] = [
  {
    table: [
      "[   3131]     0  3131     5369     5283     5120      163         0    69632        0             0 A",
      "[   3141]     0  3141      761      675      512      163         0    32768        0          1000 B",
      "[   3143]     0  3143     1529     1443     1280      163         0    36864        0           200 C",
      "[   3166]     0  3166     9721     9507     9344      163         0   102400        0             0 E",
    ],
    why: "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/orcoom,task_memcg=/orcoom,task=B,pid=3141,uid=0",
    killed:
      "Memory cgroup out of memory: Killed process 3141 (B) total-vm:3044kB, anon-rss:2048kB, file-rss:652kB, shmem-rss:0kB, UID:0 pgtables:32kB oom_score_adj:1000",
  },
  {
    table: [
      "[   3131]     0  3131     5369     5283     5120      163         0    69632        0             0 A",
      "[   3143]     0  3143     1529     1443     1280      163         0    36864        0           200 C",
      "[   3166]     0  3166    10233    10051     9888      163         0   106496        0             0 E",
    ],
    why: "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/orcoom,task_memcg=/orcoom,task=E,pid=3166,uid=0",
    killed:
      "Memory cgroup out of memory: Killed process 3166 (E) total-vm:40932kB, anon-rss:39552kB, file-rss:652kB, shmem-rss:0kB, UID:0 pgtables:104kB oom_score_adj:0",
  },
];
/** Linux 6.18.44, cgroup of 64 MiB without swap: 16384 pages in all. */
export const ADJ_SMALL_TOTAL_PAGES = 16384;
export const ADJ_SMALL_KILLS: readonly RecordedKill[] = [
  {
    table: [
      "[   3227]     0  3227     7929     7843     7680      163         0    90112        0             0 A",
      "[   3229]     0  3229     2297     2211     2048      163         0    45056        0            20 B",
      "[   3234]     0  3234     2297     2211     2048      163         0    45056        0            10 C",
      "[   3278]     0  3278     4857     4643     4480      163         0    65536        0             0 E",
    ],
    why: "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/orcoom,task_memcg=/orcoom,task=A,pid=3227,uid=0",
    killed:
      "Memory cgroup out of memory: Killed process 3227 (A) total-vm:31716kB, anon-rss:30720kB, file-rss:652kB, shmem-rss:0kB, UID:0 pgtables:88kB oom_score_adj:0",
  },
  {
    table: [
      "[   3229]     0  3229     2297     2211     2048      163         0    45056        0            20 B",
      "[   3234]     0  3234     2297     2211     2048      163         0    45056        0            10 C",
      "[   3278]     0  3278    12537    12323    12160      163         0   126976        0             0 E",
    ],
    why: "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/orcoom,task_memcg=/orcoom,task=E,pid=3278,uid=0",
    killed:
      "Memory cgroup out of memory: Killed process 3278 (E) total-vm:50148kB, anon-rss:48640kB, file-rss:652kB, shmem-rss:0kB, UID:0 pgtables:124kB oom_score_adj:0",
  },
];
