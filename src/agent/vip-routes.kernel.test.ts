import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { systemClock } from "../base/index.ts";
import { addNetns, deleteNetns, execOk, ipBatch, listLocalRoutes, netnsExec } from "../kernel/index.ts";
import { host } from "../kernel/testing/machine.ts";
import { port, service } from "../model/testing/objects.ts";
import { formatIp } from "../net/index.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { MemoryState } from "./testing/state.ts";
import { removeVipRoutes, type VipRouteMode, VipRoutes } from "./vip-routes.ts";

it("makes the kernel take an address for its own, and take it no more", async () => {
  const options = { signal: AbortSignal.timeout(30_000) };
  const name = `bt-vip-${randomBytes(4).toString("hex")}`;
  await addNetns(host, name, options);
  try {
    const exec = netnsExec(host, name);
    await ipBatch(exec, ["link set lo up"], options);
    const state = new MemoryState();
    const made = service("ns/web", { type: "LoadBalancer", clusterIP: "10.96.0.7", ports: [port("http", 80)] }, [
      "34.1.2.3",
      "2600:1901::1",
    ]);
    state.services.set("ns/web", {
      ...made,
      metadata: { ...made.metadata, finalizers: ["gcp-l4.berth.dev/resources"] },
    });
    const routes = new VipRoutes({
      mode: "auto",
      state,
      families: ["IPv4", "IPv6"],
      exec,
      logger: new MemoryLog(),
      clock: systemClock,
      random: () => 0,
    });
    routes.serviceChanged("ns/web");
    await routes.sync();
    for (const ip of ["34.1.2.3", "2600:1901::1"])
      expect(await execOk(exec, "ip", ["route", "get", ip], options)).toMatch(/^local /);
    expect(await removeVipRoutes(exec, "IPv4", options.signal)).toEqual(["34.1.2.3"]);
    await routes.sync();
    state.services.clear();
    routes.serviceChanged("ns/web");
    await routes.sync();
    for (const ip of ["34.1.2.3", "2600:1901::1"])
      await expect(execOk(exec, "ip", ["route", "get", ip], options)).rejects.toThrow(/unreachable/);
  } finally {
    await deleteNetns(host, name, options);
  }
});

it.each<[Exclude<VipRouteMode, "off">, boolean]>([
  ["auto", false],
  ["on", true],
])("where a guest agent makes the same route, %s makes one of its own: %s", async (mode, isMade) => {
  const options = { signal: AbortSignal.timeout(30_000) };
  const name = `bt-vip-${randomBytes(4).toString("hex")}`;
  await addNetns(host, name, options);
  try {
    const exec = netnsExec(host, name);
    const ips = ["34.1.2.3", "2600:1901::1"];
    // As Google's guest agent does: by the card that the packets come in at.
    await ipBatch(
      exec,
      [
        "link set lo up",
        "link add eth0 type veth peer name eth1",
        "link set eth0 up",
        ...ips.map((ip) => `route add local ${ip}/${ip.includes(":") ? 128 : 32} dev eth0 table local proto 66`),
      ],
      options,
    );
    const state = new MemoryState();
    const made = service("ns/web", { type: "LoadBalancer", clusterIP: "10.96.0.7", ports: [port("http", 80)] }, ips);
    const finalizers = ["gcp-l4.berth.dev/resources"];
    state.services.set("ns/web", { ...made, metadata: { ...made.metadata, finalizers } });
    const common = { exec, state, logger: new MemoryLog(), clock: systemClock, random: () => 0 };
    const routes = new VipRoutes({ ...common, mode, families: ["IPv4", "IPv6"] });
    routes.serviceChanged("ns/web");
    for (let i = 0; i < 2; i++) await routes.sync();
    const shown = async (ip: string, protocol: string): Promise<boolean> => {
      const found = await listLocalRoutes(exec, ip.includes(":") ? "IPv6" : "IPv4", options);
      return found.some((route) => formatIp(route.to.base) === ip && route.protocol === protocol);
    };
    for (const ip of ips) expect([await shown(ip, "66"), await shown(ip, "107")]).toEqual([true, isMade]);
    state.services.clear();
    routes.serviceChanged("ns/web");
    await routes.sync();
    for (const ip of ips) expect([await shown(ip, "66"), await shown(ip, "107")]).toEqual([true, false]);
  } finally {
    await deleteNetns(host, name, options);
  }
});
