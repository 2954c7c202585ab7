import { readFileSync } from "node:fs";
import type { Moment } from "./judge.ts";

const everyMs = 10;
/** A new connection is met in one turn of the event loop, what came over it in the next. */
const turns = 3;

/**
 * When something happened, as far as a process can say that gets to look only when it has its turn: not before the turns
 * that are over, in which it would have been seen. The clock is the kernel's monotonic one.
 */
export class Looks implements Disposable {
  readonly #seen: number[] = Array.from({ length: turns }, () => monotonicMs());
  readonly #timer = setInterval(() => {
    this.#seen.shift();
    this.#seen.push(monotonicMs());
  }, everyMs);

  now(): Moment {
    return { from: this.#seen[0] ?? 0, to: monotonicMs() };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** The kernel counts the start of a process, and both clocks, in steps so large. */
const tickMs = 10;

/** What /proc tells of the start of a process, in ms since boot, as a moment of the monotonic clock. */
export function momentOfStart(sinceBoot: number): Moment {
  const [uptime = ""] = readFileSync("/proc/uptime", "utf8").split(" ");
  const at = sinceBoot - (Number(uptime) * 1000 - monotonicMs());
  return { from: at - tickMs, to: at + 2 * tickMs };
}

function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
