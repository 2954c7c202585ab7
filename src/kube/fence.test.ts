import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { services } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import { untilAbort } from "../base/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import { FencedError, KubeClient, LeaseElection, LeaseLostError, staticConnection } from "./index.ts";
import { answerStatus, TestServer, testCa } from "./testing/test-server.ts";

const signal = new AbortController().signal;
const service = { metadata: { namespace: "default", name: "a" }, spec: {} };

function connect(server: TestServer, clock?: FakeClock): KubeClient {
  const connection = staticConnection(server.url, { tls: { ca: testCa } });
  return new KubeClient({ connection, metrics: new Registry(), ...(clock !== undefined && { clock }) });
}

/** What arrived that would change something. */
function writes(server: TestServer): string[] {
  return server.calls.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);
}

describe.each(["http", "https", "https-http1"] as const)("a fenced client over %s", (protocol) => {
  it("writes while it may; then it only reads", async () => {
    await using server = await TestServer.start({ protocol });
    await using client = connect(server);
    let why: string | undefined;
    const fenced = client.fenced(() => why);
    const created = await fenced.create(services, service, signal);
    why = "the lease is gone";
    const refused = fenced.mergePatch(services, created, { metadata: { labels: { a: "1" } } }, signal);
    await expect(refused).rejects.toThrow(new FencedError("not sent: the lease is gone"));
    await expect(fenced.delete(services, service.metadata, signal)).rejects.toThrow(FencedError);
    expect((await fenced.get(services, service.metadata, signal)).metadata.labels).toBeUndefined();
    await client.mergePatch(services, created, { metadata: { labels: { a: "2" } } }, signal);
    expect(writes(server).map((text) => text.split(" ")[0])).toEqual(["POST", "PATCH"]);
  });

  it("asks again when the connection is there at last", async () => {
    await using server = await TestServer.start({ protocol });
    await using client = connect(server);
    let why: string | undefined;
    const creating = client.fenced(() => why).create(services, service, signal);
    // No handshake ends before the event loop has turned.
    await Promise.resolve();
    why = "too late";
    await expect(creating).rejects.toThrow(FencedError);
    expect(writes(server)).toEqual([]);
  });
});

it("asks again before each retry", async () => {
  await using server = await TestServer.start({ protocol: "http" });
  const clock = new FakeClock();
  await using client = connect(server, clock);
  server.faults.push((_, reply) => {
    answerStatus(reply, 429, "TooManyRequests", { "retry-after": "5" });
    return true;
  });
  let why: string | undefined;
  const creating = client.fenced(() => why).create(services, service, signal);
  creating.catch(() => {});
  while (!clock.pending.includes(5000)) await setImmediate();
  why = "too late";
  clock.advance(5000);
  await expect(creating).rejects.toThrow(FencedError);
  expect(writes(server).length).toBe(1);
});

it("a leader whose event loop stands still beyond the renew deadline stops, and what it had begun to write stays", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  await using client = connect(server);
  const times = { durationMs: 600, renewDeadlineMs: 300, retryMs: 50 };
  const common = { namespace: "default", name: "leader", identity: "one", logger: nullLogger, metrics: new Registry() };
  const election = new LeaseElection({ ...common, client, times });
  let written: unknown;
  let ended: unknown;
  const leading = election.run(async (lead) => {
    // A client without connections: its request waits for one, as does a write whose connection was just lost.
    await using other = connect(server);
    const writing = other.fenced(() => election.fence()).create(services, service, lead);
    await Promise.resolve();
    const until = performance.now() + times.renewDeadlineMs;
    while (performance.now() <= until);
    expect(election.mayWrite()).toBe(false);
    written = await writing.catch((error: unknown) => error);
    await untilAbort(lead);
    ended = lead.reason;
  }, signal);
  await expect(leading).rejects.toThrow(LeaseLostError);
  expect(ended).toBeInstanceOf(LeaseLostError);
  expect(written instanceof FencedError || written === ended).toBe(true);
  expect(server.collection.get("a")).toBeUndefined();
});
