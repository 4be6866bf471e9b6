import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { KernelError } from "@pageframe/contracts";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeTrace, isStraceText, StraceReader, TraceReader } from "../src/index.ts";
import {
  collectEvents,
  compileGzip,
  compileRecording,
  compileStrace,
  describeEvents,
  sizesAfter,
} from "./helpers.ts";

/** What filetour.c does to files, worked out from its text. */
const TOUR = [
  "open data@0 flags=578",
  "write data@0 0+10000",
  "write data@0 20000+100",
  "write data@0 10000+1000",
  "read data@0 0+4096 requestedBytes=4096",
  "read data@0 4096+1000 requestedBytes=1000",
  "read data@0 8000+5000 requestedBytes=5000",
  "read data@0 1000+1000 requestedBytes=1000",
  "write data@0 2000+1000",
  "read data@0 5096+1000 requestedBytes=1000",
  "read data@0 6096+0 requestedBytes=0",
  "read data@0 20000+100 requestedBytes=4096",
  "read data@0 20100+0 requestedBytes=4096",
  "truncate data 30000",
  "fallocate data@0 4096+4096 mode=3",
  "fallocate data@0 0+40000 mode=0",
  "fadvise64 data@0 0+0 advice=2",
  "readahead data@0 0+8192",
  "sync_file_range data@0 0+8192 flags=2",
  "fsync data@0",
  "fdatasync data@0",
  "open log@1 flags=1089",
  "write log@1 0+10",
  "write log@1 10+10",
  "close log@1",
  "open copy@2 flags=194",
  "read data@0 0+5000 requestedBytes=5000",
  "write copy@2 0+5000",
  "read data@0 20100+5000 requestedBytes=5000",
  "write copy@2 0+5000",
  "read data@0 100+3000 requestedBytes=3000",
  "write copy@2 5000+3000",
  "read data@0 0+3000 requestedBytes=3000",
  "write copy@2 8000+3000",
  "read data@0 50+10 requestedBytes=10",
  "mmap data 4096+8192 address=0 prot=3 flags=1",
  "msync 8192",
  "munmap 8192",
  "t2 read data@0 60+10 requestedBytes=10",
  "read data@0 1000+10 requestedBytes=10",
  "mkdir sub",
  "open sub@3 flags=65536",
  "open sub/inner@4 flags=65",
  "write sub/inner@4 0+1",
  "close sub/inner@4",
  "fsync sub@3",
  "rename sub/inner replacedFileId=-1",
  "unlink sub/inner",
  "close sub@3",
  "unlink sub",
  "truncate copy 100",
  "rename copy replacedFileId=-1",
  "unlink copy",
  "unlink data",
  "unlink log",
  "sync",
  "close copy@2",
  "close data@0",
];

/** Addresses differ from run to run. */
const withoutAddresses = (events: readonly string[]): string[] =>
  events
    .filter((event) => !/^(?:t\d )?(?:brk|execve|mprotect|clone|exit_group)/.test(event))
    .map((event) =>
      event
        .replace(/^(mmap .*|msync|munmap)( \S+\+?\S*) .*$/, "$1$2")
        .replace(/^(msync|munmap) address=\d+ (\d+).*/, "$1 $2"),
    );

describe("StraceReader on recordings", () => {
  it("reads all calls on files of a tour of them", () => {
    const trace = compileRecording("filetour.strace.gz");
    expect(withoutAddresses(describeEvents(trace))).toEqual(TOUR);
    expect(trace.metadata).toMatchObject({
      command: "filetour",
      source: "strace",
      counts: { nrReads: 0, nrRuns: 0, nrFailedSyscalls: 1, nrLines: 104 },
      nrFootprintPages: 0,
      // Pages 0 to 7 of data, 0 to 2 of copy, one of log and one of sub/inner; data's 8th is a hole up to 30000.
      nrFilePages: 12,
    });
    expect(trace.metadata.files.map(({ name, isCreated }) => `${name} ${isCreated}`)).toEqual([
      "/usr/local/bin/filetour false",
      "data true",
      "log true",
      "copy true",
      "sub true",
      "sub/inner true",
    ]);
  });

  it("finds in lackey's recording of the same program what lackey prints", () => {
    const trace = compileGzip(new URL("data/filetour.lackey.gz", import.meta.url));
    // Lackey shows neither offsets behind pointers (copy_file_range, sendfile) nor what the forked child does to the position.
    const unseen = new Set([
      "read data@0 0+5000 requestedBytes=5000",
      "read data@0 100+3000 requestedBytes=3000",
      "t2 read data@0 60+10 requestedBytes=10",
    ]);
    const expected = TOUR.filter((event) => !unseen.has(event));
    expected.splice(expected.indexOf("write copy@2 0+5000"), 1);
    expected.splice(
      expected.indexOf("read data@0 1000+10 requestedBytes=10"),
      1,
      "read data@0 60+10 requestedBytes=10",
    );
    expect(withoutAddresses(describeEvents(trace))).toEqual(expected);
  });

  it("reads whole files of the right sizes with cat", () => {
    const trace = compileRecording("cat.strace.gz");
    const sizes = new Map(trace.metadata.files.map((file) => [file.name, file.sizeBytes]));
    expect(["a.txt", "b.txt", "dir/d.txt"].map((name) => sizes.get(name))).toEqual([12, 13893, 1288895]);
    const reads = describeEvents(trace).filter((event) => event.startsWith("read dir/d.txt"));
    expect(reads[0]).toMatch(/^read dir\/d\.txt@\d+ 0\+131072 requestedBytes=131072$/);
    expect(reads.at(-1)).toMatch(/^read dir\/d\.txt@\d+ 1288895\+0 requestedBytes=131072$/);
  });

  it("reads paths, positions and sizes with -yy, -ttt and -T", () => {
    const trace = compileRecording("grep.strace.gz");
    const sizes = new Map(trace.metadata.files.map((file) => [file.name, file.sizeBytes]));
    expect(sizes.get("/mnt/dir/c.txt")).toBe(292);
    expect(sizes.get("/mnt/dir/d.txt")).toBe(1288895);
    // With /dev/null for its output grep stops at the first match, in the first piece.
    const reads = describeEvents(trace).filter((event) => event.startsWith("read /mnt/dir/d.txt"));
    expect(reads.map((read) => read.replace(/@\d+/, ""))).toEqual([
      "read /mnt/dir/d.txt 0+98304 requestedBytes=98304",
    ]);
  });

  it.each([
    ["gcc.strace.gz", "hello", 15960],
    ["sqlite.strace.gz", "test.db", 53248],
    ["bash.strace.gz", "out.txt", 21],
    ["bash.strace.gz", "b.txt", 13926],
  ])("leaves files as large as they were: %s, %s", (recording, name, sizeBytes) => {
    const sizes = sizesAfter(compileRecording(recording));
    const found = [...sizes].filter(([path]) => path === name || path.endsWith(`/${name}`));
    expect(found.map(([, size]) => size)).toEqual([sizeBytes]);
  });

  it("gives each process of a compilation a thread, and its descriptors to itself", () => {
    const trace = compileRecording("gcc.strace.gz");
    const programs = collectEvents(trace).flatMap((event) =>
      event.name === "execve" ? [`${event.tid} ${trace.metadata.files[event.fileId].name}`] : [],
    );
    expect(programs).toEqual([
      "1 /usr/bin/gcc",
      "2 /usr/lib/gcc/x86_64-linux-gnu/12/cc1",
      "3 /usr/bin/as",
      "4 /usr/lib/gcc/x86_64-linux-gnu/12/collect2",
      "5 /usr/bin/ld",
    ]);
    const exits = collectEvents(trace).filter((event) => event.name === "exit_group");
    expect(exits.map(({ tid }) => tid)).toEqual([2, 3, 5, 4, 1]);
    // What every process opened is closed when it ends.
    const open = new Set<number>();
    for (const event of collectEvents(trace)) {
      if (event.name === "open") open.add(event.openId);
      if (event.name === "close") open.delete(event.openId);
    }
    expect([...open]).toEqual([]);
  });
});

const START = 'openat(AT_FDCWD, "f", O_RDWR) = 3';

describe("strace's lines", () => {
  it.each([
    ['openat(AT_FDCWD, "f", O_RDONLY|O_CLOEXEC) = 3', ["open f@0 flags=524288"]],
    ['open("f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['creat("f", 0644) = 3', ["open f@0 flags=577"]],
    [
      'openat2(AT_FDCWD, "f", {flags=O_RDWR|O_CREAT, mode=0600, resolve=RESOLVE_BENEATH}, 24) = 3',
      ["open f@0 flags=66"],
    ],
    ['openat(AT_FDCWD</home>, "f", O_RDONLY) = 3</home/f>', ["open /home/f@0 flags=0"]],
    ['openat(-100, "f", 0x8000) = 0x3', ["open f@0 flags=32768"]],
    ['openat(-100 /* AT_FDCWD */, "f", 0x80000 /* O_RDONLY|O_CLOEXEC */) = 3', ["open f@0 flags=524288"]],
    ['openat(AT_FDCWD, "\\x66\\141\\"\\\\ b\\n", O_RDONLY) = 3', ['open fa"\\ b\n@0 flags=0']],
    ['openat(AT_FDCWD, "\\303\\251", O_RDONLY) = 3', ["open é@0 flags=0"]],
    ['openat(AT_FDCWD, "a) = 3, (b", O_RDONLY) = 3', ["open a) = 3, (b@0 flags=0"]],
    ['openat(AT_FDCWD, "./a//b/../c", O_RDONLY)     = 3', ["open a/c@0 flags=0"]],
    ['123 openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['123<cat> openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['[pid   123] openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['17:07:49 openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['17:07:49.609438 (+     0.000287) openat(AT_FDCWD, "f", O_RDONLY) = 3 <0.000045>', ["open f@0 flags=0"]],
    ['1795193160.882160 openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['123  1795193160.882160 openat(AT_FDCWD, "f", O_RDONLY) = 3</f> <0.000045>', ["open /f@0 flags=0"]],
    ['     0.000123 openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['[ 257] [00007f21655c8ca3] openat(AT_FDCWD, "f", O_RDONLY) = 3', ["open f@0 flags=0"]],
    ['openat(AT_FDCWD, "f", O_RDONLY) = 3\r', ["open f@0 flags=0"]],
  ])("are read in many forms: %s", (line, expected) => {
    expect(describeEvents(compileStrace(line))).toEqual(expected);
  });

  it.each([
    ['read(3, "abc"..., 4096) = 4096', ["read f@0 0+4096 requestedBytes=4096"]],
    ['read(3, "\\") = 7", 4096) = 6', ["read f@0 0+6 requestedBytes=4096"]],
    ["read(0x3, 0x7ffc, 0x340) = 0x340", ["read f@0 0+832 requestedBytes=832"]],
    ['pread64(3, "", 784, 64) = 0', ["read f@0 64+0 requestedBytes=784"]],
    [
      'readv(3, [{iov_base="ab"..., iov_len=10}, {iov_base="iov_len=7", iov_len=20}], 2) = 25',
      ["read f@0 0+25 requestedBytes=30"],
    ],
    ['readv(3, [{iov_base="ab", iov_len=2}, ...], 40) = 80', ["read f@0 0+80 requestedBytes=80"]],
    [
      'preadv2(3, [{iov_base="ab", iov_len=2}], 1, 4096, RWF_HIPRI) = 2',
      ["read f@0 4096+2 requestedBytes=2"],
    ],
    ['write(3, "abc", 3) = 3', ["write f@0 0+3"]],
    ['pwritev(3, [{iov_base="ab", iov_len=2}], 1, 10) = 2', ["write f@0 10+2"]],
    ['pwrite64(3, "\\0\\0"..., 100, 20000) = 100', ["write f@0 20000+100"]],
    ["ftruncate(3, 9223372036854775807) = 0", ["truncate f 4503599627370495"]],
    ["fallocate(3, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 4096) = 0", ["fallocate f@0 0+4096 mode=3"]],
    ["fadvise64(3, 0, 0, POSIX_FADV_DONTNEED) = 0", ["fadvise64 f@0 0+0 advice=4"]],
    [
      "sync_file_range(3, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE|SYNC_FILE_RANGE_WRITE) = 0",
      ["sync_file_range f@0 0+0 flags=3"],
    ],
    ["syncfs(3) = 0", ["sync"]],
    [
      "mmap(NULL, 8192, PROT_READ, MAP_PRIVATE|MAP_DENYWRITE, 3, 0x1000) = 0x7000",
      ["mmap f 4096+8192 address=0 prot=1 flags=2050 result=28672"],
    ],
    [
      "mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, 3</f>, 0) = 0x7000",
      ["mmap f 0+8192 address=0 prot=3 flags=1409548289 result=28672"],
    ],
    ['execve("/bin/true", ["true"], 0x7ffc /* 3 vars */) = 0', ["execve /bin/true"]],
    ['unlink("f") = 0', ["unlink f"]],
    ['rename("f", "g") = 0', ["rename f replacedFileId=-1"]],
    ['mkdir("d", 0755) = 0', ["mkdir d"]],
    ["brk(NULL) = 0x5000", ["brk address=0 result=20480"]],
    ["madvise(0x7000, 4096, MADV_DONTNEED) = 0", []],
    ["fcntl(3, F_SETLK, {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=1073741824, l_len=1}) = 0", []],
    ["ioctl(3, TCGETS, {B38400 opost isig icanon echo ...}) = 0", []],
    ["poll([{fd=3, events=POLLIN}], 1, -1) = 1 ([{fd=3, revents=POLLIN}])", []],
    ["fcntl(3, F_GETFL) = 0x8002 (flags O_RDWR|O_LARGEFILE)", []],
    ["mincore(0x7000, 8192, [1, 1]) = 0", []],
  ])("become events: %s", (line, expected) => {
    expect(describeEvents(compileStrace(START, line)).slice(1)).toEqual(expected);
  });

  it.each([
    'openat(AT_FDCWD, "f", O_RDONLY) = -1 ENOENT (No such file or directory)',
    "read(3, 0x7ffc, 10) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
    "read(3, 0x7ffc, 10) = -1 EAGAIN (Resource temporarily unavailable)",
    "statmount(0x7ffc) = -1 (errno 38)",
  ])("are counted as failed: %s", (line) => {
    expect(compileStrace(START, line).metadata.counts).toMatchObject({ nrEvents: 1, nrFailedSyscalls: 1 });
  });

  it.each([
    ['read(0, "a", 1) = 1', "stdin"],
    ['write(1, "a", 1) = 1', "stdout"],
    ['openat(AT_FDCWD, "/dev/null", O_WRONLY) = 4', "a device"],
    ['openat(AT_FDCWD, "/proc/self/maps", O_RDONLY) = 4', "/proc"],
    ["pipe2([4, 5], 0) = 0", "a pipe"],
    ["socket(AF_UNIX, SOCK_STREAM, 0) = 4", "a socket"],
    ['read(4<pipe:[1430911]>, "", 16) = 0', "a pipe by its name"],
    ['write(2</dev/pts/0<char 136:0>>, "a", 1) = 1', "a terminal by its name"],
    ['recvfrom(4<TCP:[127.0.0.1:1->127.0.0.1:2]>, "a, b", 4, 0, NULL, NULL) = 4', "a connection"],
    ["eventfd2(0, EFD_CLOEXEC) = 4", "an eventfd"],
    ["getpid() = 12", "no file at all"],
    ["wait4(18446,  <unfinished ...>", "what never returns"],
    ["futex(0x7ffc, FUTEX_WAIT, 1, NULL <detached ...>", "what strace left"],
  ])("are counted as skipped: %s, %s", (line) => {
    expect(compileStrace(START, line).metadata.counts).toMatchObject({ nrEvents: 1, nrSkippedSyscalls: 1 });
  });

  it("that say nothing are passed over", () => {
    const lines = [
      "strace: Process 12 attached",
      "",
      "--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=5, si_uid=0} ---",
      " > /usr/lib/libc.so.6(read+0x10) [0x1fc47]",
      "strace: [ Process PID=12 runs in 32 bit mode. ]",
    ];
    expect(compileStrace(...lines, START).metadata.counts).toMatchObject({ nrEvents: 1, nrLines: 6 });
  });

  it("end where the table of -C begins", () => {
    const { counts } = compileStrace(
      START,
      "% time     seconds  usecs/call",
      "------ -----------",
      " 43.42    0.000066",
    ).metadata;
    expect(counts).toMatchObject({ nrEvents: 1, nrLines: 4 });
  });

  it("may be cut by a remark of strace", () => {
    const trace = compileStrace(
      'execve("/bin/sh", ["sh"], 0x7ffc /* 35 vars */strace: Process 32429 attached',
      ") = 0",
    );
    expect(describeEvents(trace)).toEqual(["execve /bin/sh"]);
  });

  it.each([
    [
      "hello",
      "'NAME(ARGUMENTS) = RESULT', '<... NAME resumed>', '--- SIGNAL ---' or '+++ exited with STATUS +++'",
    ],
    ["close(3)", "') = RESULT' or '<unfinished ...>' after close("],
    ["close(3) = x", "a number or '?' behind the equals sign of close"],
    ["close(x) = 0", "a descriptor as argument 1 of close"],
    ['openat(AT_FDCWD, "f", O_NONSENSE) = 3', "a number or names like O_RDONLY as argument 3 of openat"],
    ["pread64(3, 0x7ffc, 10, -5) = 1", "a number of 0 or more as argument 4 of pread64"],
    ["mmap(NULL, 8192) = 0x7000", "6 arguments of mmap"],
    ["pread64(3, 0x7ffc, 10, 9999999999999999999) = 1", "numbers below 2^52 in the call of pread64"],
    ["brk(NULL) = 0x10000000000000", "numbers below 2^52 in the call of brk"],
    ["clone(child_stack=NULL) = 5", "flags=CLONE_... in clone"],
    ["+++ exit +++", "'+++ exited with STATUS +++' or '+++ killed by SIGNAL +++'"],
  ])("are refused when malformed: %s", (line, expected) => {
    const sentence = `EINVAL: t.strace:2: expected ${expected}; found ${JSON.stringify(line)}`;
    expect(() => compileStrace(START, line)).toThrow(sentence);
  });

  it("may come in chunks cut anywhere, the last without its end", () => {
    const text = `${START}\nread(3, "ab", 10) = 2`;
    const whole = describeEvents(compileStrace(...text.split("\n")));
    for (let cut = 0; cut < text.length; cut++) {
      const reader = new StraceReader({ sourceName: "t" });
      for (const part of [text.slice(0, cut), text.slice(cut)]) reader.push(new TextEncoder().encode(part));
      expect(describeEvents(reader.end())).toEqual(whole);
    }
  });

  it("are refused when the text stops inside one, when there is none, and when they never end", () => {
    const cut = new StraceReader({ sourceName: "t" });
    cut.push(new TextEncoder().encode('read(3, "ab"'));
    expect(() => cut.end()).toThrow(
      "t:1: expected ') = RESULT' or '<unfinished ...>' after read( (is the file cut short?)",
    );
    expect(() => compileStrace("% time     seconds")).toThrow(
      "t.strace: no system call in 1 lines; record with strace -f -o LOG PROGRAM",
    );
    const endless = new StraceReader({ sourceName: "t" });
    expect(() => {
      for (let chunk = 0; chunk < 20; chunk++) endless.push(new Uint8Array(2 ** 20).fill(65));
    }).toThrow("t:1: expected a line of at most 16777216 bytes (is this text?)");
  });

  it("tell strace's text from lackey's", () => {
    const ofStrace = [
      "\n12 read(3, 0, 1) = 0",
      "strace: Process 5 attached",
      "[pid 5] <... read resumed>",
      "+++ exited with 0 +++",
    ];
    expect(ofStrace.map(isStraceText)).toEqual([true, true, true, true]);
    const others = [
      "==5== Lackey",
      "--5-- warning",
      " L 00001000,1",
      "I  0401ab70,3",
      "SYSCALL[9,1](3) sys_close ( 3 )",
      "hello",
      "",
    ];
    expect(others.some(isStraceText)).toBe(false);
  });

  it("raise nothing but a KernelError, whatever is in them, and what they give can be stored", () => {
    const whole = gunzipSync(readFileSync(new URL("data/filetour.strace.gz", import.meta.url)));
    const noise = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      fc
        .constantFrom(
          "9999999999999999999",
          "-1",
          "<",
          ">",
          '"',
          "\\",
          "[",
          ")",
          " = ",
          "0x",
          "NULL",
          "|",
          "\n",
          "...",
        )
        .map((text) => new TextEncoder().encode(text)),
    );
    let nrStored = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length), noise), { minLength: 1, maxLength: 3 }),
        (changes) => {
          const bytes = Uint8Array.from(whole);
          for (const [at, change] of changes) bytes.set(change.subarray(0, bytes.length - at), at);
          const reader = new StraceReader({ sourceName: "t" });
          try {
            reader.push(bytes);
            new TraceReader(encodeTrace(reader.end()));
            nrStored++;
          } catch (error) {
            if (!(error instanceof KernelError) || error.code !== "EINVAL") throw error;
            expect(error.message).toMatch(/^EINVAL: t:\d+: expected .*; found "/s);
          }
        },
      ),
      { numRuns: 500 },
    );
    expect(nrStored).toBeGreaterThan(50);
  });

  it("name the program that was traced", () => {
    const line = 'execve("/bin/cat", ["cat", "a long word"..., "b.txt"], 0x7ffc /* 3 vars */) = 0';
    expect(compileStrace(line).metadata.command).toBe("cat a long word b.txt");
    const reader = new StraceReader({ sourceName: "t", command: "secret" });
    reader.push(new TextEncoder().encode(`${line}\n`));
    expect(reader.end().metadata.command).toBe("secret");
  });
});
