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
