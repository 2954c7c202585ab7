// A controller of classes that are left: what `berth controller uninstall` runs.
import { beforeEach, describe, expect, it } from "vitest";
import { loadBalancerRecords } from "../api/index.ts";
import { ProviderError } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { ScopedProvider } from "../provider/testing/scoped-provider.ts";
import { Bench, type BenchOptions, type Running } from "./testing/bench.ts";

const foreign = { type: "example.com/Theirs", status: "True", reason: "Fine", message: "", lastTransitionTime: "" };
let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

/** Another controller served them, and has ended. */
async function served(names: readonly string[], options: BenchOptions = {}): Promise<void> {
  const running = bench.start(options);
  await bench.settled();
  bench.clock.advance(50);
  for (const name of names) await bench.ready(name);
  // What is told in Records is gathered for a moment.
  bench.clock.advance(500);
  await bench.settled();
  await running.stop();
}

function leave(options: BenchOptions = {}): Running {
  return bench.start({ ...options, leaves: true });
}

/** What is shared goes a moment later. */
async function left({ controller }: Running): Promise<void> {
  for (let i = 0; i < 100 && controller.remains.length > 0; i++) {
    await bench.settled();
    bench.clock.advance(500);
  }
  expect(controller.remains).toEqual([]);
}

it("takes down every load balancer, and all that it has written to Services; what others wrote stays", async () => {
  bench.api.createService("web", {}, { finalizers: ["example.com/theirs"] });
  bench.api.createService("unclassed", {});
  bench.api.updateService("unclassed", { spec: { loadBalancerClass: null } });
  bench.api.createService("other", { loadBalancerClass: "example.com/other" });
  await served(["web", "unclassed"], { unclassed: "memory" });
  bench.api.updateService("web", {
    status: { conditions: [...(bench.api.service("web")?.status?.conditions ?? []), foreign] },
  });
  const before = bench.api.service("other");

  const running = leave({ unclassed: "memory" });
  await left(running);
  await running.stop();
  expect(bench.world.objects.size).toBe(0);
  expect([bench.finalizers("web"), bench.finalizers("unclassed")]).toEqual([["example.com/theirs"], []]);
  expect(bench.api.service("web")?.status).toEqual({ loadBalancer: {}, conditions: [foreign] });
  expect(bench.api.service("unclassed")?.status).toEqual({ loadBalancer: {} });
  expect(bench.api.service("other")).toBe(before);
  expect(bench.eventReasons().slice(-2)).toEqual(["Normal DeletedLoadBalancer", "Normal DeletedLoadBalancer"]);
});

it("takes back what it only said of a Service that it refused", async () => {
  bench.api.createService("web", { ports: [{ name: "sctp", port: 80, protocol: "SCTP", nodePort: 30_080 }] });
  const first = bench.start();
  await bench.until(() => bench.condition("web", "accepted").startsWith("False"), "it is refused");
  await first.stop();
  const running = leave();
  await left(running);
  await running.stop();
  expect(bench.api.service("web")?.status).toEqual({ loadBalancer: {} });
});

it("makes none for a Service that comes meanwhile, and writes nothing to it", async () => {
  const running = leave();
  await left(running);
  bench.api.createService("web");
  await bench.settled();
  expect([bench.api.writes, bench.world.mutations, running.controller.remains]).toEqual([[], [], []]);
  await running.stop();
});

it("says of what it cannot take down why, and goes on once it can", async () => {
  for (const name of ["web", "api"]) bench.api.createService(name);
  await served(["web", "api"]);
  let isUp = false;
  const hook = ({ target }: { readonly target: string }): void => {
    if (!isUp && target.startsWith("uid-web/")) throw new ProviderError({ kind: "retryable" }, "nobody answers");
  };
  const running = leave({ providers: [new MemoryProvider(bench.world, { hook })] });
  await bench.until(() => bench.finalizers("api").length === 0, "the other one is let go");
  await bench.settled();
  expect(running.controller.remains).toEqual([expect.stringMatching(/^default\/web \(\w+: .*nobody answers/)]);
  expect(bench.finalizers("web")).not.toEqual([]);
  isUp = true;
  await left(running);
  await running.stop();
  expect(bench.world.objects.size).toBe(0);
});

it("waits until it knows what there is at the provider", async () => {
  bench.api.createService("web");
  await served(["web"]);
  const provider = new MemoryProvider(bench.world);
  let isUp = false;
  const listOwned = provider.listOwned.bind(provider);
  provider.listOwned = (...args) => {
    if (!isUp) throw new ProviderError({ kind: "retryable" }, "nobody answers");
    return listOwned(...args);
  };
  const running = leave({ providers: [provider] });
  await bench.settled();
  expect(running.controller.remains).toContain("load balancers of memory: cannot be listed");
  isUp = true;
  await left(running);
  await running.stop();
  expect(bench.finalizers("web")).toEqual([]);
});

it("takes down what Services shared as soon as the last of them is gone, and not before", async () => {
  bench.api.createService("web", { loadBalancerClass: "berth.dev/scoped" });
  const providers = [new ScopedProvider(bench.world)];
  await served(["web"], { providers });
  expect(bench.world.objects.has("firewall")).toBe(true);
  bench.world.mutations.length = 0;
  const running = leave({ providers });
  await left(running);
  await running.stop();
  expect(bench.world.objects.size).toBe(0);
  expect(bench.world.mutations.at(-1)).toBe("delete firewall");
});

it("leaves what a Service wants to be retained, and orphans unless they may be deleted", async () => {
  bench.api.createService("kept", {}, { annotations: { "berth.dev/deletion-policy": "Retain" } });
  bench.api.createService("lost");
  await served(["kept", "lost"]);
  bench.api.updateService("lost", { metadata: { finalizers: null } });
  bench.api.remove({ group: "", version: "v1", kind: "Service", plural: "services", namespaced: true }, "default/lost");
  const kept = (): readonly string[] => [...bench.world.objects.keys()].filter((name) => name.endsWith("/address"));

  const careful = leave();
  await left(careful);
  await careful.stop();
  expect(kept()).toEqual(["uid-kept/address", "uid-lost/address"]);
  expect(bench.finalizers("kept")).toEqual([]);

  const thorough = leave({ orphans: { deletes: true, graceMs: 3_600_000 } });
  await left(thorough);
  await thorough.stop();
  expect(kept()).toEqual(["uid-kept/address"]);
});

describe("Records", () => {
  it("are deleted too", async () => {
    bench.api.createService("web");
    await served(["web"], { records: true });
    expect(bench.api.object(loadBalancerRecords, "default/web")).toBeDefined();
    const running = leave({ records: true });
    await left(running);
    await running.stop();
    expect(bench.api.object(loadBalancerRecords, "default/web")).toBeUndefined();
  });
});
