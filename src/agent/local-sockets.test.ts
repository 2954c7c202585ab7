import { beforeEach, expect, it } from "vitest";
import { port, service, slice } from "../model/testing/objects.ts";
import type { NodeProxy } from "./node-proxy.ts";
import { ProxyBench } from "./testing/proxy-bench.ts";

const signal = new AbortController().signal;

/** A Service on these external addresses. */
const web = (...externalIPs: string[]) =>
  service("ns/web", { clusterIP: "172.30.0.41", ports: [port("p80", 80)], externalIPs });

let bench: ProxyBench;
let proxy: NodeProxy;

async function change(): Promise<void> {
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
}

beforeEach(async () => {
  bench = new ProxyBench();
  bench.state.services.set("ns/web", web());
  bench.state.allSlices.set("ns/web", [slice("web-1", [{ name: "p80", port: 8080 }], [{ ip: "10.0.0.1" }])]);
  proxy = bench.start();
  await change();
});

it("gives way to a process that listens where a Service would be, and takes over when it is gone", async () => {
  bench.sockets = [{ protocol: "TCP", address: "192.168.0.2", port: 80 }];
  bench.state.services.set("ns/web", web("192.168.0.2"));
  await change();
  expect(bench.v4.save()).not.toContain("-d 192.168.0.2/32");
  expect(bench.log.fieldsOf("frontend refused")).toMatchObject([{ why: "a process of the node listens on this port" }]);
  bench.sockets = [];
  await proxy.sync(signal);
  expect(bench.v4.save()).toContain("-d 192.168.0.2/32");
  expect(bench.log.fieldsOf("frontend refused")).toHaveLength(1);
});

it("plans again, with its cause, what it could not plan", async () => {
  bench.state.services.set("ns/web", web("192.168.0.2"));
  bench.sockets = new Error("no /proc");
  await expect(change()).rejects.toThrow("no /proc");
  bench.sockets = [];
  await proxy.sync(signal);
  expect(bench.v4.save()).toContain("-d 192.168.0.2/32");
  expect(bench.log.fieldsOf("service rules programmed").at(-1)).toMatchObject({ cause: "Service" });
});

it("reads what processes wait on only while a Service is on an address of the node", async () => {
  await change();
  expect(bench.socketReads).toBe(0);
  bench.state.services.set("ns/web", web("192.168.0.2"));
  await change();
  expect(bench.socketReads).toBe(1);
  bench.state.services.delete("ns/web");
  await change();
  await proxy.sync(signal);
  expect(bench.socketReads).toBe(1);
});
