import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { services } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { nullLogger } from "../telemetry/index.ts";
import { Reflector, Store } from "./index.ts";
import { Collection } from "./testing/collection.ts";
import { Host } from "./testing/host.ts";
import { Line } from "./testing/line.ts";
import { MemoryClient } from "./testing/memory-client.ts";
import { seeded } from "./testing/seeded.ts";
import { WireClient } from "./testing/wire-client.ts";

function setUp(): {
  collection: Collection;
  client: MemoryClient;
  clock: FakeClock;
  store: Store<any>;
  stop(): Promise<void>;
} {
  const collection = new Collection();
  const clock = new FakeClock();
  const client = new MemoryClient(collection, clock);
  const metrics = new Registry();
  const store = new Store<any>({ kind: "Service", logger: nullLogger, metrics });
  const stop = new AbortController();
  const options = { client, resource: services, store, logger: nullLogger, metrics, clock, random: () => 0.2 };
  const running = new Reflector(options).run(stop.signal);
  return {
    collection,
    client,
    clock,
    store,
    async stop() {
      stop.abort(new Error("test is over"));
      await running;
      expect(clock.pending).toEqual([]);
    },
  };
}

it("watches a quiet kind for an hour without reading it anew, by one watch every 5 to 10 minutes", async () => {
  const time = new FakeClock();
  const random = seeded(1);
  const host = new Host(time, 0, 0);
  const line = new Line(time, host, random);
  const collection = new Collection();
  const client = new WireClient(collection, line);
  const metrics = new Registry();
  const store = new Store<any>({ kind: "Service", logger: nullLogger, metrics });
  const stop = new AbortController();
  const options = { client, resource: services, store, logger: nullLogger, metrics, clock: host, random };
  const running = new Reflector(options).run(stop.signal);
  collection.put({ metadata: { name: "quiet" } });
  for (let minute = 0; minute < 60; minute++) {
    await time.run(60_000);
    // What happens to other kinds moves the version on, and the history is compacted.
    collection.put({ metadata: { name: "x" } });
    collection.delete("x");
    collection.bookmark();
    await time.run(10);
    collection.compact();
  }
  stop.abort(new Error("test is over"));
  await running;
  expect(new Set(line.sent.map(({ what }) => what))).toEqual(new Set(["WATCH"]));
  const gaps = line.sent.slice(1).map(({ at }, i) => Math.round((at - (line.sent[i]?.at ?? 0)) / 1000));
  for (const gap of gaps) expect(gap).toSatisfy((seconds: number) => seconds >= 300 && seconds <= 600);
  expect(gaps.length).toBeGreaterThanOrEqual(5);
  const restarts = (await metrics.metrics()).match(/kube_watch_restarts_total\{.*/g);
  expect(restarts).toEqual([`kube_watch_restarts_total{kind="Service",reason="ended"} ${gaps.length}`]);
  expect(store.list()).toEqual(collection.all());
});

it("A19: after 10 idle minutes the next event is delivered within a second", async () => {
  const { collection, clock, store, stop } = setUp();
  await clock.run(600_000);
  collection.put({ metadata: { name: "late" } });
  await clock.run(999);
  expect(store.list()).toEqual(collection.all());
  expect(store.size).toBe(1);
  await stop();
});

it("ends up equal to the server, whatever happens in whichever order", async () => {
  const name = fc.constantFrom("a", "b", "c");
  const step = fc.oneof(
    fc.record({ do: fc.constant("put" as const), name }),
    fc.record({ do: fc.constant("delete" as const), name }),
    fc.record({ do: fc.constantFrom("break", "end", "compact", "bookmark", "refused", "up", "wait") }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const { collection, client, clock, store, stop } = setUp();
      const mirror = new Map<string, unknown>();
      const odd: string[] = [];
      store.subscribe({
        add: ({ metadata }) =>
          void (mirror.has(metadata.name) ? odd.push(metadata.name) : mirror.set(metadata.name, metadata)),
        update: (_, { metadata }) =>
          void (mirror.has(metadata.name) ? mirror.set(metadata.name, metadata) : odd.push(metadata.name)),
        delete: ({ metadata }) => void (mirror.delete(metadata.name) || odd.push(metadata.name)),
      });
      for (const step of steps) {
        if ("name" in step) {
          if (step.do === "put") collection.put({ metadata: { name: step.name } });
          else collection.delete(step.name);
        } else if (step.do === "break" || step.do === "end") client.cut(step.do);
        else if (step.do === "compact") collection.compact();
        else if (step.do === "bookmark") collection.bookmark();
        else if (step.do === "wait") await clock.run(1000);
        else client.line = step.do === "up" ? "up" : "refused";
      }
      client.line = "up";
      // A line that comes back does not wake what waits on it; a broken connection does.
      client.cut("break");
      await clock.run(120_000);
      const byName = (a: { metadata: any }, b: { metadata: any }): number =>
        a.metadata.name < b.metadata.name ? -1 : 1;
      expect(store.list().sort(byName)).toEqual(collection.all().sort(byName));
      expect(new Set(mirror.keys())).toEqual(new Set(collection.all().map(({ metadata }) => metadata.name)));
      expect(odd).toEqual([]);
      await stop();
    }),
    { numRuns: 60 },
  );
});
