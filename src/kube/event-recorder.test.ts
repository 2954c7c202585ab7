import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import type { Event } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { ConnectionError, EventRecorder, type EventText, KubeApiError } from "./index.ts";

const service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "shop", name: "web", uid: "u-1", resourceVersion: "7" },
};
const text: EventText = { type: "Normal", reason: "Ensured", action: "Sync", note: "has an address" };

/** Takes events as a server does, unless told to fail. */
class Sink {
  readonly created: Event[] = [];
  readonly patched: [name: string, body: any][] = [];
  failures: unknown[] = [];
  hanging = false;

  async create(_: unknown, event: any, signal: AbortSignal): Promise<any> {
    await this.#fail(signal);
    this.created.push(event);
    return event;
  }

  async patch(_: unknown, at: { name: string }, { body }: { body: any }, signal: AbortSignal): Promise<any> {
    await this.#fail(signal);
    this.patched.push([at.name, body]);
    return {};
  }

  async #fail(signal: AbortSignal): Promise<void> {
    await setImmediate();
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    if (this.hanging) await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  }
}

function setUp(): {
  recorder: EventRecorder;
  sink: Sink;
  clock: FakeClock;
  log: MemoryLog;
  results(): Promise<string>;
} {
  const sink = new Sink();
  const clock = new FakeClock();
  const log = new MemoryLog();
  const metrics = new Registry();
  const recorder = new EventRecorder({
    client: sink,
    controller: "berth.dev/controller",
    instance: "pod-1",
    logger: log,
    metrics,
    clock,
    random: () => 0.5,
  });
  return {
    recorder,
    sink,
    clock,
    log,
    results: async () => (await metrics.metrics()).match(/result=.*/g)?.join(" ") ?? "",
  };
}

describe("EventRecorder", () => {
  it("writes an event as events.k8s.io/v1 wants it", async () => {
    const { recorder, sink } = setUp();
    recorder.event(service, text);
    await recorder[Symbol.asyncDispose]();
    expect(sink.created).toEqual([
      {
        metadata: { namespace: "shop", name: "web.800000000000" },
        eventTime: "2026-01-01T00:00:00.000000Z",
        reportingController: "berth.dev/controller",
        reportingInstance: "pod-1",
        regarding: {
          apiVersion: "v1",
          kind: "Service",
          namespace: "shop",
          name: "web",
          uid: "u-1",
          resourceVersion: "7",
        },
        type: "Normal",
        reason: "Ensured",
        action: "Sync",
        note: "has an address",
      },
    ]);
  });

  it("has one event for what several tell alike, and seldom counts it again", async () => {
    const sinks = [setUp(), setUp()];
    const [first, second] = sinks as [(typeof sinks)[0], (typeof sinks)[0]];
    first.recorder.event(service, { ...text, note: "node a: taken", shared: "taken" });
    second.sink.failures.push(new KubeApiError({ code: 409, reason: "AlreadyExists" }));
    for (let i = 0; i < 3; i++) second.recorder.event(service, { ...text, note: "node b: taken", shared: "taken" });
    await Promise.all(sinks.map(({ recorder }) => recorder.flush()));
    expect(await second.results()).toBe('result="shared"} 3');
    second.clock.advance(1_800_000);
    second.recorder.event(service, { ...text, note: "node b: taken", shared: "taken" });
    await second.recorder.flush();
    second.clock.advance(1_800_000);
    second.sink.failures.push(new KubeApiError({ code: 404, reason: "NotFound" }));
    second.recorder.event(service, { ...text, note: "node b: taken", shared: "taken" });
    await Promise.all(sinks.map(({ recorder }) => recorder[Symbol.asyncDispose]()));
    const names = (of: typeof first) => of.sink.created.map(({ metadata }) => metadata.name);
    expect(names(first)).toEqual([expect.stringMatching(/^web\.[0-9a-f]{12}$/)]);
    expect(names(second)).toEqual(names(first));
    expect(second.sink.patched).toEqual([
      [names(first)[0], { series: { count: 4, lastObservedTime: "2026-01-01T00:30:00.000000Z" } }],
    ]);
  });

  it.each([
    ["object", { ...service, metadata: { ...service.metadata, uid: "u-2" } }, {}],
    ["reason", service, { reason: "Other" }],
    ["text", service, { shared: "free" }],
  ])("has another for another %s", async (_what, regarding, other) => {
    const { recorder, sink } = setUp();
    recorder.event(service, { ...text, shared: "taken" });
    recorder.event(regarding, { ...text, note: "another", shared: "taken", ...other });
    await recorder[Symbol.asyncDispose]();
    expect(new Set(sink.created.map(({ metadata }) => metadata.name)).size).toBe(2);
  });

  it("puts events of cluster-wide objects into the namespace default", async () => {
    const { recorder, sink } = setUp();
    recorder.event({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }, text);
    await recorder[Symbol.asyncDispose]();
    expect(sink.created[0]?.metadata.namespace).toBe("default");
    expect(sink.created[0]?.regarding).toEqual({ apiVersion: "v1", kind: "Node", name: "n1" });
  });

  it("cuts a note to 1024 bytes, and no character in two", async () => {
    const { recorder, sink } = setUp();
    recorder.event(service, { ...text, note: `x${"ü".repeat(600)}` });
    await recorder[Symbol.asyncDispose]();
    expect(sink.created[0]?.note).toBe(`x${"ü".repeat(510)}…`);
  });

  it("counts the same event instead of writing it again", async () => {
    const { recorder, sink, clock } = setUp();
    for (let i = 0; i < 3; i++) {
      recorder.event(service, text);
      clock.advance(1000);
    }
    recorder.event(service, { ...text, note: "another" });
    await recorder[Symbol.asyncDispose]();
    expect(sink.created.map(({ note }) => note)).toEqual(["has an address", "another"]);
    expect(sink.patched).toEqual([
      ["web.800000000000", { series: { count: 2, lastObservedTime: "2026-01-01T00:00:01.000000Z" } }],
      ["web.800000000000", { series: { count: 3, lastObservedTime: "2026-01-01T00:00:02.000000Z" } }],
    ]);
  });

  it("writes it anew when the server has dropped it", async () => {
    const { recorder, sink } = setUp();
    recorder.event(service, text);
    await setImmediate();
    await setImmediate();
    sink.failures.push(new KubeApiError({ code: 404, reason: "NotFound" }));
    recorder.event(service, text);
    await recorder[Symbol.asyncDispose]();
    expect(sink.created).toHaveLength(2);
  });

  it("combines many that differ in their note alone", async () => {
    const { recorder, sink } = setUp();
    for (let i = 0; i < 14; i++) recorder.event(service, { ...text, note: `try ${i}` });
    await recorder[Symbol.asyncDispose]();
    expect(sink.created.map(({ note }) => note)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `try ${i}`),
      "(combined from similar events): try 10",
    ]);
    expect(sink.patched.map(([, { series }]) => series.count)).toEqual([2, 3, 4]);
  });

  it("takes at most 25 at once of one object and one more each 5 minutes", async () => {
    const { recorder, clock, results } = setUp();
    for (let i = 0; i < 30; i++) recorder.event(service, text);
    clock.advance(300_000);
    for (let i = 0; i < 2; i++) recorder.event(service, text);
    recorder.event({ ...service, metadata: { ...service.metadata, uid: "u-2" } }, text);
    await recorder[Symbol.asyncDispose]();
    expect(await results()).toBe('result="dropped"} 6 result="created"} 2 result="updated"} 25');
  });

  it("tries again when the server was not there, and not when it said no", async () => {
    const { recorder, sink, clock, results } = setUp();
    sink.failures.push(new ConnectionError("http://x", new Error("down")));
    recorder.event(service, text);
    await clock.run(1000);
    await clock.run(0);
    expect(sink.created).toHaveLength(1);
    sink.failures.push(new KubeApiError({ code: 403, reason: "Forbidden" }));
    recorder.event(service, { ...text, note: "refused" });
    await recorder[Symbol.asyncDispose]();
    expect(await results()).toBe('result="created"} 1 result="failed"} 1');
  });

  it("tells once that it may write none, with the right, and once that it may again; not of namespaces that end", async () => {
    const { recorder, sink, clock, log } = setUp();
    const causes = [{ reason: "NamespaceTerminating" }];
    sink.failures.push(new KubeApiError({ code: 403, reason: "Forbidden", details: { causes } }));
    recorder.event(service, text);
    await clock.run(0);
    for (const name of ["shop", "bank"])
      sink.failures.push(new KubeApiError({ code: 403, reason: "Forbidden", message: `not in ${name}` }));
    for (const note of ["a", "b", "c", "d"]) recorder.event(service, { ...text, note });
    await recorder[Symbol.asyncDispose]();
    expect(log.fields("warn")).toMatchObject([{ what: "allow `create, patch events.events.k8s.io`" }]);
    expect([log.messages("warn"), log.messages("info")]).toEqual([
      ["events are not written"],
      ["events are written again"],
    ]);
  });

  it("waits two seconds for what is on its way when it ends, and takes no more", async () => {
    const { recorder, sink, clock } = setUp();
    sink.hanging = true;
    recorder.event(service, text);
    const disposed = recorder[Symbol.asyncDispose]();
    await clock.run(2000);
    await disposed;
    recorder.event(service, text);
    expect(sink.created).toEqual([]);
    expect(clock.pending).toEqual([]);
  });
});
