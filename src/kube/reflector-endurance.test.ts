import fc from "fast-check";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { services } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { nullLogger } from "../telemetry/index.ts";
import { Reflector, Store } from "./index.ts";
import { Collection } from "./testing/collection.ts";
import { MemoryClient } from "./testing/memory-client.ts";

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
  const options = { client, resource: services, store, logger: nullLogger, metrics, clock, random: () => 0.5 };
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

it("watches a quiet kind without ever reading it anew", async () => {
  const { collection, client, clock, stop } = setUp();
  await clock.run(0);
  for (let minute = 1; minute <= 60; minute++) {
    await clock.run(60_000);
    // Other kinds move the version on, and their history is compacted.
    collection.put({ metadata: { name: "x" } });
    collection.delete("x");
    collection.bookmark();
    await clock.run(0);
    collection.compact();
    if (minute % 7 === 0) client.cut("end");
    await clock.run(0);
  }
  expect(client.reads).toHaveLength(1 + 8);
  expect(client.reads[0]).toBe("watch initial");
  expect(client.reads.slice(1).join()).not.toMatch(/initial|list/);
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
