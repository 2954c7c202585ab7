import { readFileSync } from "node:fs";

/** A process beyond doubt: the kernel gives a pid again, but not with the same start time. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since boot, as /proc prints it. */
  readonly startTime: string;
}

/** The process that has this pid now; undefined when there is none or it only waits for its parent (a zombie). */
export function findProcess(pid: number): ProcessId | undefined {
  const stat = readStat(pid);
  if (stat === undefined) return undefined;
  const { state, startTime } = parseStat(stat);
  return state === "Z" || state === "X" ? undefined : { pid, startTime };
}

export function isRunning(id: ProcessId): boolean {
  return findProcess(id.pid)?.startTime === id.startTime;
}

/** Sends the signal to this very process; false when it has ended already. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): boolean {
  if (!isRunning(id)) return false;
  try {
    process.kill(id.pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** `pid startTime`: how a process is written down in a file. */
export function formatProcess({ pid, startTime }: ProcessId): string {
  return `${pid} ${startTime}\n`;
}

export function parseProcess(text: string): ProcessId | undefined {
  const match = /^([1-9]\d*) (\d+)$/.exec(text.trim());
  return match === null ? undefined : { pid: Number(match[1]), startTime: match[2] ?? "" };
}

/** Hundredths of a second, whatever the kernel itself counts in (USER_HZ). */
const tickMs = 10;

/** Processor time in ms of this process and of its children that have ended; of these in steps of 10 ms. */
export function cpuTimeMs(): number {
  const { user, system } = process.cpuUsage();
  const { children } = parseStat(readStat(process.pid) ?? "");
  return (user + system) / 1000 + children * tickMs;
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: it ended between the open and the read.
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

/** The name, in parentheses, may hold spaces and parentheses itself, so fields count from the last one. */
function parseStat(stat: string): { state: string; startTime: string; children: number } {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0] ?? "",
    startTime: fields[19] ?? "",
    children: Number(fields[13] ?? 0) + Number(fields[14] ?? 0),
  };
}
