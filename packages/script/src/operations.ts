/**
 * How each operation is written, and how its words become an {@link Operation}.
 *
 * Where the recorder takes anything and makes 0 of it, this asks for a word that means something; two liberties of the
 * recorder stay, because scripts use them: an advice may be a number, and `-` stands for no flags.
 */
import { MAP_FIXED_NOREPLACE } from "@pageframe/contracts";
import {
  FADVISE_WORDS,
  flagsOf,
  MADVISE_WORDS,
  MAP_WORDS,
  MLOCK2_WORDS,
  MLOCKALL_WORDS,
  MREMAP_WORDS,
  MSYNC_WORDS,
  PROT_LETTERS,
} from "./flag-names.ts";
import { type Operation, type ScriptAddress, SNAPSHOT_PARTS } from "./script.ts";
import { notExpected, type Words } from "./words.ts";

/** How one operation is written and read. */
export interface OperationSyntax {
  readonly usage: string;
  readonly read: (words: Words) => Operation;
}

const RANGE = "ADDRESS PAGES";

/** All operations by name. */
export const OPERATIONS: Readonly<Record<string, OperationSyntax>> = {
  brk: {
    usage: "brk N",
    read: (words) => ({ name: "brk", nrPages: words.integer("pages above the initial break") }),
  },
  clear_refs: {
    usage: "clear_refs N",
    read: (words) => ({ name: "clear_refs", what: words.integer("what to clear, 1 to 5") }),
  },
  drain: { usage: "drain", read: () => ({ name: "drain" }) },
  dropcaps: { usage: "dropcaps", read: () => ({ name: "dropcaps" }) },
  exec: { usage: "exec ADDRESS", read: (words) => ({ name: "exec", at: words.address() }) },
  exit: { usage: "exit CODE", read: (words) => ({ name: "exit", code: words.integer("an exit code") }) },
  fadvise: {
    usage: "fadvise FILE FIRST PAGES dontneed|random|sequential|willneed",
    read: (words) => ({
      name: "fadvise",
      ...fileRange(words),
      advice: FADVISE_WORDS[words.oneOf("an advice", Object.keys(FADVISE_WORDS))],
    }),
  },
  file: {
    usage: "file NAME tmpfs|memfd|ext4 PAGES [fill] [cold] [ro]",
    read: (words) => {
      const file = words.word("a name for the file");
      const kind = words.oneOf("a kind of file", ["tmpfs", "memfd", "ext4"]);
      const nrPages = words.integer("a number of pages");
      const options = words.rest("an option of a file", ["fill", "cold", "ro"]);
      return {
        name: "file",
        file,
        kind,
        nrPages,
        isFilled: options.includes("fill"),
        isCold: options.includes("cold"),
        isReadOnly: options.includes("ro"),
      };
    },
  },
  fork: {
    usage: "fork NAME",
    read: (words) => ({ name: "fork", process: words.word("a name for the child") }),
  },
  fsync: { usage: "fsync FILE", read: (words) => ({ name: "fsync", file: words.word("a file") }) },
  ftruncate: {
    usage: "ftruncate FILE PAGES",
    read: (words) => ({
      name: "ftruncate",
      file: words.word("a file"),
      lengthBytes: words.bytes("a number of pages"),
    }),
  },
  madvise: {
    usage: `madvise ${RANGE} ADVICE`,
    read: (words) => ({ name: "madvise", ...range(words), advice: advice(words) }),
  },
  mbind: {
    usage: `mbind ${RANGE} POLICY NODEMASK FLAGS`,
    read: (words) => ({
      name: "mbind",
      ...range(words),
      policy: words.integer("the number of a policy"),
      nodeMask: nodeMask(words),
      flags: words.integer("flags, a number"),
    }),
  },
  mincore: { usage: `mincore ${RANGE}`, read: (words) => ({ name: "mincore", ...range(words) }) },
  mlock: { usage: `mlock ${RANGE}`, read: (words) => ({ name: "mlock", ...range(words) }) },
  mlock2: {
    usage: `mlock2 ${RANGE} onfault|-`,
    read: (words) => ({ name: "mlock2", ...range(words), flags: flagsOr(words, "flags", MLOCK2_WORDS) }),
  },
  mlockall: {
    usage: "mlockall current,future,onfault",
    read: (words) => ({ name: "mlockall", flags: flagsOr(words, "flags", MLOCKALL_WORDS) }),
  },
  mmap: { usage: "mmap ADDRESS|any PAGES PROT FLAGS [FILE [OFFSET]]", read: mmap },
  mprotect: {
    usage: `mprotect ${RANGE} PROT`,
    read: (words) => ({ name: "mprotect", ...range(words), prot: protection(words) }),
  },
  mremap: {
    usage: "mremap ADDRESS OLD NEW maymove,fixed,dontunmap|- [TO]",
    read: (words) => ({
      name: "mremap",
      at: words.address(),
      oldBytes: words.lengthBytes("the old number of pages"),
      newBytes: words.lengthBytes("the new number of pages"),
      flags: flagsOr(words, "flags", MREMAP_WORDS),
      to: words.hasMore ? words.address("the new address") : null,
    }),
  },
  mseal: { usage: `mseal ${RANGE}`, read: (words) => ({ name: "mseal", ...range(words) }) },
  msync: {
    usage: `msync ${RANGE} sync,async,invalidate`,
    read: (words) => ({ name: "msync", ...range(words), flags: flagsOr(words, "flags", MSYNC_WORDS) }),
  },
  munlock: { usage: `munlock ${RANGE}`, read: (words) => ({ name: "munlock", ...range(words) }) },
  munlockall: { usage: "munlockall", read: () => ({ name: "munlockall" }) },
  munmap: { usage: `munmap ${RANGE}`, read: (words) => ({ name: "munmap", ...range(words) }) },
  on: { usage: "on NAME", read: (words) => ({ name: "on", process: words.word("a process") }) },
  oom_score_adj: {
    usage: "oom_score_adj N",
    read: (words) => ({ name: "oom_score_adj", value: words.integer("a number from -1000 to 1000") }),
  },
  pmadvise: {
    usage: `pmadvise PROCESS ${RANGE} ADVICE`,
    read: (words) => ({
      name: "pmadvise",
      process: words.word("a process"),
      ...range(words),
      advice: advice(words),
    }),
  },
  prctl: {
    usage: "prctl OPTION [ARG2 [ARG3]]",
    read: (words) => ({
      name: "prctl",
      option: words.integer("the number of an option"),
      arg2: words.integerOr("an argument, a number", 0),
      arg3: words.integerOr("an argument, a number", 0),
    }),
  },
  pread: {
    usage: "pread FILE PAGE",
    read: (words) => ({
      name: "pread",
      file: words.word("a file"),
      offsetBytes: words.bytes("an offset in pages"),
    }),
  },
  punch: { usage: "punch FILE FIRST PAGES", read: (words) => ({ name: "punch", ...fileRange(words) }) },
  pwrite: {
    usage: "pwrite FILE PAGE VALUE",
    read: (words) => ({
      name: "pwrite",
      file: words.word("a file"),
      offsetBytes: words.bytes("an offset in pages"),
      value: words.integerOr("a byte", 0),
    }),
  },
  read: {
    usage: "read ADDRESS [COUNT [STRIDE]]",
    read: (words) => ({
      name: "read",
      at: words.address(),
      nrPages: words.integerOr("a number of pages", 1),
      stridePages: words.integerOr("the pages from one to the next", 1),
    }),
  },
  rlimit: { usage: "rlimit as|memlock|stack|data KB|+KB|inf", read: rlimit },
  set_mempolicy: {
    usage: "set_mempolicy POLICY NODEMASK",
    read: (words) => ({
      name: "set_mempolicy",
      policy: words.integer("the number of a policy"),
      nodeMask: words.hasMore ? nodeMask(words) : 0,
    }),
  },
  sleep: {
    usage: "sleep MILLISECONDS",
    read: (words) => ({ name: "sleep", milliseconds: words.integer("milliseconds") }),
  },
  snap: { usage: `snap ${SNAPSHOT_PARTS.join(",")},nodrain`, read: snap },
  sysctl: { usage: "sysctl KEY VALUE", read: sysctl },
  sysfs: { usage: "sysfs PATH VALUE", read: sysctl },
  wait: { usage: "wait", read: () => ({ name: "wait" }) },
  write: {
    usage: "write ADDRESS [VALUE [COUNT [STRIDE]]]",
    read: (words) => ({
      name: "write",
      at: words.address(),
      value: words.integerOr("a byte", 1),
      nrPages: words.integerOr("a number of pages", 1),
      stridePages: words.integerOr("the pages from one to the next", 1),
    }),
  },
};

interface RangeWords {
  readonly at: ScriptAddress;
  readonly lengthBytes: number;
}

function range(words: Words): RangeWords {
  return { at: words.address(), lengthBytes: words.lengthBytes() };
}

function fileRange(words: Words): { file: string; firstPage: number; nrPages: number } {
  return {
    file: words.word("a file"),
    firstPage: words.integer("the first page"),
    nrPages: words.integer("a number of pages"),
  };
}

/** Takes flags joined by commas; no word is no flags. */
function flagsOr(words: Words, what: string, names: Readonly<Record<string, number>>): number {
  return words.hasMore ? flagsOf(words.list(what, Object.keys(names)), names) : 0;
}

function protection(words: Words): number {
  const expected = "a protection (letters of r, w, x, g, or -)";
  const word = words.word(expected);
  if (word === "-") return 0;
  if (!/^[rwxg]+$/.test(word)) throw notExpected(word, expected);
  return flagsOf(word.split(""), PROT_LETTERS);
}

function advice(words: Words): number {
  const expected = `an advice (${Object.keys(MADVISE_WORDS).join(", ")}, or a number)`;
  const word = words.word(expected);
  if (word in MADVISE_WORDS) return MADVISE_WORDS[word];
  if (!/^-?\d+$/.test(word)) throw notExpected(word, expected);
  return Number(word);
}

function nodeMask(words: Words): number {
  const expected = "a mask of nodes, a number";
  const word = words.word(expected);
  if (!/^(?:0x[0-9a-f]+|\d+)$/i.test(word)) throw notExpected(word, expected);
  return Number(word);
}

function mmap(words: Words): Operation {
  const at = words.takeIf("any") ? null : words.address("an address or any");
  const lengthBytes = words.lengthBytes();
  const prot = protection(words);
  const given = words.list("flags", Object.keys(MAP_WORDS));
  const isFree = at !== null && !given.includes("fixed") && !given.includes("hint");
  return {
    name: "mmap",
    at,
    lengthBytes,
    prot,
    flags: flagsOf(given, MAP_WORDS) | (isFree ? MAP_FIXED_NOREPLACE : 0),
    file: words.hasMore ? words.word("a file") : null,
    offsetPages: words.integerOr("an offset in pages", 0),
  };
}

function rlimit(words: Words): Operation {
  const limit = words.oneOf("a limit", ["as", "memlock", "stack", "data"]);
  const expected = limit === "as" || limit === "data" ? "KB, +KB or inf" : "KB or inf";
  const word = words.word(expected);
  if (word === "inf") return { name: "rlimit", limit, kib: Infinity, isRelative: false };
  const isRelative = word.startsWith("+") && expected.includes("+");
  if (!(isRelative ? /^\+-?\d+$/ : /^\d+$/).test(word)) throw notExpected(word, expected);
  return { name: "rlimit", limit, kib: Number(word.replace("+", "")), isRelative };
}

function snap(words: Words): Operation {
  const given = words.list("what to observe", [...SNAPSHOT_PARTS, "nodrain"]);
  return {
    name: "snap",
    parts: SNAPSHOT_PARTS.filter((part) => given.includes(part)),
    isDrained: !given.includes("nodrain"),
  };
}

function sysctl(words: Words): Operation {
  return { name: "sysctl", key: words.word("a key such as vm/swappiness"), value: words.word("a value") };
}
