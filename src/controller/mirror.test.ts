import { expect, it } from "vitest";
import type { Capabilities } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench, type BenchOptions } from "./testing/bench.ts";

function options(bench: Bench, capabilities: Partial<Capabilities> = {}): BenchOptions {
  return { records: true, providers: [new MemoryProvider(bench.world, { capabilities })] };
}

/** Longer than the back-off of a watch that fails. */
const retriedMs = 61_000;

// An unknown class may refuse what is served here, an unknown pool may have the address that is given.
it.each<[plural: string, kind: string, right: string, capabilities?: Partial<Capabilities>]>([
  ["services", "Service", "list, watch services"],
  ["nodes", "Node", "list, watch nodes"],
  ["namespaces", "Namespace", "list, watch namespaces"],
  ["loadbalancerclasses", "LoadBalancerClass", "list, watch loadbalancerclasses.berth.dev"],
  ["ipaddresspools", "IPAddressPool", "list, watch ipaddresspools.berth.dev"],
  ["endpointslices", "EndpointSlice", "list, watch endpointslices.discovery.k8s.io", { endpointNodes: true }],
  ["leases", "Lease", "list, watch leases.coordination.k8s.io in berth-node-lease", { agents: true }],
])(
  "without the right to follow %s nothing is done, and it is told which rule lacks; with it all is",
  async (...row) => {
    const [plural, kind, right, capabilities] = row;
    const bench = new Bench();
    bench.api.unreadable.add(plural);
    bench.api.createService("web");
    const running = bench.start(options(bench, capabilities));
    await bench.settled();
    await bench.clock.run(retriedMs);
    await bench.settled();
    const why = `you may not list ${plural}; allow \`${right}\`, as deploy/rbac/controller.yaml does`;
    expect(running.controller.missing).toEqual([{ kind, why }]);
    expect([...bench.api.writes, ...bench.world.mutations]).toEqual([]);
    bench.api.unreadable.clear();
    await bench.clock.run(retriedMs);
    await bench.until(() => bench.condition("web", "accepted").startsWith("True"), "it is worked on");
    expect(running.controller.missing).toEqual([]);
    expect(JSON.stringify(running.state())).not.toContain("failure");
    await running.stop();
  },
);

it.each<[plural: string, capabilities: Partial<Capabilities>]>([
  ["loadbalancerrecords", {}],
  ["ipaddresspools", { needsAddresses: false }],
])("what nothing depends on is in nobody's way: %s that may not be followed, with %o", async (plural, capabilities) => {
  const bench = new Bench();
  bench.api.unreadable.add(plural);
  bench.api.createService("web");
  const running = bench.start(options(bench, capabilities));
  await bench.ready("web");
  expect(running.controller.missing).toEqual([]);
  expect(JSON.stringify(running.state())).toContain(`you may not list ${plural}; allow`);
  await running.stop();
});

it("a right that is taken away later leaves it to work on what it knows, and the state tells", async () => {
  const bench = new Bench();
  bench.api.createService("web");
  const running = bench.start(options(bench));
  await bench.ready("web");
  bench.api.unreadable.add("nodes");
  // No watch lasts longer than ten minutes.
  await bench.clock.run(700_000);
  await bench.settled();
  expect(running.controller.missing).toEqual([]);
  expect(running.state()).toMatchObject({
    caches: {
      nodes: { synced: true, size: 2, failure: expect.stringContaining("allow `list, watch nodes`") },
      services: { synced: true, size: 1 },
    },
  });
  bench.api.createService("later");
  await bench.ready("later");
  await running.stop();
});
