import { type AddressInfo, createServer } from "node:net";
import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { ConnectionError, KubeClient, staticConnection, type WatchEvent } from "./index.ts";
import { FrozenProxy } from "./testing/frozen-proxy.ts";
import { type Reply, TestServer, testCa } from "./testing/test-server.ts";
import { defaultWatchTimes } from "./watches.ts";

const path = "/api/v1/services";
const initial = { sendInitialEvents: true };
const signal = new AbortController().signal;

function connect(url: string, clock: FakeClock = new FakeClock(), watchTimes = defaultWatchTimes): KubeClient {
  return new KubeClient({
    connection: staticConnection(url, { tls: { ca: testCa } }),
    metrics: new Registry(),
    clock,
    watchTimes,
  });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

/** A watch whose initial state has come. */
async function open(client: KubeClient, stop: AbortSignal = signal): Promise<AsyncIterator<WatchEvent<any>>> {
  const events = client.watch<any>(path, initial, stop)[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ type: "BOOKMARK" });
  return events;
}

async function nextName(events: AsyncIterator<WatchEvent<any>>): Promise<string> {
  return (await events.next()).value.object.metadata.name;
}

it("carries all watches of a server over one connection with TLS", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  await using client = connect(server.url);
  const watches = await Promise.all([open(client), open(client), open(client)]);
  server.collection.put({ metadata: { name: "a" } });
  expect(await Promise.all(watches.map(nextName))).toEqual(["a", "a", "a"]);
  expect(server.connections).toBe(1);
});

it("opens new watches on a new connection after a GOAWAY, and loses none of the old", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  await using client = connect(server.url);
  const old = await open(client);
  for (const session of server.sessions) session.goaway();
  // Until the client has read the frame, it sends streams on the old session, and the server serves them.
  let fresh = await open(client);
  while (server.connections === 1) fresh = await open(client);
  server.collection.put({ metadata: { name: "a" } });
  expect(await nextName(old)).toBe("a");
  expect(await nextName(fresh)).toBe("a");
  expect(server.connections).toBe(2);
});

it("notices within 20 s that nobody is there any more, by a ping over HTTP/2", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  await using proxy = await FrozenProxy.start(server.port);
  const clock = new FakeClock();
  await using client = connect(`https://127.0.0.1:${proxy.port}`, clock);
  const events = await open(client);
  clock.advance(10_000);
  // The first ping is answered.
  await until(() => clock.pending.length === 1 && clock.pending[0] === 10_000);
  proxy.freeze();
  const broken = events.next().catch((e: unknown) => e);
  clock.advance(10_000);
  await setImmediate();
  clock.advance(10_000);
  expect(await broken).toBeInstanceOf(ConnectionError);
  expect(String(await broken)).toMatch(/no answer to an HTTP\/2 ping within 10000 ms/);
  // The next one finds its way.
  await open(client);
  expect(server.connections).toBe(2);
});

it("sends no ping on a session that was destroyed in this very turn", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  const clock = new FakeClock();
  const client = connect(server.url, clock);
  await open(client);
  const closed = client[Symbol.asyncDispose]();
  clock.advance(10_000);
  await closed;
});

it.each(["http", "https-http1"] as const)("notices silence over %s", async (protocol) => {
  await using server = await TestServer.start({ protocol });
  await using client = connect(server.url, new FakeClock(), { ...defaultWatchTimes, silenceMs: 20 });
  const events = await open(client);
  await expect(events.next()).rejects.toThrow(/cannot reach the API server .*Body Timeout/);
});

it("gives up a server that never answers a watch", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  server.faults.push(() => true);
  const clock = new FakeClock();
  await using client = connect(server.url, clock, { ...defaultWatchTimes, answerMs: 5000 });
  const failed = open(client).catch((e: unknown) => e);
  await until(() => server.calls.length === 1);
  clock.advance(5000);
  expect(String(await failed)).toMatch(/no answer within 5000 ms/);
});

it.each(["http", "https"] as const)("does not wait for the end of a refusal, over %s", async (protocol) => {
  await using server = await TestServer.start({ protocol });
  const { promise: refused, resolve: refuse } = Promise.withResolvers<Reply>();
  server.faults.push((_, reply) => {
    refuse(reply);
    return true;
  });
  const clock = new FakeClock();
  await using client = connect(server.url, clock, { ...defaultWatchTimes, answerMs: 5000 });
  const failed = open(client).catch((e: unknown) => e);
  const reply = await refused;
  const closed = new Promise((resolve) => reply.once("close", resolve));
  // Tells the limit of the answer, which runs already, from that of its body.
  clock.advance(1000);
  reply.writeHead(503).write("{");
  await until(() => clock.pending.includes(5000));
  clock.advance(5000);
  expect(await failed).toMatchObject({ code: 503 });
  await closed;
});

describe("a watch that is aborted", () => {
  it.each(["http", "https", "https-http1"] as const)(
    "ends with the reason, and its stream with it, over %s",
    async (protocol) => {
      await using server = await TestServer.start({ protocol });
      await using client = connect(server.url);
      const stop = new AbortController();
      const events = await open(client, stop.signal);
      const ended = events.next().catch((e: unknown) => e);
      stop.abort(new Error("stopped"));
      expect(await ended).toBe(stop.signal.reason);
      await until(() => server.collection.watchers === 0);
    },
  );

  it("ends before the server has even finished its TLS handshake", async () => {
    const mute = createServer();
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const sockets: { destroy(): void }[] = [];
    mute.on("connection", (socket) => sockets.push(socket));
    await using client = connect(`https://127.0.0.1:${(mute.address() as AddressInfo).port}`);
    const stop = new AbortController();
    const ended = Array.fromAsync(client.watch(path, initial, stop.signal)).catch((e: unknown) => e);
    await until(() => sockets.length === 1);
    stop.abort(new Error("stopped"));
    expect(await ended).toBe(stop.signal.reason);
    await client[Symbol.asyncDispose]();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => mute.close(resolve));
  });
});

it("ends its stream when the reader leaves", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  await using client = connect(server.url);
  const events = await open(client);
  await events.return?.();
  await until(() => server.collection.watchers === 0);
});

it("renews credentials that a watch was refused for", async () => {
  await using server = await TestServer.start({ protocol: "https" });
  let generation = 1;
  await using client = new KubeClient({
    connection: {
      server: server.url,
      credentials(renew = false) {
        if (renew) generation += 1;
        return Promise.resolve({ tls: { ca: testCa }, headers: { authorization: `Bearer ${generation}` } });
      },
    },
    metrics: new Registry(),
  });
  server.faults.push((_, reply) => {
    reply.writeHead(401).end();
    return true;
  });
  await expect(open(client)).rejects.toMatchObject({ code: 401 });
  await open(client);
  expect(server.calls.map(({ headers }) => headers.authorization)).toEqual(["Bearer 1", "Bearer 2"]);
});
