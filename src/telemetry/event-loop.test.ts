import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { createMetrics, watchEventLoop } from "./index.ts";
import { MemoryLog } from "./testing/memory-log.ts";

/** Fires its timers late, as after a piece of work that took too long. */
class LateClock extends FakeClock {
  lateMs = 0;

  override monotonic(): number {
    return super.monotonic() + this.lateMs;
  }
}

it("measures how late timers fire, and warns when that was long", async () => {
  const clock = new LateClock();
  const metrics = createMetrics();
  const logger = new MemoryLog();
  const watch = watchEventLoop({ metrics, logger, clock });
  clock.advance(1000);
  clock.lateMs = 40;
  clock.advance(500);
  clock.lateMs += 12_000;
  clock.advance(500);
  const text = await metrics.metrics();
  expect(text).toContain('event_loop_delay_seconds_bucket{le="0.001"} 2\n');
  expect(text).toContain('event_loop_delay_seconds_bucket{le="0.05"} 3\n');
  expect(text).toContain('event_loop_delay_seconds_bucket{le="10"} 3\n');
  expect(text).toContain("event_loop_delay_seconds_count 4\n");
  expect(logger.lines).toEqual([{ level: "warn", message: "event loop stood still", fields: { durationMs: 12_000 } }]);
  watch[Symbol.dispose]();
  expect(clock.pending).toEqual([]);
});
