import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { type EndpointSlice, endpointSlices } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { nullLogger } from "../telemetry/index.ts";
import { KubeClient, type KubeObject, Reflector, Store, staticConnection } from "./index.ts";
import { answerStatus, TestServer, testCa } from "./testing/test-server.ts";
import { watchEvents } from "./watch-stream.ts";

/** More would be a long time without anything else; two turns may count as one, depending on who comes first in them. */
const mostPerTurn = 128;

/** Counts turns of the event loop, and how many calls of handlers the fullest one had. */
class Turns implements Disposable {
  fullest = 0;
  #calls = 0;
  #timer: NodeJS.Immediate;

  constructor() {
    const next = (): void => {
      this.#calls = 0;
      this.#timer = globalThis.setImmediate(next);
    };
    this.#timer = globalThis.setImmediate(next);
  }

  readonly note = (): void => {
    this.#calls += 1;
    this.fullest = Math.max(this.fullest, this.#calls);
  };

  [Symbol.dispose](): void {
    clearImmediate(this.#timer);
  }
}

function newStore(metrics: Registry): Store<EndpointSlice> {
  return new Store<EndpointSlice>({ kind: endpointSlices.kind, logger: nullLogger, metrics });
}

function slice(number: number): KubeObject {
  const fieldsV1 = { "f:addressType": {}, "f:endpoints": {}, "f:ports": {} };
  const metadata = {
    name: `slice-${number}`,
    managedFields: [{ manager: "kube-controller-manager", operation: "Update", fieldsType: "FieldsV1", fieldsV1 }],
  };
  const endpoints = Array.from({ length: 10 }, (_, i) => ({
    addresses: [`10.${number >> 8}.${number & 255}.${i + 1}`],
    conditions: { ready: true },
    nodeName: `node-${i}`,
  }));
  return { metadata, addressType: "IPv4", endpoints } as KubeObject;
}

it("lets the event loop have its turn among 10,000 slices that come at once, and tells nothing when they come again", {
  timeout: 120_000,
}, async () => {
  const count = 10_000;
  await using server = await TestServer.start({ protocol: "https" });
  for (let i = 0; i < count; i++) server.collection.put(slice(i));
  const metrics = new Registry();
  const connection = staticConnection(server.url, { tls: { ca: testCa } });
  await using client = new KubeClient({ connection, metrics });
  const store = newStore(metrics);
  using turns = new Turns();
  const seen = { add: 0, update: 0, delete: 0 };
  store.subscribe({
    add() {
      seen.add += 1;
      turns.note();
    },
    update: () => (seen.update += 1),
    delete: () => (seen.delete += 1),
  });
  const clock = new FakeClock();
  const stop = new AbortController();
  const options = { client, resource: endpointSlices, store, logger: nullLogger, metrics, clock, random: () => 0 };
  const running = new Reflector(options).run(stop.signal);
  try {
    await store.synced;
    expect(seen).toEqual({ add: count, update: 0, delete: 0 });
    expect(turns.fullest).toBeLessThanOrEqual(mostPerTurn);
    expect(store.list().filter(({ metadata }) => metadata.managedFields !== undefined)).toEqual([]);

    const before = store.get("default/slice-0");
    server.faults.push((_, reply) => {
      answerStatus(reply, 410, "Expired");
      return true;
    });
    server.reset();
    // Read anew, it is another object with the same content.
    while (store.get(`default/slice-${count - 1}`) === undefined || store.get("default/slice-0") === before) {
      await setImmediate();
      // The back-off; the watch's own limit is minutes away.
      const [next = 0] = clock.pending;
      if (next <= 60_000) clock.advance(next);
    }
    server.collection.put(slice(count));
    while (store.size === count) await setImmediate();
    expect(seen).toEqual({ add: count + 1, update: 0, delete: 0 });
    expect(store.get("default/slice-0")).toEqual(before);
  } finally {
    stop.abort(new Error("test is over"));
    await running;
  }
});

it("lets the event loop have its turn among the many events of one chunk", async () => {
  const count = 1000;
  const metadata = { name: "a", namespace: "default", uid: "a" };
  const lines = [
    {
      type: "BOOKMARK",
      object: { metadata: { resourceVersion: "1", annotations: { "k8s.io/initial-events-end": "true" } } },
    },
    ...Array.from({ length: count }, (_, i) => ({
      type: i === 0 ? "ADDED" : "MODIFIED",
      object: { metadata: { ...metadata, resourceVersion: String(i + 2) } },
    })),
  ].map((event) => `${JSON.stringify(event)}\n`);
  const metrics = new Registry();
  const store = newStore(metrics);
  using turns = new Turns();
  const stop = new AbortController();
  store.subscribe({
    add: turns.note,
    update(_, after) {
      turns.note();
      if (after.metadata.resourceVersion === String(count + 1)) stop.abort(new Error("test is over"));
    },
  });
  const client = {
    list: () => Promise.reject(new Error("not asked for")),
    listAll: () => Promise.reject(new Error("not asked for")),
    async *watch<T>() {
      yield* watchEvents<T>(Readable.from([Buffer.from(lines.join(""))]));
    },
  };
  await new Reflector({ client, resource: endpointSlices, store, logger: nullLogger, metrics }).run(stop.signal);
  expect(turns.fullest).toBeGreaterThan(1);
  expect(turns.fullest).toBeLessThanOrEqual(mostPerTurn);
});
