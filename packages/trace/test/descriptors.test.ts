import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileStrace, describeEvents } from "./helpers.ts";

const OPEN = 'openat(AT_FDCWD, "f", O_RDWR) = 3';
const READ = (fd: number): string => `read(${fd}, "a", 1) = 1`;
/** Events after the first open. */
const after = (...lines: string[]): string[] => describeEvents(compileStrace(OPEN, ...lines)).slice(1);
const readAt = (offset: number, name = "f@0"): string => `read ${name} ${offset}+1 requestedBytes=1`;

describe("descriptors", () => {
  it.each([
    ["dup(3) = 4"],
    ["dup2(3, 4) = 4"],
    ["dup3(3, 4, O_CLOEXEC) = 4"],
    ["fcntl(3, F_DUPFD, 4) = 4"],
    ["fcntl(3, F_DUPFD_CLOEXEC, 0) = 4"],
    ["fcntl(3, 0 /* F_DUPFD */, 4) = 4"],
  ])("share a position after %s, and close when both are closed", (line) => {
    expect(after(line, READ(3), READ(4), "close(3) = 0", READ(4), "close(4) = 0", READ(4))).toEqual([
      readAt(0),
      readAt(1),
      readAt(2),
      "close f@0",
    ]);
  });

  it("have positions of their own when a file is opened twice", () => {
    expect(after('openat(AT_FDCWD, "f", O_RDONLY) = 4', READ(3), READ(4))).toEqual([
      "open f@1 flags=0",
      readAt(0),
      readAt(0, "f@1"),
    ]);
  });

  it("are put where lseek says they are", () => {
    expect(after("lseek(3, 100, SEEK_SET) = 100", READ(3), "lseek(3, -1, SEEK_CUR) = 100", READ(3))).toEqual([
      readAt(100),
      readAt(100),
    ]);
  });

  it("append where the file ends as far as is known, also with pwrite", () => {
    const lines = [
      'openat(AT_FDCWD, "log", O_WRONLY|O_APPEND) = 4',
      'newfstatat(4, "", {st_mode=S_IFREG|0644, st_size=500, ...}, AT_EMPTY_PATH) = 0',
      'write(4, "a", 10) = 10',
      'pwrite64(4, "a", 10, 0) = 10',
      "fcntl(4, F_SETFL, O_WRONLY) = 0",
      'pwrite64(4, "a", 10, 0) = 10',
    ];
    expect(after(...lines).slice(1)).toEqual([
      "write log@1 500+10",
      "write log@1 510+10",
      "write log@1 0+10",
    ]);
  });

  it("are closed by close_range, and by a duplicate that takes their place", () => {
    expect(after("dup(3) = 9", "close_range(3, 4294967295, 0) = 0")).toEqual(["close f@0"]);
    expect(after("close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC) = 0")).toEqual([]);
    expect(after("dup2(0, 3) = 3", READ(3))).toEqual(["close f@0"]);
    expect(after("dup2(3, 3) = 3", READ(3))).toEqual([readAt(0)]);
  });

  it("are closed by execve when they are to be", () => {
    const exec = 'execve("/bin/true", ["true"], 0x7ffc /* 3 vars */) = 0';
    expect(after(exec, READ(3))).toEqual(["execve /bin/true", readAt(0)]);
    expect(after("fcntl(3, F_SETFD, FD_CLOEXEC) = 0", exec, READ(3))).toEqual([
      "close f@0",
      "execve /bin/true",
    ]);
    expect(after("fcntl(3, F_SETFD, FD_CLOEXEC) = 0", "fcntl(3, F_SETFD, 0) = 0", exec)).toEqual([
      "execve /bin/true",
    ]);
    expect(after("dup3(3, 4, O_CLOEXEC) = 4", exec, READ(3), READ(4))).toEqual([
      "execve /bin/true",
      readAt(0),
    ]);
    const both = after(
      'openat(AT_FDCWD, "g", O_RDONLY|O_CLOEXEC) = 4',
      "close_range(3, 3, CLOSE_RANGE_CLOEXEC) = 0",
      exec,
    );
    expect(both).toEqual(["open g@1 flags=524288", "close f@0", "close g@1", "execve /bin/true"]);
  });

  it("of unknown origin are files once a call shows that they are", () => {
    const stat = 'newfstatat(5, "", {st_mode=S_IFREG|0644, st_size=100, ...}, AT_EMPTY_PATH) = 0';
    expect(after(READ(5), stat, READ(5), "close(5) = 0", READ(5))).toEqual([
      "open fd 5@1 flags=2",
      readAt(0, "fd 5@1"),
      "close fd 5@1",
    ]);
    expect(after('pread64(5, "a", 1, 7) = 1')).toEqual(["open fd 5@1 flags=2", readAt(7, "fd 5@1")]);
    expect(after("fstat(5, {st_mode=S_IFIFO|0600, st_size=0, ...}) = 0", READ(5))).toEqual([]);
    expect(after('read(5</home/x>, "a", 1) = 1', 'read(5, "a", 1) = 1')).toEqual([
      "open /home/x@1 flags=2",
      readAt(0, "/home/x@1"),
      readAt(1, "/home/x@1"),
    ]);
  });

  it("lead to directories that paths are relative to", () => {
    const lines = [
      'openat(AT_FDCWD, "d/e", O_RDONLY|O_DIRECTORY) = 4',
      'openat(4, "../g", O_RDONLY) = 5',
      'chdir("d") = 0',
      'openat(AT_FDCWD, "h", O_RDONLY) = 6',
      "fchdir(4) = 0",
      'open("i", O_RDONLY) = 7',
      'openat(AT_FDCWD</w>, "j", O_RDONLY) = 8</w/j>',
      'unlink("j") = 0',
    ];
    expect(after(...lines).map((event) => event.replace(/ flags.*/, ""))).toEqual([
      ...["open d/e@1", "open d/g@2", "open d/h@3", "open d/e/i@4", "open /w/j@5", "unlink /w/j"],
    ]);
  });
});

describe("processes", () => {
  const FORK = "flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD";
  const VFORK = "flags=CLONE_VM|CLONE_VFORK|SIGCHLD";
  const THREAD = "flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD";
  const of = (...lines: string[]): string[] =>
    describeEvents(compileStrace(`1 ${OPEN}`, ...lines))
      .slice(1)
      .map((event) => event.replace(/ flags=\d+| requestedBytes=\d+| result=\d+/g, ""));

  it("have descriptors of their own that share positions after fork", () => {
    const lines = [
      `1 clone(child_stack=NULL, ${FORK}, child_tidptr=0x7f) = 2`,
      `2 ${READ(3)}`,
      "2 close(3) = 0",
      `2 ${READ(3)}`,
      `1 ${READ(3)}`,
      "1 close(3) = 0",
    ];
    expect(of(...lines)).toEqual(["clone childTid=2", "t2 read f@0 0+1", "read f@0 1+1", "close f@0"]);
  });

  it("share descriptors with CLONE_FILES, until one executes a program", () => {
    const lines = [
      `1 clone(child_stack=0x7f, flags=CLONE_VM|CLONE_FILES) = 2`,
      "2 close(3) = 0",
      `1 ${READ(3)}`,
      '1 openat(AT_FDCWD, "g", O_RDONLY|O_CLOEXEC) = 3',
      '2 execve("/bin/true", ["true"], 0x7f /* 0 vars */) = 0',
      `2 ${READ(3)}`,
      `1 ${READ(3)}`,
    ];
    expect(of(...lines)).toEqual([
      ...["clone childTid=2", "t2 close f@0", "open g@1", "t2 execve /bin/true", "read g@1 0+1"],
    ]);
  });

  it("show before the call that made them is complete", () => {
    const lines = [
      `1 clone(child_stack=NULL, ${FORK} <unfinished ...>`,
      `7 ${READ(3)}`,
      "1 <... clone resumed>, child_tidptr=0x7f) = 7",
      `7 ${READ(3)}`,
    ];
    expect(of(...lines)).toEqual(["clone childTid=2", "t2 read f@0 0+1", "t2 read f@0 1+1"]);
    const vfork = ["1 vfork( <unfinished ...>", `7 ${READ(3)}`, "1 <... vfork resumed>) = 7", `1 ${READ(3)}`];
    expect(of(...vfork)).toEqual(["clone childTid=2", "t2 read f@0 0+1", "read f@0 1+1"]);
  });

  it("are told apart on a terminal, where a process alone has no id", () => {
    const lines = [
      OPEN,
      `clone(child_stack=NULL, ${FORK}strace: Process 8 attached`,
      " <unfinished ...>",
      `[pid     8] ${READ(3)}`,
      "[pid     7] <... clone resumed>, child_tidptr=0x7f) = 8",
      `[pid     7] ${READ(3)}`,
      "[pid     8] +++ exited with 0 +++",
      READ(3),
    ];
    const events = describeEvents(compileStrace(...lines)).map((event) =>
      event.replace(/ flags=\d+| requestedBytes=\d+| result=\d+/g, ""),
    );
    expect(events).toEqual([
      ...[
        "open f@0",
        "clone childTid=2",
        "t2 read f@0 0+1",
        "read f@0 1+1",
        "t2 exit_group status=0",
        "read f@0 2+1",
      ],
    ]);
  });

  it("use the id of one that ended", () => {
    const lines = [
      `1 clone(child_stack=NULL, ${FORK}) = 2`,
      "2 exit_group(1) = ?",
      "2 +++ exited with 1 +++",
      `1 clone(child_stack=NULL, ${FORK}) = 2`,
      `2 ${READ(3)}`,
    ];
    expect(of(...lines)).toEqual([
      "clone childTid=2",
      "t2 exit_group status=1",
      "clone childTid=3",
      "t3 read f@0 0+1",
    ]);
  });

  it("end once, with their last thread, and close what they alone had open", () => {
    const thread = `1 clone3({${THREAD}, child_tid=0x7f, stack_size=0x7fff80} => {parent_tid=[2]}, 88) = 2`;
    expect(of(thread, "2 exit(0) = ?", "2 +++ exited with 0 +++", `1 ${READ(3)}`)).toEqual([
      ...["clone childTid=2", "read f@0 0+1"],
    ]);
    const killed = [thread, "1 +++ killed by SIGKILL +++", "2 +++ killed by SIGKILL +++"];
    expect(of(...killed)).toEqual(["clone childTid=2", "t2 close f@0", "t2 exit_group status=137"]);
    expect(
      of("1 exit_group(3 <unfinished ...>", "1 <... exit_group resumed>) = ?", "1 +++ exited with 3 +++"),
    ).toEqual([...["close f@0", "exit_group status=3"]]);
  });

  it("keep calls apart that threads interleave", () => {
    const lines = [
      `1 clone(child_stack=0x7f, ${THREAD}) = 2`,
      "1 read(3,  <unfinished ...>",
      "2 pread64(3,  <unfinished ...>",
      '1 <... read resumed>"a", 1) = 1',
      '2 <... pread64 resumed> "b, c) = 9", 9, 50) = 9',
      "2 <... futex resumed>) = 0",
    ];
    expect(of(...lines)).toEqual(["clone childTid=2", "read f@0 0+1", "t2 read f@0 50+9"]);
  });

  it("go on in the id of their first thread when another one executes a program", () => {
    const lines = [
      `1 clone(child_stack=0x7f, ${THREAD}) = 2`,
      '2 execve("/bin/true", ["true"], 0x7f /* 0 vars */ <unfinished ...>',
      "1 +++ superseded by execve in pid 2 +++",
      "1 <... execve resumed>) = 0",
      `1 ${READ(3)}`,
    ];
    expect(of(...lines)).toEqual(["clone childTid=2", "t2 execve /bin/true", "t2 read f@0 0+1"]);
  });

  it("change only what they mapped themselves, and children what their parents did", () => {
    const mmap = (pid: number): string =>
      `${pid} mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7000`;
    const protect = (pid: number): string => `${pid} mprotect(0x8000, 4096, PROT_READ) = 0`;
    const events = of(
      protect(1),
      mmap(1),
      protect(1),
      `1 clone(child_stack=NULL, ${FORK}) = 2`,
      protect(2),
      "2 munmap(0x7000, 8192) = 0",
      protect(2),
      protect(1),
      `1 clone(child_stack=NULL, ${VFORK}) = 3`,
      protect(3),
      '3 execve("/bin/true", ["true"], 0x7f /* 0 vars */) = 0',
      protect(3),
      protect(1),
    ).map((event) => event.replace(/( \S*\d+)? address.*/, ""));
    expect(events).toEqual([
      ...["mmap", "mprotect", "clone childTid=2", "t2 mprotect", "t2 munmap", "mprotect"],
      ...["clone childTid=3", "t3 mprotect", "t3 execve /bin/true", "mprotect"],
    ]);
  });

  it("agree with a model of descriptors and positions on any log", () => {
    // A process as POSIX has it: fd -> open file; an open file has a name and a position.
    interface Model {
      readonly fds: Map<number, { openId: number; name: string; position: number }>;
    }
    const step = fc.record({
      call: fc.constantFrom("open", "read", "write", "pread", "seek", "dup2", "close", "fork"),
      who: fc.nat(3),
      fd: fc.integer({ min: 3, max: 7 }),
      other: fc.integer({ min: 3, max: 7 }),
      amount: fc.integer({ min: 1, max: 10000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const processes: Model[] = [{ fds: new Map() }];
        const lines: string[] = ["100 getpid() = 100"];
        const expected: string[] = [];
        let nrOpens = 0;
        for (const { call, who, fd, other, amount } of steps) {
          const index = who % processes.length;
          const { fds } = processes[index];
          const line = (text: string): number => lines.push(`${100 + index} ${text}`);
          const tid = index === 0 ? "" : `t${index + 1} `;
          const file = fds.get(fd);
          const drop = (at: number): void => {
            const gone = fds.get(at);
            fds.delete(at);
            const isOpen = processes.some((process) =>
              [...process.fds.values()].some((kept) => kept === gone),
            );
            if (gone !== undefined && !isOpen) expected.push(`${tid}close ${gone.name}@${gone.openId}`);
          };
          if (call === "open") {
            const name = `f${other}`;
            line(`openat(AT_FDCWD, "${name}", O_RDWR) = ${fd}`);
            expected.push(`${tid}open ${name}@${nrOpens} flags=2`);
            drop(fd);
            fds.set(fd, { openId: nrOpens++, name, position: 0 });
          } else if (call === "fork" && processes.length < 4) {
            line(`fork() = ${100 + processes.length}`);
            expected.push(`${tid}clone childTid=${processes.length + 1} flags=0`);
            processes.push({ fds: new Map(fds) });
          } else if (call === "close") {
            line(`close(${fd}) = 0`);
            drop(fd);
          } else if (call === "dup2") {
            line(`dup2(${fd}, ${other}) = ${other}`);
            if (fd === other) continue;
            drop(other);
            if (file !== undefined) fds.set(other, file);
          } else if (call === "read" || call === "write") {
            line(`${call}(${fd}, "..."..., ${amount}) = ${amount}`);
            if (file === undefined) continue;
            const asked = call === "read" ? ` requestedBytes=${amount}` : "";
            expected.push(`${tid}${call} ${file.name}@${file.openId} ${file.position}+${amount}${asked}`);
            file.position += amount;
          } else if (file !== undefined && call === "pread") {
            line(`pread64(${fd}, "", 8, ${amount}) = 8`);
            expected.push(`${tid}read ${file.name}@${file.openId} ${amount}+8 requestedBytes=8`);
          } else if (file !== undefined && call === "seek") {
            line(`lseek(${fd}, ${amount}, SEEK_SET) = ${amount}`);
            file.position = amount;
          }
        }
        expect(describeEvents(compileStrace(...lines))).toEqual(expected);
      }),
      { numRuns: 300 },
    );
  });
});
