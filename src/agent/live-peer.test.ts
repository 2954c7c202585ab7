import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "vitest";
import { serveEndpoints } from "../telemetry/index.ts";
import { findLivePeer, peerAddresses } from "./live-peer.ts";

const signal = new AbortController().signal;

it("looks where kube-proxy answers, and where this agent is to answer", () => {
  const ours = [
    { host: "0.0.0.0", port: 10_256 },
    { host: "10.0.0.5", port: 9000 },
  ];
  expect(peerAddresses(ours)).toEqual([
    ...[10_249, 10_256, 9000].flatMap((port) => ["127.0.0.1", "::1"].map((host) => ({ host, port }))),
    { host: "10.0.0.5", port: 9000 },
  ]);
});

it("looks only where this agent is to answer when its chains are not kube-proxy's", () => {
  expect(peerAddresses([{ host: "0.0.0.0", port: 9000 }], "BERTH")).toEqual([
    { host: "127.0.0.1", port: 9000 },
    { host: "::1", port: 9000 },
  ]);
});

const health = { lastUpdated: "2026-01-01T00:00:00Z", currentTime: "2026-01-01T00:00:00Z" };

it.each<[string, Record<string, string>, string | undefined]>([
  ["kube-proxy's metrics", { "/proxyMode": "iptables", "/healthz": "ok" }, "/proxyMode says iptables"],
  ["kube-proxy of another mode", { "/proxyMode": "nftables\n" }, "/proxyMode says nftables"],
  [
    "kube-proxy's health",
    { "/healthz": JSON.stringify({ ...health, nodeEligible: true }) },
    "/healthz answers as a proxy",
  ],
  [
    "another agent's health",
    { "/healthz": JSON.stringify({ ...health, healthy: false, status: {} }) },
    "/healthz answers as a proxy",
  ],
  ["something else that is healthy", { "/healthz": "ok", "/proxyMode": "<html>not found</html>" }, undefined],
  ["a page of JSON that is no proxy's", { "/healthz": '{"status":"ok"}', "/proxyMode": '"iptables"' }, undefined],
  ["null", { "/healthz": "null" }, undefined],
  ["no page at all", {}, undefined],
])("tells a proxy by %s", async (_, pages, expected) => {
  const routes = Object.fromEntries(Object.entries(pages).map(([path, body]) => [path, () => ({ status: 200, body })]));
  await using endpoint = await serveEndpoints({ host: "127.0.0.1", port: 0, routes });
  const { port } = endpoint;
  const found = await findLivePeer([{ host: "127.0.0.1", port }], signal);
  expect(found).toBe(expected === undefined ? undefined : `http://127.0.0.1:${port}${expected}`);
});

it("finds nobody where nobody listens, and none in a stream without end", async () => {
  const server = createServer((_, response) => {
    response.write("x".repeat(100_000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  expect(await findLivePeer([{ host: "127.0.0.1", port }], signal)).toBeUndefined();
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  expect(await findLivePeer([{ host: "127.0.0.1", port }], signal)).toBeUndefined();
});
