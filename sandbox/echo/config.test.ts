import { expect, it } from "vitest";
import { echoConfig } from "./config.ts";

const place = { pod: "web", namespace: "shop", node: "node1", control: "/run/web.sock" };

it("listens where the container's ports say, TCP unless told otherwise", () => {
  const ports = [
    { containerPort: 80 },
    { containerPort: 53, protocol: "UDP" },
    { containerPort: 443, protocol: "TCP" },
    { containerPort: 9, protocol: "SCTP" },
  ];
  expect(echoConfig(place, { ports })).toEqual({
    ...place,
    tcpPorts: [80, 443],
    udpPorts: [53],
    ready: true,
    silent: false,
    drainMs: 1000,
  });
});

it.each([
  ["ECHO_READY", "false", { ready: false }],
  ["ECHO_READY", "true", { ready: true }],
  ["ECHO_SILENT", "true", { silent: true }],
  ["ECHO_DRAIN_MS", "0", { drainMs: 0 }],
  ["ECHO_DRAIN_MS", "2500", { drainMs: 2500 }],
  ["ECHO_DRAIN_MS", "soon", { drainMs: 1000 }],
])("reads %s=%s", (name, value, expected) => {
  expect(echoConfig(place, { env: [{ name, value }] })).toMatchObject(expected);
});
