import type { Clock } from "../base/index.ts";
import type { UdpFlow } from "../kernel/index.ts";
import type { Drain } from "./status.ts";

/**
 * Open TCP connections that lead where no new one would: to a target or port that is no longer wanted. Each path gets
 * its time from when it was first seen so, also across the end of a balancer.
 */
export class Drains {
  readonly #clock: Clock;
  #drains: readonly Draining[];

  constructor(known: readonly Drain[], clock: Clock) {
    this.#clock = clock;
    this.#drains = known.map(({ path, since }) => {
      // The wall clock may have been set; what never was cannot be waited for.
      const elapsedMs = Math.max(0, clock.now() - Date.parse(since)) || 0;
      return { path, since, sinceMs: clock.monotonic() - elapsedMs };
    });
  }

  /** Takes note of what drains now, and returns the flows whose time is over. */
  look(flows: readonly UdpFlow[], drainMs: number): readonly UdpFlow[] {
    const now = this.#clock.monotonic();
    const known = new Map(this.#drains.map((drain) => [drain.path, drain]));
    const since = new Date(this.#clock.now()).toISOString();
    const all = [...new Set(flows.map(pathOf))]
      .sort()
      .map((path): Draining => known.get(path) ?? { path, since, sinceMs: now });
    const over = new Set(all.filter(({ sinceMs }) => now - sinceMs >= drainMs).map(({ path }) => path));
    this.#drains = all.filter(({ path }) => !over.has(path));
    return flows.filter((flow) => over.has(pathOf(flow)));
  }

  /** How long until the time of one is over; undefined when nothing drains. */
  nextMs(drainMs: number): number | undefined {
    if (this.#drains.length === 0) return undefined;
    const now = this.#clock.monotonic();
    return Math.max(0, Math.min(...this.#drains.map(({ sinceMs }) => sinceMs + drainMs - now)));
  }

  report(): readonly Drain[] {
    return this.#drains.map(({ path, since }) => ({ path, since }));
  }
}

interface Draining extends Drain {
  readonly sinceMs: number;
}

function pathOf({ destination, destinationPort, replySource, replySourcePort }: UdpFlow): string {
  return `[${destination}]:${destinationPort} to [${replySource}]:${replySourcePort}`;
}
