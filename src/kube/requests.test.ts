import { createServer } from "node:net";
import { setImmediate } from "node:timers/promises";
import { Registry } from "prom-client";
import { describe, expect, it } from "vitest";
import { services } from "../api/index.ts";
import { FakeClock } from "../base/fake-clock.ts";
import {
  ConnectionError,
  type Credentials,
  isAlreadyExists,
  isConflict,
  isInvalid,
  isNotFound,
  isTooManyRequests,
  KubeClient,
  type KubeConnection,
  staticConnection,
} from "./index.ts";
import { FrozenProxy } from "./testing/frozen-proxy.ts";
import { answer, answerStatus, type Fault, TestServer, testCa } from "./testing/test-server.ts";

const signal = new AbortController().signal;

interface Bench extends AsyncDisposable {
  readonly server: TestServer;
  readonly client: KubeClient;
  readonly clock: FakeClock;
  readonly metrics: Registry;
}

async function start(connect: (url: string) => KubeConnection = (url) => staticConnection(url)): Promise<Bench> {
  const server = await TestServer.start({ protocol: "http" });
  const clock = new FakeClock();
  const metrics = new Registry();
  const client = new KubeClient({ connection: connect(server.url), metrics, clock });
  return {
    server,
    client,
    clock,
    metrics,
    async [Symbol.asyncDispose]() {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

const refuse = (code: number, headers: Record<string, string> = {}): Fault => {
  return (_, reply) => {
    answerStatus(reply, code, "Refused", headers);
    return true;
  };
};

/** Lets time run up to each timer that is due within so long, until the promise settles. */
async function passing<T>(clock: FakeClock, promise: Promise<T>, withinMs: number): Promise<T> {
  const state = { settled: false };
  const watched = promise.finally(() => {
    state.settled = true;
  });
  watched.catch(() => {});
  while (!state.settled) {
    await setImmediate();
    const [next] = clock.pending;
    if (next !== undefined && next <= withinMs) clock.advance(next);
  }
  return await watched;
}

describe("verbs", () => {
  it("create, read, patch and delete, each in its own words", async () => {
    await using bench = await start();
    const { client, server } = bench;
    const at = { namespace: "default", name: "a" };
    const created = await client.create(services, { metadata: at, spec: { type: "LoadBalancer" } }, signal);
    await client.mergePatch(services, created, { metadata: { labels: { x: "y" } } }, signal, { subresource: "status" });
    await client.patch(services, at, { type: "strategic", body: { spec: {} } }, signal);
    await client.patch(services, at, { type: "json", body: [] }, signal);
    await client.delete(services, at, signal, { propagation: "Background", uid: created.metadata.uid });
    expect(server.calls.map((c) => [c.method, c.path, c.headers["content-type"], c.body])).toEqual([
      [
        "POST",
        "/api/v1/namespaces/default/services",
        "application/json",
        { apiVersion: "v1", kind: "Service", metadata: at, spec: { type: "LoadBalancer" } },
      ],
      [
        "PATCH",
        "/api/v1/namespaces/default/services/a/status",
        "application/merge-patch+json",
        { metadata: { labels: { x: "y" }, resourceVersion: "101" } },
      ],
      ["PATCH", "/api/v1/namespaces/default/services/a", "application/strategic-merge-patch+json", { spec: {} }],
      ["PATCH", "/api/v1/namespaces/default/services/a", "application/json-patch+json", []],
      [
        "DELETE",
        "/api/v1/namespaces/default/services/a",
        "application/json",
        {
          apiVersion: "v1",
          kind: "DeleteOptions",
          propagationPolicy: "Background",
          preconditions: { uid: created.metadata.uid },
        },
      ],
    ]);
  });

  it("tell why they were refused", async () => {
    await using bench = await start();
    const { client } = bench;
    const at = { namespace: "default", name: "a" };
    const old = await client.create(services, { metadata: at }, signal);
    await client.mergePatch(services, old, {}, signal);
    await expect(client.create(services, { metadata: at }, signal)).rejects.toSatisfy(isAlreadyExists);
    await expect(client.mergePatch(services, old, {}, signal)).rejects.toSatisfy(isConflict);
    await expect(client.get(services, { namespace: "default", name: "b" }, signal)).rejects.toSatisfy(isNotFound);
  });

  it("keep the causes of a refusal, and a proxy's page in short", async () => {
    await using bench = await start();
    const causes = [{ field: "spec.ports[0].nodePort", reason: "FieldValueInvalid", message: "in use" }];
    bench.server.faults.push(
      (_, reply) => {
        answer(reply, 422, { kind: "Status", reason: "Invalid", message: "no", details: { causes } });
        return true;
      },
      (_, reply) => {
        reply.writeHead(403, { "content-type": "text/html" }).end("<h1>Who are you?</h1>");
        return true;
      },
    );
    const invalid = await bench.client.list(services, {}, signal).catch((e: unknown) => e);
    expect(isInvalid(invalid)).toBe(true);
    expect(invalid).toMatchObject({ message: "no", reason: "Invalid", causes });
    await expect(bench.client.list(services, {}, signal)).rejects.toMatchObject({
      code: 403,
      message: "<h1>Who are you?</h1>",
    });
  });
});

describe("patience", () => {
  it("tries again after as long as the server asks", async () => {
    await using bench = await start();
    bench.server.faults.push(refuse(429, { "retry-after": "3" }), refuse(503, { "retry-after": "1" }));
    const listing = bench.client.list(services, {}, signal);
    expect((await passing(bench.clock, listing, 3000)).items).toEqual([]);
    expect(bench.clock.monotonic()).toBe(4000);
  });

  it("ends after ten tries", async () => {
    await using bench = await start();
    bench.server.faults.push(...Array.from({ length: 20 }, () => refuse(429, { "retry-after": "1" })));
    const listing = bench.client.list(services, {}, signal);
    await expect(passing(bench.clock, listing, 1000)).rejects.toSatisfy(isTooManyRequests);
    expect(bench.server.calls).toHaveLength(10);
  });

  it("hands over what it cannot wait for", async () => {
    await using bench = await start();
    bench.server.faults.push(refuse(429, { "retry-after": "60" }), refuse(500));
    await expect(bench.client.list(services, {}, signal)).rejects.toMatchObject({ retryAfterMs: 60_000 });
    await expect(bench.client.list(services, {}, signal)).rejects.toMatchObject({ code: 500 });
  });

  it("ends at once when aborted, in a wait as in a request", async () => {
    await using bench = await start();
    bench.server.faults.push(refuse(429, { "retry-after": "3" }), () => true);
    for (const there of [() => bench.clock.pending.includes(3000), () => bench.server.calls.length === 2]) {
      const stop = new AbortController();
      const listing = bench.client.list(services, {}, stop.signal).catch((e: unknown) => e);
      while (!there()) await setImmediate();
      stop.abort(new Error("stopped"));
      expect(await listing).toBe(stop.signal.reason);
    }
    expect(bench.clock.pending).toEqual([]);
  });
});

describe("credentials", () => {
  const rotating = (url: string): KubeConnection => {
    let generation = 1;
    return {
      server: url,
      credentials(renew = false): Promise<Credentials> {
        if (renew) generation += 1;
        return Promise.resolve({ tls: {}, headers: { authorization: `Bearer ${generation}` } });
      },
    };
  };

  it("are renewed once when the server refuses them", async () => {
    await using bench = await start(rotating);
    bench.server.faults.push(refuse(401), () => false, refuse(401), refuse(401));
    await bench.client.list(services, {}, signal);
    await expect(bench.client.list(services, {}, signal)).rejects.toMatchObject({ code: 401 });
    expect(bench.server.calls.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer 1",
      "Bearer 2",
      "Bearer 2",
      "Bearer 3",
    ]);
  });

  it("that bring new certificates bring new connections", async () => {
    await using server = await TestServer.start({ protocol: "https" });
    let tls: Credentials["tls"] = { ca: testCa };
    const connection = { server: server.url, credentials: () => Promise.resolve({ tls, headers: {} }) };
    await using client = new KubeClient({ connection, metrics: new Registry() });
    await client.list(services, {}, signal);
    tls = { ca: `${testCa}\n` };
    await client.list(services, {}, signal);
    await client.list(services, {}, signal);
    expect(server.connections).toBe(2);
  });
});

describe("a server that is not there", () => {
  async function failure(server: string, tls: Credentials["tls"] = {}): Promise<unknown> {
    await using client = new KubeClient({ connection: staticConnection(server, { tls }), metrics: new Registry() });
    return await client.list(services, {}, signal).catch((e: unknown) => e);
  }

  it("is named, with what to check: nobody listens", async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
    const { port } = gone.address() as { port: number };
    await new Promise((resolve) => gone.close(resolve));
    const error = await failure(`https://127.0.0.1:${port}`);
    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toBe(
      `cannot reach the API server https://127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}; ` +
        "check that it runs and listens on that port",
    );
  });

  it("an unknown certificate", async () => {
    await using server = await TestServer.start({ protocol: "https" });
    expect(String(await failure(server.url))).toMatch(/give its CA certificate/);
    expect(await failure(server.url, { insecure: true })).toMatchObject({ items: [] });
  });

  it("a certificate for another name", async () => {
    await using server = await TestServer.start({ protocol: "https" });
    const error = await failure(server.url, { ca: testCa, servername: "elsewhere.example" });
    expect(String(error)).toMatch(/its certificate is for another name/);
  });

  it("TLS spoken to a plain port", async () => {
    await using plain = await TestServer.start({ protocol: "http" });
    expect(String(await failure(plain.url.replace("http:", "https:")))).toMatch(/does not speak TLS/);
  });

  it("an answer that is no JSON", async () => {
    await using bench = await start();
    bench.server.faults.push((_, reply) => {
      reply.writeHead(200).end("<html>");
      return true;
    });
    await expect(bench.client.list(services, {}, signal)).rejects.toThrow(/the answer is no JSON/);
  });
});

it.each(["http", "https"] as const)("gives up a connection that went silent, over %s", async (protocol) => {
  await using server = await TestServer.start({ protocol });
  await using proxy = await FrozenProxy.start(server.port);
  const url = server.url.replace(String(server.port), String(proxy.port));
  const clock = new FakeClock();
  await using client = new KubeClient({
    connection: staticConnection(url, { tls: { ca: testCa } }),
    metrics: new Registry(),
    clock,
  });
  await client.list(services, {}, signal);
  proxy.freeze();
  const silent = client.request({ method: "GET", path: "/version", signal, timeoutMs: 5000 });
  await expect(passing(clock, silent, 5000)).rejects.toThrow(/no answer within 5000 ms/);
  expect((await client.list(services, {}, signal)).items).toEqual([]);
});

it.each(["http", "https", "https-http1"] as const)(
  "makes 1,000 calls over at most 2 connections of %s",
  async (protocol) => {
    await using server = await TestServer.start({ protocol });
    const connection = staticConnection(server.url, { tls: { ca: testCa } });
    await using client = new KubeClient({ connection, metrics: new Registry() });
    for (let call = 0; call < 1000; call++) await client.list(services, {}, signal);
    expect(server.calls).toHaveLength(1000);
    expect(server.connections).toBeLessThanOrEqual(2);
  },
  60_000,
);

it("counts and times its requests", async () => {
  await using bench = await start();
  await bench.client.list(services, {}, signal);
  await bench.client.get(services, { name: "a" }, signal).catch(() => {});
  const text = await bench.metrics.metrics();
  const host = new URL(bench.server.url).host;
  expect(text).toContain(`rest_client_requests_total{code="200",method="GET",host="${host}"} 1`);
  expect(text).toContain(`rest_client_requests_total{code="404",method="GET",host="${host}"} 1`);
  expect(text).toContain(`rest_client_request_duration_seconds_count{verb="GET",host="${host}"} 2`);
});
