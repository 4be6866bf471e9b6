/** Paths as strings, without a file system behind them. Cold. */

/** Directories whose files lie on no disk and in no page cache. */
const NO_FILE_PATH = /^\/(?:dev|proc|sys)(?:\/|$)/;

/** Tells whether a path, or what a recorder calls a descriptor's target, is a file in the page cache. */
export function isFilePath(path: string): boolean {
  return !NO_FILE_PATH.test(path);
}

/** Tells whether what a recorder calls a descriptor's target is a path: not `pipe:[N]`, `socket:[N]`, `anon_inode:...`. */
export function isPath(target: string): boolean {
  return target.startsWith("/") && !/^\/(?:memfd:|SYSV|\[|anon_hugepage)/.test(target);
}

/**
 * Joins a path to the directory it is relative to, "" for where the program started; takes out `.`, `..` and `//` as if
 * there were no symbolic links.
 */
export function joinPath(directory: string, path: string): string {
  const whole = path.startsWith("/") || directory === "" ? path : `${directory}/${path}`;
  if (!/(?:^|\/)(?:\.{0,2})(?:\/|$)/.test(whole)) return whole;
  const isAbsolute = whole.startsWith("/");
  const parts: string[] = [];
  for (const part of whole.split("/")) {
    if (part === "" || part === ".") continue;
    const canGoUp = parts.length > 0 && parts[parts.length - 1] !== "..";
    if (part !== "..") parts.push(part);
    else if (canGoUp) parts.pop();
    else if (!isAbsolute) parts.push("..");
  }
  return isAbsolute ? `/${parts.join("/")}` : parts.join("/") || ".";
}

/** Text whose characters are the bytes of UTF-8; bytes that are not UTF-8 stay one character each. */
export function utf8Of(bytes: string): string {
  if (!/[^ -~]/.test(bytes)) return bytes;
  try {
    return decodeURIComponent(
      bytes.replace(/[^a-z0-9]/gi, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, "0")}`),
    );
  } catch {
    return bytes;
  }
}
