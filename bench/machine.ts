import { availableParallelism, cpus, loadavg, release } from "node:os";

/** What the numbers hold for, on one line, with what `more` they depend on; asked after the last of them. */
export function describeMachine(...more: readonly string[]): string {
  return [
    `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? "unknown"})`,
    `Linux ${release()}`,
    `Node ${process.version}`,
    ...more,
    `load average ${loadavg()[1]?.toFixed(1)} over the last 5 minutes, ours included`,
  ].join(", ");
}
