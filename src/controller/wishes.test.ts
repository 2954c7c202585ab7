import { describe, expect, it } from "vitest";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench } from "./testing/bench.ts";

const ips = "berth.dev/load-balancer-ips";

describe("a Service that asks for what cannot be", () => {
  it("A12, no requeue on terminal error: is refused once, without a retry, and mended by an edit", async () => {
    const bench = new Bench();
    bench.api.createService("web", { loadBalancerSourceRanges: ["10.0.0.0/99"] });
    const running = bench.start();
    await bench.until(() => bench.condition("web", "accepted") === "False InvalidSourceRanges", "refused");
    bench.clock.advance(3_600_000);
    await bench.settled();
    expect(bench.world.observations).toBe(0);
    expect(bench.finalizers("web")).toEqual([]);
    expect(bench.events).toEqual([
      'Warning SyncLoadBalancerFailed default/web: InvalidSourceRanges: spec.loadBalancerSourceRanges: "10.0.0.0/99" is no prefix; give ADDRESS/BITS, such as 192.0.2.0/24',
    ]);
    bench.api.updateService("web", { spec: { loadBalancerSourceRanges: ["10.0.0.0/9"] } });
    await bench.ready("web");
    expect(bench.condition("web", "accepted")).toBe("True Accepted");
    await running.stop();
  });

  it("keeps the load balancer that it has", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    const before = bench.world.fingerprint();
    bench.api.updateService("web", { metadata: { annotations: { [ips]: "nonsense" } } });
    await bench.until(() => bench.condition("web", "accepted") === "False InvalidAddress", "refused");
    expect(bench.world.fingerprint()).toBe(before);
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    expect(bench.condition("web", "programmed")).toBe("True Programmed");
    await running.stop();
  });

  it("A15: a protocol without support: LoadBalancerPortsError, and ports[].error where there is an address", async () => {
    const bench = new Bench();
    const tcp = { name: "a", port: 80, protocol: "TCP", nodePort: 30_080 };
    const sctp = { name: "b", port: 81, protocol: "SCTP", nodePort: 30_081 };
    bench.api.createService("fresh", { ports: [tcp, sctp] });
    bench.api.createService("web", { ports: [tcp] });
    const running = bench.start();
    await bench.ready("web");
    expect(bench.condition("fresh", "portsError")).toBe("True LoadBalancerProtocolNotSupported");
    expect(bench.condition("fresh", "accepted")).toBe("False LoadBalancerProtocolNotSupported");
    expect(bench.addresses("fresh")).toEqual([]);
    bench.api.updateService("web", { spec: { ports: [tcp, sctp] } });
    await bench.until(() => bench.condition("web", "portsError").startsWith("True"), "refused");
    expect(bench.api.service("web")?.status?.loadBalancer?.ingress).toEqual([
      {
        ip: "192.0.2.1",
        ipMode: "Proxy",
        ports: [
          { port: 81, protocol: "SCTP", error: "berth.dev/LoadBalancerProtocolNotSupported" },
          { port: 80, protocol: "TCP" },
        ],
      },
    ]);
    bench.api.updateService("web", { spec: { ports: [tcp] } });
    await bench.until(() => bench.condition("web", "portsError") === "", "mended");
    expect(bench.api.service("web")?.status?.loadBalancer?.ingress?.[0]?.ports).toEqual([
      { port: 80, protocol: "TCP" },
    ]);
    await running.stop();
  });

  it("A15: mixed TCP and UDP without support: LoadBalancerPortsError and ports[].error, and what is there stays", async () => {
    const bench = new Bench();
    const tcp = { name: "a", port: 53, protocol: "TCP", nodePort: 30_053 };
    const udp = { name: "b", port: 53, protocol: "UDP", nodePort: 30_053 };
    bench.api.createService("web", { ports: [tcp] });
    const running = bench.start({
      providers: [new MemoryProvider(bench.world, { capabilities: { mixedProtocols: false } })],
    });
    await bench.ready("web");
    const { length } = bench.world.mutations;
    bench.api.updateService("web", { spec: { ports: [tcp, udp] } });
    await bench.until(() => bench.condition("web", "portsError").startsWith("True"), "refused");
    expect(bench.condition("web", "portsError")).toBe("True LoadBalancerMixedProtocolNotSupported");
    expect(bench.condition("web", "accepted")).toBe("False LoadBalancerMixedProtocolNotSupported");
    const error = "berth.dev/LoadBalancerMixedProtocolNotSupported";
    expect(bench.api.service("web")?.status?.loadBalancer?.ingress?.[0]?.ports).toEqual([
      { port: 53, protocol: "TCP", error },
      { port: 53, protocol: "UDP", error },
    ]);
    expect(bench.world.mutations.length).toBe(length);
    await running.stop();
  });

  it("A16: allocateLoadBalancerNodePorts: false on a provider that needs node ports", async () => {
    const bench = new Bench();
    bench.api.createService("web", { allocateLoadBalancerNodePorts: false, ports: [{ port: 80, protocol: "TCP" }] });
    const running = bench.start();
    await bench.until(() => bench.condition("web", "accepted") === "False NodePortMissing", "refused");
    expect(bench.message("web", "accepted")).toContain("set spec.allocateLoadBalancerNodePorts to true");
    await running.stop();
    bench.api.updateService("web", { metadata: { labels: { any: "thing" } } });
    const without = bench.start({
      providers: [new MemoryProvider(bench.world, { capabilities: { needsNodePorts: false } })],
    });
    await bench.ready("web");
    await without.stop();
  });

  it("a typing error in an annotation does no harm and is told once", async () => {
    const bench = new Bench();
    bench.api.createService("web", {}, { annotations: { "berth.dev/load-balancer-ipz": "192.0.2.3" } });
    const running = bench.start();
    await bench.ready("web");
    expect(bench.condition("web", "accepted")).toBe("True UnknownAnnotation");
    expect(bench.condition("web", "degraded")).toBe("False NotDegraded");
    expect(bench.message("web", "accepted")).toContain("berth.dev/load-balancer-ips may be meant");
    expect(bench.eventReasons()).toContain("Warning UnknownAnnotation");
    await running.stop();
    const before = bench.events.length;
    const again = bench.start();
    await bench.settled();
    expect(bench.events.length).toBe(before);
    await again.stop();
  });
});

describe("addresses", () => {
  it("a requested address is given, by annotation or field", async () => {
    const bench = new Bench();
    bench.api.createService("a", {}, { annotations: { [ips]: "192.0.2.4" } });
    bench.api.createService("b", { loadBalancerIP: "192.0.2.5" });
    const running = bench.start();
    await bench.ready("a");
    await bench.ready("b");
    expect([bench.addresses("a"), bench.addresses("b")]).toEqual([["192.0.2.4"], ["192.0.2.5"]]);
    await running.stop();
  });

  it("a requested address outside the pool is refused, naming the field", async () => {
    const bench = new Bench();
    bench.api.createService("a", { loadBalancerIP: "203.0.113.1" });
    const running = bench.start();
    await bench.until(() => bench.condition("a", "accepted") === "False AddressNotInPool", "refused");
    expect(bench.message("a", "accepted")).toBe(
      "spec.loadBalancerIP: 203.0.113.1 is not in any pool; IPv4 pools: --address-pool (192.0.2.0/29); ask for an address of these",
    );
    await running.stop();
  });

  it("who finds the pool empty says so and gets the first address that comes back", async () => {
    const bench = new Bench();
    for (const name of ["a", "b", "c"]) bench.api.createService(name, {}, { creationTimestamp: `2026-01-0${name}` });
    const running = bench.start({ pool: ["192.0.2.0/31"] });
    await bench.ready("a");
    await bench.ready("b");
    await bench.until(() => bench.condition("c", "programmed") === "False AddressPoolExhausted", "exhausted");
    bench.api.deleteService("a");
    await bench.ready("c");
    expect(bench.addresses("c")).toEqual(["192.0.2.0"]);
    await running.stop();
  });

  it("are adopted after a restart before any is given", async () => {
    const bench = new Bench();
    for (const name of ["a", "b", "c"]) bench.api.createService(name);
    const first = bench.start();
    for (const name of ["a", "b", "c"]) await bench.ready(name);
    bench.api.deleteService("a");
    await bench.until(() => bench.api.service("a") === undefined, "a goes");
    await first.stop();
    bench.api.createService("0");
    // A status that was lost does not matter either: the load balancer still holds its address.
    bench.api.updateService("b", { status: { loadBalancer: null } });
    const second = bench.start();
    for (const name of ["0", "b", "c"]) await bench.ready(name);
    expect(["0", "b", "c"].map((name) => bench.addresses(name)[0])).toEqual(["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    await second.stop();
  });

  it("a Service that goes before it got anything gives its address back", async () => {
    const bench = new Bench();
    bench.api.createService("a");
    bench.api.onWrite = () => {
      bench.api.onWrite = () => {};
      bench.api.deleteService("a");
    };
    const running = bench.start({ pool: ["192.0.2.0/32"] });
    await bench.until(() => bench.api.service("a") === undefined, "a goes");
    await bench.settled();
    bench.api.createService("b");
    await bench.ready("b");
    await running.stop();
  });

  it("dual stack: one address per family in the order of the Service; a preferred family that is missing degrades", async () => {
    const bench = new Bench();
    bench.api.createService("both", { ipFamilies: ["IPv6", "IPv4"] });
    bench.api.createService("prefers", { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "PreferDualStack" });
    const first = bench.start({ pool: ["192.0.2.0/29", "fd00::/64"] });
    await bench.ready("both");
    expect(bench.addresses("both")).toEqual(["fd00::1", "192.0.2.1"]);
    await first.stop();

    const other = new Bench();
    other.api.createService("prefers", { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "PreferDualStack" });
    other.api.createService("requires", { ipFamilies: ["IPv4", "IPv6"], ipFamilyPolicy: "RequireDualStack" });
    const second = other.start();
    await other.ready("prefers");
    expect(other.addresses("prefers")).toEqual(["192.0.2.1"]);
    expect(other.condition("prefers", "degraded")).toBe("True AddressPoolMissing");
    expect(other.condition("requires", "programmed")).toBe("False AddressPoolMissing");
    await second.stop();
  });

  it("TestProcessServiceCreateOrUpdate, updating loadBalancerIP: a plan that replaces the address waits for leave", async () => {
    const bench = new Bench();
    bench.api.createService("web");
    const running = bench.start();
    await bench.ready("web");
    bench.api.updateService("web", { spec: { loadBalancerIP: "192.0.2.5" } });
    await bench.until(() => bench.condition("web", "programmed") === "False ReplacementRequired", "it waits");
    expect(bench.message("web", "programmed")).toContain('set the annotation berth.dev/allow-replace: "true"');
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    bench.api.updateService("web", { metadata: { annotations: { "berth.dev/allow-replace": "true" } } });
    await bench.until(() => bench.addresses("web")[0] === "192.0.2.5", "replaced");
    await bench.settled();
    bench.api.createService("next");
    await bench.ready("next");
    expect(bench.addresses("next")).toEqual(["192.0.2.1"]);
    await running.stop();
  });
});
