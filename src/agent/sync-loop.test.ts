import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { sleep } from "../base/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { SyncLoop } from "./sync-loop.ts";

/** Lets everything run that waits for no clock. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function bench(sync: () => Promise<number | undefined | void>) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const loop = new SyncLoop({
    sync: async () => (await sync()) ?? undefined,
    minIntervalMs: 100,
    maxRetryMs: 4000,
    logger: nullLogger,
    clock,
    random: () => 0,
  });
  return { clock, stop, loop, done: loop.run(stop.signal) };
}

it("runs at once for the first trigger and coalesces those within the interval", async () => {
  let runs = 0;
  const { clock, stop, loop, done } = bench(async () => {
    runs += 1;
  });
  await settle();
  expect(runs).toBe(0);
  loop.trigger();
  loop.trigger();
  await settle();
  expect(runs).toBe(1);
  loop.trigger();
  loop.trigger();
  await settle();
  expect(runs).toBe(1);
  clock.advance(100);
  await settle();
  expect(runs).toBe(2);
  clock.advance(10_000);
  await settle();
  expect(runs).toBe(2);
  stop.abort();
  await done;
});

it("tries again with back-off when nothing else happens", async () => {
  const times: number[] = [];
  const { clock, stop, loop, done } = bench(async () => {
    times.push(clock.monotonic());
    if (times.length < 4) throw new Error("refused");
  });
  loop.trigger();
  for (let at = 0; at <= 6000; at += 100) {
    await settle();
    clock.advance(100);
  }
  expect(times).toEqual([0, 500, 1500, 3500]);
  stop.abort();
  await done;
  expect(clock.pending).toEqual([]);
});

it("runs for a trigger in the midst of its back-off", async () => {
  const times: number[] = [];
  const { clock, stop, loop, done } = bench(async () => {
    times.push(clock.monotonic());
    throw new Error("refused");
  });
  loop.trigger();
  for (let at = 0; at <= 9000; at += 100) {
    await settle();
    // In the middle of the back-off of four seconds.
    if (at === 5000) loop.trigger();
    await settle();
    clock.advance(100);
  }
  expect(times).toEqual([0, 500, 1500, 3500, 5000, 9000]);
  stop.abort();
  await done;
});

it("rests after a run that failed for as long as it took, whatever asks for another", async () => {
  const times: number[] = [];
  const { clock, stop, loop, done } = bench(async () => {
    times.push(clock.monotonic());
    await sleep(1500, stop.signal, clock);
    throw new Error("refused");
  });
  for (let at = 0; at <= 7000; at += 100) {
    loop.trigger();
    await settle();
    clock.advance(100);
  }
  expect(times).toEqual([0, 3000, 6000]);
  stop.abort();
  await done;
});

it("fails no more than once a second, however often it is asked for", async () => {
  const times: number[] = [];
  const { clock, stop, loop, done } = bench(async () => {
    times.push(clock.monotonic());
    throw new Error("refused");
  });
  for (let at = 0; at < 4000; at += 100) {
    loop.trigger();
    await settle();
    clock.advance(100);
  }
  expect(times).toEqual([0, 500, 1500, 2500, 3500]);
  stop.abort();
  await done;
});

it("never waits longer than the sync period to try again", async () => {
  const times: number[] = [];
  const { clock, stop, loop, done } = bench(async () => {
    times.push(clock.monotonic());
    throw new Error("refused");
  });
  loop.trigger();
  for (let i = 0; i < 200; i++) {
    await settle();
    clock.advance(100);
  }
  expect(times).toEqual([0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500]);
  stop.abort();
  await done;
});

it("comes again by itself when something is left to be done, and not else", async () => {
  const times: number[] = [];
  const { clock, stop, loop, done } = bench(async () => {
    times.push(clock.monotonic());
    return times.length < 3 ? 5000 : undefined;
  });
  loop.trigger();
  for (let i = 0; i < 300; i++) {
    if (clock.monotonic() === 2000) loop.trigger();
    await settle();
    clock.advance(100);
  }
  expect(times).toEqual([0, 2000, 7000]);
  stop.abort();
  await done;
  expect(clock.pending).toEqual([]);
});

it("ends only after the run that is under way", async () => {
  const running = Promise.withResolvers<void>();
  const { stop, loop, done } = bench(() => running.promise);
  loop.trigger();
  await settle();
  let ended = false;
  const watching = (async () => {
    await done;
    ended = true;
  })();
  stop.abort();
  await settle();
  expect(ended).toBe(false);
  running.resolve();
  await watching;
});
