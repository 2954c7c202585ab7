import { readFile } from "node:fs/promises";
import type { Program } from "../../sandbox/cluster/index.ts";
import { assertNever, sleep } from "../../src/base/index.ts";
import type { Life } from "./rival.ts";

/** How a leader may come to lose its Lease. */
export const lossKinds = [
  "leaseRefused",
  "leaseHeld",
  "leaseUnanswered",
  "shut",
  "stopped",
  "killed",
  "retired",
] as const;
export type LossKind = (typeof lossKinds)[number];

/** Lets a leader lose its Lease, and gives it back what it can when `lasts` has resolved. */
export async function lose(kind: LossKind, life: Life, lasts: () => Promise<void>, signal: AbortSignal): Promise<void> {
  const { gate, proxy, program } = life;
  switch (kind) {
    case "leaseRefused":
    case "leaseHeld":
    case "leaseUnanswered":
    case "shut":
      gate.set(kind);
      if (kind === "shut") proxy.cut();
      await lasts().finally(() => gate.set("open"));
      return;
    case "stopped":
      try {
        await stopWaiting(program, signal);
        await lasts();
      } finally {
        program.signal("SIGCONT");
      }
      return;
    case "killed":
      program.signal("SIGKILL");
      return await lasts();
    case "retired":
      program.signal("SIGTERM");
      return await lasts();
    default:
      assertNever(kind, "kind of loss");
  }
}

/** `epoll_wait`, `epoll_pwait` and `epoll_pwait2`. */
const waits: Readonly<Record<string, readonly string[]>> = { x64: ["232", "281", "441"], arm64: ["22", "441"] };

/**
 * Stops a process where it waits for something to happen. Between a look at the clock and the system call by which a
 * request leaves, no look at the clock helps: what is stopped there sends it whenever it goes on, and no controller can
 * do better.
 */
async function stopWaiting(program: Program, signal: AbortSignal): Promise<void> {
  const calls = waits[process.arch] ?? [];
  for (; program.pid !== undefined; await sleep(1, signal)) {
    program.signal("SIGSTOP");
    while ((await stateOf(program.pid)) !== "T" && program.pid !== undefined) await sleep(1, signal);
    if (calls.includes(await systemCallOf(program.pid))) return;
    program.signal("SIGCONT");
  }
}

async function stateOf(pid: number | undefined): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.charAt(stat.lastIndexOf(")") + 2);
}

/** The number of the call that the main thread is in; something else when it is in none. */
async function systemCallOf(pid: number | undefined): Promise<string> {
  const text = await readFile(`/proc/${pid}/syscall`, "utf8").catch(() => "");
  return text.split(" ")[0] ?? "";
}
