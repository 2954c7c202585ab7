import { Registry } from "prom-client";
import { expect, it } from "vitest";
import { services } from "../api/index.ts";
import { KubeClient, staticConnection } from "./index.ts";
import { TestServer, testCa } from "./testing/test-server.ts";

const signal = new AbortController().signal;

it.each(["http", "https", "https-http1"] as const)("serves reads, writes and watches over %s", async (protocol) => {
  await using server = await TestServer.start({ protocol });
  await using client = new KubeClient({
    connection: staticConnection(server.url, { tls: { ca: testCa } }),
    metrics: new Registry(),
  });
  const created = await client.create(services, { metadata: { namespace: "default", name: "a" } }, signal);
  expect(await client.get(services, { namespace: "default", name: "a" }, signal)).toEqual(created);
  const seen: unknown[] = [];
  for await (const event of client.watch("/api/v1/services", { sendInitialEvents: true }, signal)) {
    seen.push(event.type);
    if (event.type === "BOOKMARK") server.collection.put({ metadata: { name: "b" } });
    if (seen.length === 3) break;
  }
  expect(seen).toEqual(["ADDED", "BOOKMARK", "ADDED"]);
});

it("makes a thousand calls over at most two connections", { timeout: 60_000 }, async () => {
  await using server = await TestServer.start({ protocol: "https" });
  await using client = new KubeClient({
    connection: staticConnection(server.url, { tls: { ca: testCa } }),
    metrics: new Registry(),
  });
  for (let i = 0; i < 1000; i++) await client.list(services, {}, signal);
  expect(server.connections).toBeLessThanOrEqual(2);
});
