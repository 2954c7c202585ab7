import { expect, it } from "vitest";
import { Bench } from "../../src/controller/testing/bench.ts";
import { ProxyAdapter } from "./adapter.ts";
import type { Runtime } from "./runtime.ts";

it.each<[string, object, string]>([
  ["no node ports are allocated", { allocateLoadBalancerNodePorts: false, ports: [{ port: 80 }] }, "NodePortMissing"],
  ["SCTP", { ports: [{ port: 80, protocol: "SCTP", nodePort: 30_080 }] }, "LoadBalancerProtocolNotSupported"],
])("refuses with a condition before anything is made: %s", async (_, spec, reason) => {
  const applied: string[] = [];
  const runtime: Runtime = {
    observe: async () => ({
      owner: undefined,
      network: undefined,
      config: undefined,
      process: "none",
      status: undefined,
    }),
    apply: async ({ kind }) => {
      applied.push(kind);
      return { state: "done" };
    },
    async *owned() {},
    watch: () => ({ [Symbol.dispose]: () => {} }),
  };
  const bench = new Bench();
  bench.api.createService("web", { loadBalancerClass: "berth.dev/proxy", ...spec });
  const running = bench.start({ providers: [new ProxyAdapter(runtime, { kind: "engine" })] });
  await bench.until(() => bench.condition("web", "accepted") === `False ${reason}`, "refused");
  await bench.settled();
  await running.stop();
  expect(bench.eventReasons()).toContain("Warning SyncLoadBalancerFailed");
  expect(bench.addresses("web")).toEqual([]);
  expect(applied).toEqual([]);
});
