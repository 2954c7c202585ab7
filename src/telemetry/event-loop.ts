import { Histogram } from "prom-client";
import type { Clock } from "../base/index.ts";
import type { Logger } from "./logger.ts";
import type { Metrics } from "./metrics.ts";

export interface EventLoopOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
}

const intervalMs = 500;
/** Longer than any piece of work here takes: the machine is overloaded, or the process was stopped for a while. */
const stallMs = 1000;

/**
 * Measures, until disposed, how late timers fire: so long did the process do nothing else. The histogram
 * `event_loop_delay_seconds` shows all of it, a warning each time that it stood still for a second or more.
 */
export function watchEventLoop({ metrics, logger, clock }: EventLoopOptions): Disposable {
  const delays = new Histogram({
    name: "event_loop_delay_seconds",
    help: "How late a timer fired, twice a second.",
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [metrics],
  });
  let timer: Disposable;
  function wait(): void {
    const due = clock.monotonic() + intervalMs;
    timer = clock.schedule(() => {
      const lateMs = Math.max(0, clock.monotonic() - due);
      delays.observe(lateMs / 1000);
      if (lateMs >= stallMs) logger.warn("event loop stood still", { durationMs: Math.round(lateMs) });
      wait();
    }, intervalMs);
  }
  wait();
  return { [Symbol.dispose]: () => timer[Symbol.dispose]() };
}
