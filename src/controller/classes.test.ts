import { describe, expect, it } from "vitest";
import {
  type LoadBalancerClass,
  type LoadBalancerClassSpec,
  loadBalancerClasses,
  namespaces,
  services,
} from "../api/index.ts";
import type { LbStatus } from "../provider/index.ts";
import { MemoryProvider } from "../provider/testing/memory-provider.ts";
import { Bench, type BenchOptions, type Running } from "./testing/bench.ts";

const tenants = "example.com/tenants";
const ips = "berth.dev/load-balancer-ips";

/** Makes its addresses itself, as clouds do. */
class Hosted extends MemoryProvider {
  override status(...args: Parameters<MemoryProvider["status"]>): LbStatus {
    const [{ id }, observed] = args;
    const ingress = observed.has(`${id.uid}/address`) ? [{ hostname: `${id.uid}.example.com` }] : [];
    return { ...super.status(...args), ingress };
  }
}

/** Can tell as whom it acts, once it is let. */
class Named extends MemoryProvider {
  fails = true;
  asked = 0;

  async identity(): Promise<string> {
    this.asked++;
    if (this.fails) throw new Error("the token has expired");
    return "arn:role in eu-west-1";
  }
}

function start(bench: Bench, options: BenchOptions = {}): Running {
  return bench.start({ providers: [new MemoryProvider(bench.world, { name: "proxy" })], ...options });
}

/** Of the provider `proxy`, unless `spec` names another. */
function putClass(bench: Bench, name: string, spec: Partial<LoadBalancerClassSpec> = {}, age = 1): void {
  bench.api.put(loadBalancerClasses, {
    metadata: { name, uid: `uid-${name}`, generation: 1, creationTimestamp: `200${age}-01-01T00:00:00Z` },
    spec: { loadBalancerClass: tenants, ...(spec.l2 === undefined ? { proxy: {} } : {}), ...spec },
  });
}

function putService(bench: Bench, name: string, age = 1, namespace = "default"): void {
  bench.api.createService(
    name,
    { loadBalancerClass: tenants },
    { namespace, uid: `uid-${namespace}-${name}`, creationTimestamp: `2020-01-0${age}T00:00:00Z` },
  );
}

function verdict(bench: Bench, name: string): string {
  const { conditions = [], provider } = bench.api.object<LoadBalancerClass>(loadBalancerClasses, name)?.status ?? {};
  return conditions
    .map(({ status, reason, observedGeneration }) => `${status} ${reason} ${observedGeneration} by ${provider}`)
    .join(", ");
}

function writesTo(bench: Bench, plural: string): readonly string[] {
  return bench.api.writes.filter((text) => text.startsWith(`${plural}/`));
}

it("a class says as whom its provider acts, or why that cannot be told, and asks once", async () => {
  const bench = new Bench();
  putClass(bench, "tenants");
  const provider = new Named(bench.world, { name: "proxy" });
  const running = start(bench, { providers: [provider] });
  const message = (): string =>
    bench.api.object<LoadBalancerClass>(loadBalancerClasses, "tenants")?.status?.conditions?.[0]?.message ?? "";
  await bench.until(() => message() !== "", "there is a verdict");
  expect(message()).toBe("Services of this class are served, as whom cannot be told: the token has expired");
  provider.fails = false;
  await bench.clock.run(60_000);
  await bench.until(() => message().endsWith("as arn:role in eu-west-1"), "it is told");
  const { asked } = provider;
  putClass(bench, "tenants", { limits: { total: 5 } });
  await bench.settled();
  expect(provider.asked).toBe(asked);
  await running.stop();
});

describe("classes that are objects", () => {
  it("reach their Services, and no others, when they say something else of nodes or node ports", async () => {
    const bench = new Bench();
    putClass(bench, "tenants");
    bench.api.updateNode("node1", { metadata: { labels: { edge: "" } } });
    const ports = [{ name: "http", port: 80, protocol: "TCP" }];
    bench.api.createService("web", { loadBalancerClass: tenants, ports, allocateLoadBalancerNodePorts: false });
    bench.api.createService("other", { loadBalancerClass: "berth.dev/proxy" });
    let looked: string[] = [];
    class Told extends MemoryProvider {
      override validate(...args: Parameters<MemoryProvider["validate"]>): ReturnType<MemoryProvider["validate"]> {
        looked.push(args[0].id.name);
        return super.validate(...args);
      }
    }
    const running = start(bench, { providers: [new Told(bench.world, { name: "proxy" })] });
    await bench.ready("other");
    await bench.until(() => bench.condition("web", "accepted") === "False NodePortMissing", "it lacks node ports");
    await bench.settled();
    looked = [];
    putClass(bench, "tenants", { nodePorts: { policy: "Ensure" } });
    await bench.ready("web");
    expect(bench.api.service("web")?.spec?.ports?.[0]?.nodePort).toBeGreaterThan(0);
    expect(bench.world.objects.get("uid-web/targets")?.value).toBe("node1,node2");
    const selector = { nodeSelector: { matchLabels: { edge: "" } } };
    putClass(bench, "tenants", { nodePorts: { policy: "Ensure" }, ...selector });
    await bench.until(() => bench.world.objects.get("uid-web/targets")?.value === "node1", "selected");
    putClass(bench, "tenants", selector);
    await bench.until(() => bench.condition("web", "accepted") === "False NodePortMissing", "taken back");
    await bench.settled();
    expect(new Set(looked)).toEqual(new Set(["web"]));
    await running.stop();
  });

  it("serve their Services, say that they are accepted, once, and nothing after a restart", async () => {
    const bench = new Bench();
    putClass(bench, "tenants");
    putService(bench, "web");
    const running = start(bench);
    await bench.ready("web");
    expect(verdict(bench, "tenants")).toBe("True Accepted 1 by proxy");
    await running.stop();
    const before = bench.api.writes.length;
    expect(writesTo(bench, "loadbalancerclasses").length).toBe(1);
    const again = start(bench);
    await bench.settled();
    expect(bench.api.writes.length).toBe(before);
    await again.stop();
  });

  it("appear while the controller runs: the Services that waited are served, no other is looked at", async () => {
    const bench = new Bench();
    bench.api.createService("other", { loadBalancerClass: "berth.dev/proxy" });
    putService(bench, "web");
    const running = start(bench);
    await bench.ready("other");
    expect(bench.api.service("web")?.status?.conditions).toBeUndefined();
    const before = bench.world.observations;
    putClass(bench, "tenants");
    await bench.ready("web");
    expect(bench.world.observations - before).toBe(2);
    await running.stop();
  });

  it("go: their load balancers stay, and are served again when the class comes back", async () => {
    const bench = new Bench();
    putClass(bench, "tenants");
    putService(bench, "web");
    const running = start(bench);
    await bench.ready("web");
    const before = bench.world.fingerprint();
    bench.api.remove(loadBalancerClasses, "tenants");
    await bench.until(() => bench.condition("web", "accepted") === "False ClassNotServed", "it is told");
    await bench.settled();
    expect(bench.world.fingerprint()).toBe(before);
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    putClass(bench, "tenants");
    await bench.until(() => bench.condition("web", "accepted") === "True Accepted", "it is served again");
    await running.stop();
  });

  it("go: what a provider serves at addresses of its own stays as well", async () => {
    const bench = new Bench();
    putClass(bench, "tenants");
    putService(bench, "web");
    const providers = [new Hosted(bench.world, { name: "proxy", capabilities: { needsAddresses: false } })];
    const first = start(bench, { providers });
    await bench.ready("web");
    await first.stop();
    bench.api.remove(loadBalancerClasses, "tenants");
    const second = start(bench, { providers });
    await bench.until(() => bench.condition("web", "accepted") === "False ClassNotServed", "it is told");
    expect(bench.world.objects.size).toBe(3);
    // Another controller serves it since: nobody comes to ours any more.
    bench.api.updateService("web", { status: { loadBalancer: { ingress: [{ hostname: "other.example.com" }] } } });
    await bench.until(() => bench.finalizers("web").length === 0, "it is let go");
    expect(bench.world.objects.size).toBe(0);
    expect(bench.api.service("web")?.status?.loadBalancer?.ingress).toEqual([{ hostname: "other.example.com" }]);
    await second.stop();
  });

  it("two of one class: the younger is told so, and takes over when the older goes", async () => {
    const bench = new Bench();
    putClass(bench, "young", { defaults: { [ips]: "192.0.2.4" } }, 2);
    putClass(bench, "old", { defaults: { [ips]: "192.0.2.5" } }, 1);
    putService(bench, "web");
    const running = start(bench);
    await bench.ready("web");
    expect([verdict(bench, "old"), verdict(bench, "young")]).toEqual([
      "True Accepted 1 by proxy",
      "False Conflict 1 by proxy",
    ]);
    expect(bench.addresses("web")).toEqual(["192.0.2.5"]);
    bench.api.remove(loadBalancerClasses, "old");
    await bench.until(() => verdict(bench, "young") === "True Accepted 1 by proxy", "it is accepted");
    await bench.until(() => bench.condition("web", "programmed") === "False ReplacementRequired", "the defaults count");
    await running.stop();
  });

  it("of a provider that runs elsewhere: nothing is written to them, nor to their Services", async () => {
    const bench = new Bench();
    putClass(bench, "both", { proxy: {}, l2: {} });
    putClass(bench, "far", { loadBalancerClass: "example.com/far", l2: {} });
    bench.api.createService("web", { loadBalancerClass: "example.com/far" });
    const running = start(bench);
    await bench.until(() => verdict(bench, "both") === "False Invalid 1 by undefined", "what is ours too is judged");
    await bench.settled();
    expect(verdict(bench, "far")).toBe("");
    expect(writesTo(bench, "services")).toEqual([]);
    await running.stop();
  });

  it("takes Services without a class by a default object, not by the flag", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { isDefault: true, defaults: { [ips]: "192.0.2.4" } });
    bench.api.createService("web", {});
    bench.api.updateService("web", { spec: { loadBalancerClass: null } });
    const running = start(bench, { unclassed: "proxy" });
    await bench.ready("web");
    expect(bench.addresses("web")).toEqual(["192.0.2.4"]);
    await running.stop();
  });

  it("a refused write of the condition is tried again", async () => {
    const bench = new Bench();
    putClass(bench, "tenants");
    bench.api.onWrite = () => {
      bench.api.onWrite = () => {};
      throw new Error("the API server is busy");
    };
    const running = start(bench);
    await bench.settled();
    expect(verdict(bench, "tenants")).toBe("");
    bench.clock.advance(2000);
    await bench.until(() => verdict(bench, "tenants") === "True Accepted 1 by proxy", "it is written");
    await running.stop();
  });
});

describe("what a class lets its Services have", () => {
  it("an annotation that is not allowed is ignored and degrades", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { allowedOverrides: [] });
    bench.api.createService("web", { loadBalancerClass: tenants }, { annotations: { [ips]: "192.0.2.5" } });
    const running = start(bench);
    await bench.ready("web");
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    expect(bench.condition("web", "degraded")).toBe("True OverrideNotAllowed");
    expect(bench.message("web", "degraded")).toContain(`class ${tenants} does not let Services set ${ips}`);
    await running.stop();
  });

  it("a change of defaults reaches the Services that have none of their own", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { allowedOverrides: ["berth.dev/scheme"] });
    bench.api.createService("web", { loadBalancerClass: tenants }, { annotations: { "berth.dev/scheme": "nonsense" } });
    const running = start(bench);
    await bench.until(() => bench.condition("web", "accepted") === "False InvalidScheme", "refused");
    putClass(bench, "tenants", { allowedOverrides: [], defaults: { "berth.dev/scheme": "internal" } });
    await bench.ready("web");
    await running.stop();
  });

  it("a namespace that loses its permission: the load balancer is frozen, never deleted", async () => {
    const bench = new Bench();
    const label = (labels: Record<string, string>): void =>
      void bench.api.put(namespaces, { metadata: { name: "default", labels } });
    label({ tenant: "yes" });
    putClass(bench, "tenants", { allowedNamespaces: { matchLabels: { tenant: "yes" } } });
    putService(bench, "web");
    const running = start(bench);
    await bench.ready("web");
    const before = bench.world.fingerprint();
    label({});
    await bench.until(() => bench.condition("web", "accepted") === "False NamespaceNotAllowed", "it is told");
    bench.api.updateService("web", { spec: { ports: [{ port: 81, protocol: "TCP", nodePort: 30_081 }] } });
    await bench.settled();
    expect(bench.world.fingerprint()).toBe(before);
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    label({ tenant: "yes" });
    await bench.until(() => bench.world.fingerprint().includes("uid-default-web/TCP-81"), "it is served again");
    await bench.until(() => bench.condition("web", "accepted") === "True Accepted", "it is told");
    label({});
    await bench.until(() => bench.condition("web", "accepted") === "False NamespaceNotAllowed", "it is told");
    bench.api.deleteService("web");
    await bench.until(() => bench.api.service("web") === undefined, "the Service goes");
    expect(bench.world.objects.size).toBe(0);
    await running.stop();
  });

  it("a namespace that is not known yet is waited for, without a word", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { allowedNamespaces: {} });
    putService(bench, "web");
    const running = start(bench);
    await bench.settled();
    expect(writesTo(bench, "services")).toEqual([]);
    bench.api.put(namespaces, { metadata: { name: "default" } });
    await bench.ready("web");
    await running.stop();
  });

  it("limits: the oldest come first, what is in stays in, and who waits follows", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { limits: { total: 2 } });
    for (const [name, age] of [
      ["c", 1],
      ["b", 2],
      ["a", 3],
    ] as const)
      putService(bench, name, age);
    const running = start(bench);
    await bench.ready("b");
    await bench.ready("c");
    await bench.until(() => bench.condition("a", "accepted") === "False LimitExceeded", "a waits");
    expect(bench.message("a", "accepted")).toContain(`class ${tenants} has 2 of at most 2 load balancers`);
    expect(bench.finalizers("a")).toEqual([]);
    putService(bench, "0", 0);
    await bench.until(() => bench.condition("0", "accepted") === "False LimitExceeded", "an older one waits too");
    putClass(bench, "tenants", { limits: { total: 1 } });
    await bench.settled();
    expect(["b", "c"].map((name) => bench.condition(name, "accepted"))).toEqual(["True Accepted", "True Accepted"]);
    putClass(bench, "tenants", { limits: { total: 2 } });
    bench.api.deleteService("b");
    await bench.ready("0");
    expect(bench.condition("a", "accepted")).toBe("False LimitExceeded");
    bench.api.updateService("c", { spec: { type: "ClusterIP", loadBalancerClass: null } });
    await bench.ready("a");
    await running.stop();
  });

  it("limits: one that is refused for another reason takes no room, also when it is older", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { limits: { total: 1 } });
    putService(bench, "old", 1);
    putService(bench, "young", 2);
    bench.api.updateService("old", { spec: { loadBalancerIP: "nonsense" } });
    const running = start(bench);
    await bench.until(() => bench.condition("old", "accepted") === "False InvalidAddress", "refused");
    await bench.ready("young");
    bench.api.updateService("old", { spec: { loadBalancerIP: null } });
    await bench.until(() => bench.condition("old", "accepted") === "False LimitExceeded", "too late");
    await running.stop();
  });

  it("limits: of one namespace, without a word about others", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { limits: { perNamespace: 1 } });
    putService(bench, "a", 1, "shop");
    putService(bench, "a", 2);
    putService(bench, "b", 3);
    const running = start(bench);
    await bench.ready("a");
    await bench.until(() => bench.condition("b", "accepted") === "False LimitExceeded", "b waits");
    expect(bench.message("b", "accepted")).toContain("namespace default has 1 of at most 1 load balancers");
    expect(bench.message("b", "accepted")).not.toContain("shop");
    await bench.until(() => bench.api.object(services, "shop/a")?.status?.conditions !== undefined, "shop's is served");
    await running.stop();
  });

  it("limits: ports of a Service", async () => {
    const bench = new Bench();
    putClass(bench, "tenants", { limits: { portsPerService: 1 } });
    putService(bench, "web");
    const running = start(bench);
    await bench.ready("web");
    const ports = [80, 81].map((port) => ({ name: `p${port}`, port, protocol: "TCP", nodePort: 30_000 + port }));
    bench.api.updateService("web", { spec: { ports } });
    await bench.until(() => bench.condition("web", "accepted") === "False LimitExceeded", "refused");
    expect(bench.message("web", "accepted")).toBe(
      `spec.ports: 2 ports, but class ${tenants} allows 1 for each Service; remove some`,
    );
    expect(bench.addresses("web")).toEqual(["192.0.2.1"]);
    await running.stop();
  });
});
