import { expect, it } from "vitest";
import { node, port, service, slice } from "../model/testing/objects.ts";
import { ProxyBench } from "./testing/proxy-bench.ts";

const signal = new AbortController().signal;

function zoned(ip: string, zone: string) {
  return { ip, node: "node-b", zones: [zone] };
}

it("keeps the rules that depend on the Node while the object is away, and says so once", async () => {
  const bench = new ProxyBench();
  const { state, v4: iptables } = bench;
  const told = () => bench.log.fields("warn");
  state.nodeObject = { ...node("node-a", "zone-a"), spec: { podCIDRs: ["10.1.0.0/24"] } };
  state.services.set("ns/web", service("ns/web", { clusterIP: "172.30.0.41", ports: [port("p", 80)] }));
  state.allSlices.set("ns/web", [
    slice("s", [{ name: "p", port: 80 }], [zoned("10.9.0.1", "zone-a"), zoned("10.9.0.2", "zone-b")]),
  ]);
  const proxy = bench.start({ families: ["IPv4"], localTraffic: { mode: "NodeCIDR" } });
  proxy.serviceChanged("ns/web");
  await proxy.sync(signal);
  expect(iptables.save()).toContain("! -s 10.1.0.0/24");
  expect(iptables.save()).not.toContain("10.9.0.2");
  expect(told()).toEqual([]);
  iptables.restores.length = 0;

  state.nodeObject = undefined;
  proxy.nodeChanged();
  await proxy.sync(signal);
  await proxy.sync(signal);
  expect(iptables.restores).toEqual([]);
  expect(told()).toEqual([{ node: "node-a", why: "the Node object is gone; rules go by what it said last" }]);

  state.nodeObject = { ...node("node-a", "zone-b"), spec: { podCIDRs: ["10.2.0.0/24"] } };
  proxy.nodeChanged();
  await proxy.sync(signal);
  expect(iptables.save()).toContain("! -s 10.2.0.0/24");
  expect(iptables.save()).not.toContain("10.9.0.1");
  expect(told()).toHaveLength(1);
});
