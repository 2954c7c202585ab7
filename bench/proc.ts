import { readdirSync, readFileSync } from "node:fs";

/** Times in /proc are in hundredths of a second, whatever the kernel itself counts in (USER_HZ). */
const tickMs = 10;

/** From /proc/PID/stat: the processor time of a process and of those that it has started and waited for. */
export function parseCpuMs(stat: string): number {
  // The name, in parentheses, may hold spaces and parentheses itself, so fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).map(Number);
  return ticks.reduce((sum, each) => sum + each, 0) * tickMs;
}

/** From /proc/PID/status: the most memory that a process held so far. */
export function parsePeakBytes(status: string): number {
  return parseBytes(status, "VmHWM");
}

/** From /proc/PID/status: the memory that a process holds. */
export function parseResidentBytes(status: string): number {
  return parseBytes(status, "VmRSS");
}

function parseBytes(status: string, field: string): number {
  const [, kibibytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status) ?? [];
  if (kibibytes === undefined) throw new Error(`no ${field} in /proc/PID/status; the process has ended`);
  return Number(kibibytes) * 1024;
}

/** What a process and all that it has started cost. */
export interface Usage {
  /** Processor time so far, of children that have ended as well. */
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** Of a process and its descendants; a child that ends while it is looked at counts as ended. */
export function usageOf(pid: number): Usage {
  const stat = parseCpuMs(readFileSync(`/proc/${pid}/stat`, "utf8"));
  const resident = parseResidentBytes(readFileSync(`/proc/${pid}/status`, "utf8"));
  return childrenOf(pid)
    .flatMap((child) => orNothing(() => usageOf(child)) ?? [])
    .reduce(
      (sum, { cpuMs, residentBytes }) => ({
        cpuMs: sum.cpuMs + cpuMs,
        residentBytes: sum.residentBytes + residentBytes,
      }),
      { cpuMs: stat, residentBytes: resident },
    );
}

/** The kernel keeps them by thread, and Go starts programs from any of its own. */
function childrenOf(pid: number): readonly number[] {
  const threads = orNothing(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  const lists = threads.map((thread) => orNothing(() => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")));
  return lists.flatMap((text) => (text ?? "").split(" ").filter(Boolean).map(Number));
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
