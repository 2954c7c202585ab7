import { beforeEach, describe, expect, it } from "vitest";
import { type Desired, type Plan, ProviderError, type ScopeKey } from "../provider/index.ts";
import type { Observation, StepHook } from "../provider/testing/memory-provider.ts";
import { ScopedProvider } from "../provider/testing/scoped-provider.ts";
import type { OrphanPolicy } from "./orphans/index.ts";
import { Bench, type Running } from "./testing/bench.ts";

const scoped = { loadBalancerClass: "berth.dev/scoped" };
const dns = { name: "dns", port: 53, protocol: "UDP", nodePort: 30_053 };

let bench: Bench;

beforeEach(() => {
  bench = new Bench();
});

const deletes = { deletes: true, graceMs: 0 };

function start(hook: StepHook = () => {}, orphans: OrphanPolicy = deletes): Running {
  return bench.start({ providers: [new ScopedProvider(bench.world, { hook })], orphans });
}

/** Services change what they share a moment later. */
async function gathered(): Promise<void> {
  await bench.settled();
  bench.clock.advance(50);
  await bench.settled();
}

async function made(...names: readonly string[]): Promise<Running> {
  for (const name of names) bench.api.createService(name, scoped);
  const running = start();
  await gathered();
  for (const name of names) await bench.ready(name);
  return running;
}

function firewall(): string | undefined {
  return bench.world.objects.get("firewall")?.value;
}

async function gone(name: string): Promise<void> {
  await bench.until(() => bench.api.service(name) === undefined, `${name} goes`);
  await bench.settled();
}

it("rule 1: what is not legal yet waits for the scope that it is on, and goes on as soon as that is done", async () => {
  const running = await made("web");
  expect(bench.clock.monotonic()).toBe(50);
  expect(bench.world.mutations).toEqual([
    "create uid-web/address",
    "create uid-web/group",
    "create uid-web/members/node1",
    "create uid-web/members/node2",
    "create firewall",
    "create uid-web/TCP-80",
  ]);
  expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
  bench.api.deleteService("web");
  await gone("web");
  expect(bench.clock.monotonic()).toBe(50);
  expect([...bench.world.objects.keys()]).toEqual(["firewall"]);
  await running.stop();
});

it("what somebody waits for looks again, though it found itself done: it may have been taken away by hand", async () => {
  const running = await made("web");
  for (const name of ["firewall", "uid-web/TCP-80"]) bench.world.objects.delete(name);
  const now = bench.clock.monotonic();
  bench.api.updateService("web", { metadata: { labels: { any: "change" } } });
  await bench.until(() => bench.world.objects.has("uid-web/TCP-80"), "both are there again");
  expect([firewall(), bench.clock.monotonic()]).toEqual(["30080", now]);
  await running.stop();
});

it("many Services that come at once change what they share once", async () => {
  const names = Array.from({ length: 6 }, (_, i) => `web${i}`);
  const running = await made(...names);
  expect(bench.world.mutations.filter((text) => text.endsWith("firewall"))).toEqual(["create firewall"]);
  await running.stop();
});

it("a change of one Service changes what it shares with others", async () => {
  const running = await made("a", "b");
  bench.api.updateService("a", { spec: { ports: [dns] } });
  await gathered();
  expect(firewall()).toBe("30053,30080");
  expect(bench.world.objects.has("uid-a/UDP-53")).toBe(true);
  expect(bench.condition("a", "programmed")).toBe("True Programmed");
  bench.api.deleteService("a");
  await gone("a");
  await gathered();
  expect(firewall()).toBe("30080");
  await running.stop();
});

it("a change of nodes is a matter of the members alone", async () => {
  const running = await made("web");
  const before = bench.world.mutations.length;
  bench.api.deleteNode("node1");
  await bench.settled();
  bench.clock.advance(1000);
  await gathered();
  expect(bench.world.mutations.slice(before)).toEqual(["delete uid-web/members/node1"]);
  await running.stop();
});

it("health that is told of members reaches the Service, and is not read from an earlier snapshot", async () => {
  const first = await made("web");
  await first.stop();
  const running = start();
  await gathered();
  const { observations } = bench.world;
  bench.world.setUnhealthy("node1", "node2");
  await bench.until(() => bench.condition("web", "ready") === "False NoHealthyTargets", "unhealthy");
  expect(bench.world.observations).toBe(observations + 1);
  bench.world.setUnhealthy("node1");
  await bench.ready("web");
  await running.stop();
});

it("A1, rule 3: a restart writes nothing and takes one snapshot of all scopes", async () => {
  const first = await made("a", "b", "c");
  await first.stop();
  const written = (): number[] => [bench.api.writes.length, bench.events.length, bench.world.mutations.length];
  const before = written();
  const { observations, snapshots } = bench.world;
  const second = start();
  await gathered();
  expect(written()).toEqual(before);
  expect([bench.world.observations - observations, bench.world.snapshots - snapshots]).toEqual([0, 1]);
  await second.stop();
});

it("rule 3: what happens to one Service costs no batch, a drift check costs one for all", async () => {
  const running = await made("a", "b", "c");
  expect(bench.world.snapshots).toBe(0);
  for (let i = 0; i < 500; i++) await bench.clock.run(1000);
  bench.world.setUnhealthy("node1", "node2");
  await bench.until(() => bench.condition("a", "ready") === "False NoHealthyTargets", "unhealthy");
  bench.world.setUnhealthy();
  bench.api.updateService("b", { status: { loadBalancer: null } });
  bench.api.createService("d", scoped);
  await gathered();
  for (const name of ["a", "b", "c", "d"]) await bench.ready(name);
  expect(bench.world.snapshots).toBe(0);
  const { observations } = bench.world;
  const written = bench.world.mutations.length;
  for (let i = 0; i < 620; i++) await bench.clock.run(1000);
  await bench.settled();
  expect([bench.world.observations - observations, bench.world.mutations.length - written]).toEqual([0, 0]);
  expect(bench.world.snapshots).toBeGreaterThan(0);
  expect(bench.world.snapshots).toBeLessThanOrEqual(3);
  await running.stop();
});

it("members that fail show in the Service's condition, and heal", async () => {
  let broken = true;
  bench.api.createService("web", scoped);
  const running = start(({ id }, when) => {
    if (broken && when === "before" && id === "uid-web/members")
      throw new ProviderError({ kind: "quota", limit: "targets" }, "no more targets");
  });
  await gathered();
  expect(bench.condition("web", "programmed")).toBe("False QuotaExceeded");
  expect(bench.message("web", "programmed")).toBe("uid-web/members: no more targets; raise the limit targets");
  broken = false;
  bench.clock.advance(300_000);
  await bench.ready("web");
  expect(bench.condition("web", "programmed")).toBe("True Programmed");
  await running.stop();
});

describe("rule 2: what is shared goes ten minutes after its last user", () => {
  it("and not with the Service itself", async () => {
    const running = await made("web");
    bench.api.deleteService("web");
    await gone("web");
    await gathered();
    bench.clock.advance(599_000);
    await bench.settled();
    expect(firewall()).toBe("30080");
    bench.clock.advance(1000);
    await bench.until(() => firewall() === undefined, "the firewall goes");
    await running.stop();
  });

  it("unless another one comes meanwhile", async () => {
    const running = await made("web");
    bench.api.deleteService("web");
    await gone("web");
    await gathered();
    bench.clock.advance(599_000);
    bench.api.createService("next", scoped);
    await gathered();
    await bench.ready("next");
    bench.clock.advance(3_600_000);
    await bench.settled();
    expect(firewall()).toBe("30080");
    await running.stop();
  });

  it("a Service that is being deleted and cannot go yet is a user", async () => {
    bench.api.createService("web", scoped);
    const running = start(({ action }) => {
      if (action === "delete")
        throw new ProviderError({ kind: "blocked", reason: "Locked", remedy: "unlock it" }, "no");
    });
    await gathered();
    await bench.ready("web");
    bench.api.deleteService("web");
    for (let i = 0; i < 4; i++) {
      await gathered();
      bench.clock.advance(600_000);
    }
    await bench.settled();
    expect(bench.finalizers("web")).toEqual(["scoped.berth.dev/resources"]);
    expect(firewall()).toBe("30080");
    await running.stop();
  });

  it("also when the last user went while nobody was there", async () => {
    const first = await made("web");
    await first.stop();
    bench.api.updateService("web", { metadata: { finalizers: null } });
    bench.api.deleteService("web");
    const second = start();
    await bench.settled();
    bench.clock.advance(600_000);
    await bench.until(() => bench.world.objects.size === 1, "all but the firewall goes");
    bench.clock.advance(600_000);
    await bench.settled();
    bench.clock.advance(600_000);
    await bench.until(() => firewall() === undefined, "the firewall goes");
    await second.stop();
  });

  it("and not while there is a load balancer that no Service wants, which may need it", async () => {
    const first = await made("web");
    await first.stop();
    bench.api.updateService("web", { metadata: { finalizers: null } });
    bench.api.deleteService("web");
    const second = start(undefined, { ...deletes, deletes: false });
    for (let i = 0; i < 4; i++) {
      await gathered();
      bench.clock.advance(600_000);
    }
    await bench.settled();
    expect([firewall() === undefined, bench.world.objects.has("uid-web/address")]).toEqual([false, true]);
    await second.stop();
  });

  it("but stays when it bears the mark of what is to stay", async () => {
    const first = await made("web");
    await first.stop();
    for (const name of bench.world.objects.keys()) bench.world.retained.add(name);
    const before = bench.world.fingerprint();
    bench.api.updateService("web", { metadata: { finalizers: null } });
    bench.api.deleteService("web");
    const second = start();
    await gathered();
    bench.clock.advance(3_600_000);
    await bench.settled();
    expect(bench.world.fingerprint()).toBe(before);
    await second.stop();
  });
});

describe("a load balancer whose members do not go", () => {
  let locked: boolean;

  /** Its load balancer goes without waiting for the members. */
  class Hasty extends ScopedProvider {
    override plan(key: ScopeKey, desired: Desired | null, observed: Observation): Plan {
      const isEnd = key.kind === "service" && desired === null;
      return super.plan(
        key,
        desired,
        isEnd ? new Map([...observed].filter(([, { kind }]) => kind !== "member")) : observed,
      );
    }
  }

  function startHasty(): Running {
    const hook: StepHook = ({ id }) => {
      if (locked && id === "uid-web/surplus") throw new ProviderError({ kind: "quota", limit: "changes" }, "not now");
    };
    return bench.start({ providers: [new Hasty(bench.world, { hook })], orphans: deletes });
  }

  beforeEach(async () => {
    locked = true;
    const running = await made("web");
    await running.stop();
  });

  it("keeps its Service's finalizer", async () => {
    const running = startHasty();
    bench.api.deleteService("web");
    await bench.until(() => !bench.world.objects.has("uid-web/address"), "the load balancer goes");
    await gathered();
    expect(bench.finalizers("web")).toEqual(["scoped.berth.dev/resources"]);
    locked = false;
    bench.clock.advance(300_000);
    await gone("web");
    expect([...bench.world.objects.keys()]).toEqual(["firewall"]);
    await running.stop();
  });

  it("is torn down to the end also when its Service is gone", async () => {
    bench.api.updateService("web", { metadata: { finalizers: null } });
    bench.api.deleteService("web");
    const running = startHasty();
    await bench.settled();
    bench.clock.advance(600_000);
    await bench.until(() => !bench.world.objects.has("uid-web/address"), "the load balancer goes");
    await gathered();
    // Nobody else gets the address before all of it is gone.
    bench.api.createService("next", scoped);
    await gathered();
    await bench.ready("next");
    expect(bench.addresses("next")).toEqual(["192.0.2.2"]);
    locked = false;
    bench.clock.advance(300_000);
    await bench.until(() => ![...bench.world.objects.keys()].some((name) => name.startsWith("uid-web/")), "all goes");
    await running.stop();
  });
});

it("one scope is reconciled by one worker at a time", async () => {
  let [inside, most] = [0, 0];
  const names = ["a", "b", "c", "d"];
  for (const [i, name] of names.entries())
    bench.api.createService(name, { ...scoped, ports: [{ ...dns, nodePort: 30_000 + i }] });
  const running = start(async ({ id }, when) => {
    if (id !== "firewall") return;
    inside += when === "before" ? 1 : -1;
    most = Math.max(most, inside);
    await bench.settled();
  });
  await gathered();
  for (const name of names) bench.api.updateService(name, { spec: { ports: [{ ...dns, nodePort: 31_000 }] } });
  await gathered();
  for (const name of names) await bench.ready(name);
  expect([inside, most, firewall()]).toEqual([0, 1, "31000"]);
  await running.stop();
});
