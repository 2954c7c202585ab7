import { readFileSync, statSync } from "node:fs";

/** Who holds a file's `flock`: `process 12 (firewalld)`; undefined when nobody that this process can see does. */
export function lockHolder(path: string): string | undefined {
  try {
    const { ino } = statSync(path);
    const pid = holderOf(readFileSync("/proc/locks", "utf8"), ino);
    return pid === undefined ? undefined : `process ${pid} (${readFileSync(`/proc/${pid}/comm`, "utf8").trim()})`;
  } catch {
    // It is only for a message: the holder may have ended, and not every container shows all of /proc.
    return undefined;
  }
}

/**
 * Reads /proc/locks: `1: FLOCK  ADVISORY  WRITE 4021 fe:00:1181 0 EOF`, device and inode; those who wait have `->`.
 * Pid 0 is a process of another pid namespace.
 */
export function holderOf(locks: string, inode: number): number | undefined {
  for (const [, pid, found] of locks.matchAll(/^\d+: FLOCK +\S+ +\S+ +(-?\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /gm))
    if (Number(found) === inode && Number(pid) > 0) return Number(pid);
  return undefined;
}
