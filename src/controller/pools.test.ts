import { describe, expect, it } from "vitest";
import { ipAddressPools, namespaces, type Service, services } from "../api/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { PoolBench } from "./testing/pool-bench.ts";

const ips = "berth.dev/load-balancer-ips";
const pool = "berth.dev/address-pool";
const moves = { "berth.dev/allow-replace": "true" };

describe("pools", () => {
  it("that are missing are asked for, and give as soon as they are there", async () => {
    const bench = new PoolBench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.waits("web", "AddressPoolMissing");
    expect(bench.message("web", "programmed")).toBe(
      "no pool gives this Service IPv4 addresses; create an IPAddressPool that does, or start the controller with --address-pool",
    );
    bench.pool("lab", { ranges: ["192.0.2.7-192.0.2.9"] });
    await bench.ready("web");
    expect(bench.addresses("web")).toEqual(["192.0.2.7"]);
    await running.stop();
  });

  it("stand beside that of the flag, which is older than all and has no priority", async () => {
    const bench = new PoolBench();
    bench.pool("first", { ranges: ["198.51.100.1/32"], priority: 1 });
    bench.pool("clash", { ranges: ["192.0.2.0/24"], priority: 9 });
    const running = bench.start({ pool: ["192.0.2.0/30"] });
    for (const name of ["a", "b"]) {
      bench.api.createService(name);
      await bench.ready(name);
    }
    expect([bench.addresses("a"), bench.addresses("b")]).toEqual([["198.51.100.1"], ["192.0.2.1"]]);
    await bench.second();
    expect(bench.usage("clash")).toBe("1 used, 253 free, Conflict");
    await running.stop();
  });

  it("that are exhausted give again when they are enlarged", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.1/32"] });
    bench.api.createService("a");
    const running = bench.start();
    await bench.ready("a");
    bench.api.createService("b");
    await bench.waits("b", "AddressPoolExhausted");
    await bench.second();
    expect(bench.usage("lab")).toBe("1 used, 0 free, Exhausted");
    bench.pool("lab", { ranges: ["192.0.2.1/32", "192.0.2.8/31"] });
    await bench.ready("b");
    expect(bench.addresses("b")).toEqual(["192.0.2.8"]);
    await bench.second();
    expect(bench.usage("lab")).toBe("2 used, 1 free");
    await running.stop();
  });

  it("that are deleted take nothing away, over a restart too, and are welcome back", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    bench.api.createService("web");
    const first = bench.start();
    await bench.ready("web");
    const before = bench.world.fingerprint();
    bench.api.remove(ipAddressPools, "lab");
    await bench.until(() => bench.condition("web", "degraded") === "True AddressNotInPool", "web is degraded");
    expect(bench.message("web", "degraded")).toBe(
      "status.loadBalancer.ingress: no pool has 192.0.2.1 any more; it stays until the Service asks for another one; add it to an IPAddressPool to keep it",
    );
    await first.stop();
    const second = bench.start();
    await bench.settled();
    expect(bench.condition("web", "degraded")).toBe("True AddressNotInPool");
    bench.api.createService("next");
    await bench.waits("next", "AddressPoolMissing");
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    await bench.ready("next");
    expect(bench.addresses("next")).toEqual(["192.0.2.2"]);
    await bench.until(() => bench.condition("web", "degraded") === "False NotDegraded", "web is well");
    expect(bench.world.fingerprint().split("\n")).toEqual(expect.arrayContaining(before.split("\n")));
    await second.stop();
  });

  it("that are disabled keep what they gave and give no more until they are enabled", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    bench.api.createService("a");
    const running = bench.start();
    await bench.ready("a");
    bench.pool("lab", { ranges: ["192.0.2.0/29"], disabled: true });
    bench.api.createService("b");
    await bench.waits("b", "AddressPoolMissing");
    expect(bench.message("b", "programmed")).toContain("(pool lab: it is disabled)");
    expect([bench.addresses("a"), bench.condition("a", "degraded")]).toEqual([["192.0.2.1"], "False NotDegraded"]);
    await bench.second();
    expect(bench.usage("lab")).toBe("1 used, 5 free, Disabled");
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    await bench.ready("b");
    await running.stop();
  });

  it("that overlap: the newer one gives nothing until the older one goes", async () => {
    const bench = new PoolBench();
    bench.pool("newer", { ranges: ["192.0.2.2-192.0.2.5"], priority: 1 }, 2);
    bench.api.createService("a");
    const running = bench.start();
    await bench.ready("a");
    bench.pool("older", { ranges: ["192.0.2.0/30"] }, 1);
    for (const name of ["b", "c"]) bench.api.createService(name, {}, { annotations: moves });
    await bench.waits("c", "AddressPoolExhausted");
    expect(["a", "b"].map((name) => bench.addresses(name)[0])).toEqual(["192.0.2.2", "192.0.2.1"]);
    await bench.second();
    expect(bench.poolOf("newer")?.status?.conditions?.find(({ type }) => type === "Conflict")).toMatchObject({
      status: "True",
      reason: "Overlap",
      message:
        "192.0.2.2-192.0.2.5 overlaps with 192.0.2.0/30 of the older pool older; it gives nothing until one of the two is changed",
    });
    bench.api.remove(ipAddressPools, "older");
    await bench.ready("c");
    expect(bench.addresses("c")).toEqual(["192.0.2.3"]);
    await bench.second();
    expect(bench.usage("newer")).toBe("2 used, 2 free");
    await running.stop();
  });

  it("with a range that is none say so and give of the others", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.256/32", "192.0.2.1/32"] });
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    await bench.second();
    expect(bench.usage("lab")).toBe("1 used, 0 free, Exhausted, Invalid");
    await running.stop();
  });
});

describe("who gets of a pool", () => {
  it("is chosen by the labels of namespaces, which need not be known yet and may change later", async () => {
    const bench = new PoolBench();
    bench.pool("blue", { ranges: ["192.0.2.0/29"], namespaceSelector: { matchLabels: { team: "blue" } } });
    bench.pool("rest", { ranges: ["198.51.100.0/29"] });
    bench.api.put(namespaces, { metadata: { name: "red", labels: { team: "red" } } });
    for (const namespace of ["blue", "red"]) bench.api.createService("web", {}, { namespace, uid: `uid-${namespace}` });
    const running = bench.start();
    function addressIn(namespace: string): string | undefined {
      return bench.api.object<Service>(services, `${namespace}/web`)?.status?.loadBalancer?.ingress?.[0]?.ip;
    }
    await bench.until(() => addressIn("red") === "198.51.100.1", "red gets one");
    await bench.settled();
    expect(bench.api.object<Service>(services, "blue/web")?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: "berth.dev/Programmed", reason: "NamespaceUnknown" }),
    );
    bench.api.put(namespaces, { metadata: { name: "blue", labels: { team: "blue" } } });
    await bench.until(() => addressIn("blue") === "192.0.2.1", "blue gets one");
    bench.api.put(namespaces, { metadata: { name: "blue", labels: { team: "red" } } });
    bench.clock.advance(700_000);
    await bench.settled();
    expect(addressIn("blue")).toBe("192.0.2.1");
    await running.stop();
  });

  it("is chosen by labels and class of the Service", async () => {
    const bench = new PoolBench();
    bench.pool("web", { ranges: ["192.0.2.0/29"], serviceSelector: { matchLabels: { tier: "web" } }, priority: 1 });
    bench.pool("gold", { ranges: ["198.51.100.0/29"], loadBalancerClasses: ["berth.dev/gold"], priority: 1 });
    bench.pool("rest", { ranges: ["203.0.113.0/29"] });
    bench.api.createService("web", {}, { labels: { tier: "web" } });
    bench.api.createService("rest");
    bench.api.createService("gold", { loadBalancerClass: "berth.dev/gold" });
    const names = ["memory", "gold"];
    const running = bench.start({ providers: names.map((name) => new MemoryProvider(bench.world, { name })) });
    for (const name of ["web", "rest", "gold"]) await bench.ready(name);
    expect(["web", "rest", "gold"].map((name) => bench.addresses(name)[0])).toEqual([
      "192.0.2.1",
      "203.0.113.1",
      "198.51.100.1",
    ]);
    await running.stop();
  });

  it("may ask for a pool, and for another one later", async () => {
    const bench = new PoolBench();
    bench.pool("a", { ranges: ["192.0.2.0/29"], priority: 1 });
    bench.api.createService("web", {}, { annotations: { [pool]: "b", ...moves } });
    const running = bench.start();
    await bench.refused("web", "AddressPoolNotFound");
    expect(bench.message("web", "accepted")).toBe(
      `metadata.annotations[${pool}]: there is no pool b; create that IPAddressPool or name another`,
    );
    bench.pool("b", { ranges: ["198.51.100.0/29"] });
    await bench.ready("web");
    expect(bench.addresses("web")).toEqual(["198.51.100.1"]);
    bench.api.updateService("web", { metadata: { annotations: { [pool]: "a" } } });
    await bench.until(() => bench.addresses("web")[0] === "192.0.2.1", "web moves");
    await bench.second();
    expect([bench.usage("a"), bench.usage("b")]).toEqual(["1 used, 5 free", "0 used, 6 free"]);
    await running.stop();
  });

  it("keeps what its pool has no more, until it asks for another pool", async () => {
    const bench = new PoolBench();
    bench.pool("a", { ranges: ["192.0.2.0/29"] });
    bench.pool("b", { ranges: ["198.51.100.0/29"] });
    bench.api.createService("web", {}, { annotations: { [pool]: "a", ...moves } });
    const running = bench.start();
    await bench.ready("web");
    bench.pool("a", { ranges: ["203.0.113.0/29"] });
    await bench.until(() => bench.condition("web", "degraded") === "True AddressNotInPool", "web is degraded");
    await bench.settled();
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    bench.api.updateService("web", { metadata: { annotations: { [pool]: "b" } } });
    await bench.until(() => bench.addresses("web")[0] === "198.51.100.1", "web moves");
    await bench.until(() => bench.condition("web", "degraded") === "False NotDegraded", "web is well");
    await running.stop();
  });

  it("keeps what another controller gave it when it becomes ours", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    const foreign = bench.api.createService("web", { loadBalancerClass: "example.com/other" });
    bench.api.put(services, { ...foreign, status: { loadBalancer: { ingress: [{ ip: "192.0.2.5" }] } } });
    const running = bench.start();
    await bench.settled();
    bench.api.updateService("web", { spec: { loadBalancerClass: "berth.dev/memory" } });
    await bench.ready("web");
    expect(bench.addresses("web")).toEqual(["192.0.2.5"]);
    await running.stop();
  });

  it("who asks for an address in use waits for it, whoever has it", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    bench.api.createService("ours", {}, { annotations: { [ips]: "192.0.2.3" } });
    const foreign = bench.api.createService("foreign", { loadBalancerClass: "example.com/other" });
    bench.api.put(services, { ...foreign, status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } });
    const running = bench.start();
    await bench.ready("ours");
    bench.api.createService("second", {}, { annotations: { [ips]: "192.0.2.3" } });
    bench.api.createService("third", {}, { annotations: { [ips]: "192.0.2.1" } });
    for (const name of ["second", "third"]) await bench.waits(name, "AddressInUse");
    bench.api.createService("any");
    await bench.ready("any");
    expect(bench.addresses("any")).toEqual(["192.0.2.2"]);
    bench.api.deleteService("ours");
    await bench.ready("second");
    bench.api.updateService("foreign", { status: { loadBalancer: null } });
    await bench.ready("third");
    await bench.second();
    expect(bench.usage("lab")).toBe("3 used, 3 free");
    await running.stop();
  });

  it("of a dual stack gets the families from two pools, both or none, or what there is", async () => {
    const bench = new PoolBench();
    bench.pool("four", { ranges: ["192.0.2.0/29"] });
    const families = { ipFamilies: ["IPv6", "IPv4"] };
    bench.api.createService("prefers", { ...families, ipFamilyPolicy: "PreferDualStack" }, { annotations: moves });
    const running = bench.start();
    await bench.ready("prefers");
    bench.api.createService("requires", { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack" });
    await bench.waits("requires", "AddressPoolMissing");
    expect(bench.condition("prefers", "degraded")).toBe("True AddressPoolMissing");
    await bench.second();
    expect(bench.usage("four")).toBe("1 used, 5 free");
    bench.pool("six", { ranges: ["fd00::/64"] });
    await bench.ready("requires");
    await bench.until(() => bench.condition("prefers", "degraded") === "False NotDegraded", "prefers has both");
    const [six, four] = bench.addresses("prefers");
    expect([six?.slice(0, 6), four]).toEqual(["fd00::", "192.0.2.1"]);
    expect(bench.addresses("requires").map((address) => address.slice(0, 6))).toEqual(["192.0.", "fd00::"]);
    await bench.second();
    expect(bench.usage("six")).toBe("2 used, 18446744073709551613 free");
    await running.stop();
  });
});

describe("the status of a pool", () => {
  it("is written once a second at most, and not at all when nothing changed, after a restart neither", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/24"] });
    const first = bench.start();
    await bench.second();
    expect([bench.usage("lab"), bench.poolWrites]).toEqual(["0 used, 254 free", 1]);
    for (let i = 0; i < 20; i++) {
      bench.api.createService(`web${i}`);
      await bench.ready(`web${i}`);
    }
    expect(bench.poolWrites).toBe(1);
    await bench.second();
    expect([bench.usage("lab"), bench.poolWrites]).toEqual(["20 used, 234 free", 2]);
    await first.stop();
    const second = bench.start();
    for (let i = 0; i < 5; i++) await bench.second();
    expect(bench.poolWrites).toBe(2);
    await second.stop();
  });

  it("is tried again when it cannot be written", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/29"] });
    let failures = 3;
    bench.api.onWrite = (name) => {
      if (name === "lab" && failures-- > 0) throw new Error("the server is busy");
    };
    const running = bench.start();
    for (let i = 0; i < 20; i++) await bench.second();
    expect([bench.usage("lab"), bench.poolWrites]).toEqual(["0 used, 6 free", 1]);
    await running.stop();
  });

  it("is no business of an instance whose providers take no addresses", async () => {
    const bench = new PoolBench();
    bench.pool("lab", { ranges: ["192.0.2.0/24"] });
    const providers = [new MemoryProvider(bench.world, { capabilities: { needsAddresses: false } })];
    const running = bench.start({ providers });
    await bench.second();
    expect(bench.poolWrites).toBe(0);
    await running.stop();
  });

  it("keeps conditions of others", async () => {
    const bench = new PoolBench();
    const foreign = {
      type: "example.com/Audited",
      status: "True",
      reason: "Done",
      message: "by hand",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
    bench.api.put(ipAddressPools, {
      metadata: { name: "lab", uid: "uid-lab", creationTimestamp: "2026-01-01T00:00:00Z" },
      spec: { ranges: ["192.0.2.0/29"] },
      status: { used: 7, free: "0", conditions: [foreign] },
    });
    const running = bench.start();
    await bench.second();
    expect(bench.poolOf("lab")?.status?.conditions).toContainEqual(foreign);
    expect(bench.usage("lab")).toBe("0 used, 6 free, example.com/Audited");
    await running.stop();
  });
});
