import { randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { systemClock } from "../base/index.ts";
import { addNetns, deleteNetns, execOk, ipBatch, netnsExec } from "../kernel/index.ts";
import { host } from "../kernel/testing/machine.ts";
import { port, service } from "../model/testing/objects.ts";
import { MemoryLog } from "../telemetry/testing/memory-log.ts";
import { MemoryState } from "./testing/state.ts";
import { removeVipRoutes, VipRoutes } from "./vip-routes.ts";

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
