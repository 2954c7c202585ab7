import { describe, expect, it } from "vitest";
import type { ServicePort } from "../../api/index.ts";
import { KubeApiError } from "../../kube/index.ts";
import { MemoryProvider } from "../../provider/testing/memory-provider.ts";
import { Bench } from "../testing/bench.ts";

const list = "berth.dev/node-ports";
const http = { name: "http", port: 80, protocol: "TCP", targetPort: "web", appProtocol: "http" };
const dns = { name: "dns", port: 53, protocol: "TCP", targetPort: 5353 };
const dnsUdp = { name: "dns-udp", port: 53, protocol: "UDP", targetPort: 5353 };
const lacking = { allocateLoadBalancerNodePorts: false, ports: [http] };

function portsOf(bench: Bench, name = "web"): readonly ServicePort[] {
  return bench.api.service(name)?.spec?.ports ?? [];
}

function numbersOf(bench: Bench, name = "web"): readonly (number | undefined)[] {
  return portsOf(bench, name).map(({ nodePort }) => nodePort);
}

function listed(bench: Bench, name = "web"): string | undefined {
  return bench.api.service(name)?.metadata.annotations?.[list];
}

/** The API server refuses each node port of which `refusal` says why. */
function refuse(bench: Bench, refusal: (nodePort: number) => string | undefined): readonly number[] {
  const asked: number[] = [];
  bench.api.onWrite = (_, body) => {
    for (const [index, { nodePort = 0 }] of (
      (body as { spec?: { ports?: ServicePort[] } }).spec?.ports ?? []
    ).entries()) {
      asked.push(nodePort);
      const why = refusal(nodePort);
      if (why === undefined) continue;
      const message = `Invalid value: ${nodePort}: ${why}`;
      const causes = [{ reason: "FieldValueInvalid", field: `spec.ports[${index}].nodePort`, message }];
      throw new KubeApiError({ code: 422, reason: "Invalid", message: "is invalid", details: { causes } });
    }
  };
  return asked;
}

const inUse = "provided port is already allocated";

describe("A16: policy Ensure", () => {
  it("sets node ports where the API server gives none, one for two protocols, and loses no field of a port", async () => {
    const bench = new Bench();
    bench.api.createService("web", { ...lacking, ports: [http, dns, dnsUdp] });
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.ready("web");
    const [first, second, third] = numbersOf(bench);
    expect(portsOf(bench)).toEqual([
      { ...http, nodePort: first },
      { ...dns, nodePort: second },
      { ...dnsUdp, nodePort: second },
    ]);
    expect([first, second].every((number = 0) => number >= 30_086 && number <= 32_767)).toBe(true);
    expect(third).toBe(second);
    expect(listed(bench)).toBe(`{"53/TCP":${second},"53/UDP":${second},"80/TCP":${first}}`);
    expect(bench.condition("web", "degraded")).toBe("False NotDegraded");
    await running.stop();

    const writes = bench.api.writes.length;
    const again = bench.start({ nodePorts: "Ensure" });
    await bench.settled();
    expect(bench.api.writes.length).toBe(writes);
    await again.stop();
  });

  it("keeps clear of the node ports and health check ports of other Services", async () => {
    const bench = new Bench();
    const band = { from: 30_000, to: 30_003 };
    bench.api.createService("other", { type: "NodePort", ports: [{ port: 1, protocol: "TCP", nodePort: 30_000 }] });
    bench.api.createService("local", {
      loadBalancerClass: "example.com/x",
      ports: [http],
      healthCheckNodePort: 30_003,
    });
    bench.api.createService("web", { ...lacking, ports: [http, dns] });
    const running = bench.start({ policy: { nodePorts: { policy: "Ensure", band } } });
    await bench.ready("web");
    expect(new Set(numbersOf(bench))).toEqual(new Set([30_001, 30_002]));
    await running.stop();
  });

  it("the class overrides the flag", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    const running = bench.start({ nodePorts: "Ensure", policy: { nodePorts: { policy: "Require" } } });
    await bench.until(() => bench.condition("web", "accepted") === "False NodePortMissing", "refused");
    expect(numbersOf(bench)).toEqual([undefined]);
    await running.stop();
  });

  it("does nothing for a provider that needs none, nor for a Service that is refused for another reason", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    bench.api.createService("bad", { ...lacking, loadBalancerSourceRanges: ["10.0.0.0/99"] });
    const providers = [new MemoryProvider(bench.world, { capabilities: { needsNodePorts: false } })];
    const without = bench.start({ providers, nodePorts: "Ensure" });
    await bench.ready("web");
    await without.stop();
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.until(() => listed(bench) !== undefined, "set");
    expect([numbersOf(bench, "bad"), listed(bench, "bad")]).toEqual([[undefined], undefined]);
    await running.stop();
  });

  it("forgets what others have changed", async () => {
    const bench = new Bench();
    bench.api.createService("web", { ...lacking, ports: [http, dns] });
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.ready("web");
    const [first] = portsOf(bench);
    bench.api.updateService("web", { spec: { ports: [first, { ...dns, nodePort: 30_053 }] } });
    await bench.until(() => listed(bench) === `{"80/TCP":${first?.nodePort}}`, "forgotten");
    expect(numbersOf(bench)).toEqual([first?.nodePort, 30_053]);
    await running.stop();
  });

  it("writes nothing without the lease", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    const running = bench.start({ nodePorts: "Ensure" });
    bench.api.onWrite = () => running.loseLease();
    await bench.until(() => bench.finalizers("web").length > 0, "held");
    await bench.settled();
    expect(bench.api.writes.length).toBe(1);
    expect(numbersOf(bench)).toEqual([undefined]);
    await running.stop();
  });
});

describe("a node port that the API server refuses", () => {
  it("gives way to the next one", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    const taken = new Set<number>();
    const asked = refuse(bench, (number) => (taken.size < 3 && taken.add(number) ? inUse : undefined));
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.ready("web");
    const [first = 0] = asked;
    expect(asked).toEqual([first, first + 1, first + 2, first + 3]);
    expect(numbersOf(bench)).toEqual([first + 3]);
    await running.stop();
  });

  it("is asked for 16 times, then later with those that were not tried", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    const band = { from: 31_000, to: 31_030 };
    const asked = refuse(bench, () => (asked.length <= 20 ? inUse : undefined));
    const running = bench.start({ policy: { nodePorts: { policy: "Ensure", band } } });
    await bench.until(() => bench.condition("web", "programmed") === "False NodePortsInUse", "given up");
    await bench.settled();
    expect(asked.length).toBe(16);
    bench.clock.advance(10_000);
    await bench.ready("web");
    expect(new Set(asked).size).toBe(21);
    await running.stop();
  });

  it("as out of range is explained by the flag, and not tried again at once", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    const asked = refuse(
      bench,
      () => "provided port is not in the valid range. The range of valid ports is 30000-30010",
    );
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.until(() => bench.condition("web", "programmed") === "False NodePortOutOfRange", "explained");
    expect(bench.message("web", "programmed")).toBe(
      `node port ${asked[0]} is not within 30000-30010; set --node-port-range to what kube-apiserver has as --service-node-port-range, and the band within it`,
    );
    bench.clock.advance(200_000);
    await bench.settled();
    expect(asked.length).toBe(1);
    await running.stop();
  });

  it("is not asked for when the band is out of the range, and no harm to who has ports", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    bench.api.createService("has");
    const band = { from: 32_760, to: 32_770 };
    const running = bench.start({ policy: { nodePorts: { policy: "Ensure", band } } });
    await bench.until(() => bench.condition("web", "programmed") === "False NodePortOutOfRange", "explained");
    expect(bench.message("web", "programmed")).toContain("the band 32760-32770 is not within 30000-32767");
    await bench.ready("has");
    await running.stop();
  });

  it("for want of the right names the rule", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    bench.api.onWrite = (_, body) => {
      if ("spec" in body) throw new KubeApiError({ code: 403, reason: "Forbidden", message: "cannot patch services" });
    };
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.until(() => bench.condition("web", "programmed") === "False Forbidden", "explained");
    expect(bench.message("web", "programmed")).toBe(
      "cannot write its node ports: cannot patch services; allow `patch services`, as deploy/rbac/optional/controller-node-ports.yaml does",
    );
    bench.api.onWrite = () => {};
    bench.clock.advance(300_000);
    await bench.ready("web");
    await running.stop();
  });

  it("by admission is explained in its words", async () => {
    const bench = new Bench();
    bench.api.createService("web", lacking);
    bench.api.onWrite = (_, body) => {
      if ("spec" in body) throw new KubeApiError({ code: 422, reason: "Invalid", message: "no node ports on Fridays" });
    };
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.until(() => bench.condition("web", "programmed") === "False Invalid", "explained");
    expect(bench.message("web", "programmed")).toContain("no node ports on Fridays");
    await running.stop();
  });
});

it("a band that is full says so, until another Service goes", async () => {
  const bench = new Bench();
  const band = { from: 31_000, to: 31_000 };
  bench.api.createService("other", { loadBalancerClass: "example.com/x", ports: [{ ...http, nodePort: 31_000 }] });
  bench.api.createService("web", lacking);
  const running = bench.start({ policy: { nodePorts: { policy: "Ensure", band } } });
  await bench.until(() => bench.condition("web", "programmed") === "False NodePortBandExhausted", "full");
  expect(bench.message("web", "programmed")).toContain("every node port of 31000 is in use");
  bench.api.deleteService("other");
  await bench.settled();
  bench.clock.advance(60_000);
  await bench.ready("web");
  expect(numbersOf(bench)).toEqual([31_000]);
  await running.stop();
});

it("a band that the API server has no port of is tried anew, as what it had lost comes back", async () => {
  const bench = new Bench();
  bench.api.createService("web", lacking);
  let lost = true;
  refuse(bench, () => (lost ? inUse : undefined));
  const band = { from: 31_000, to: 31_001 };
  const running = bench.start({ policy: { nodePorts: { policy: "Ensure", band } } });
  await bench.until(() => bench.condition("web", "programmed") === "False NodePortBandExhausted", "full");
  lost = false;
  bench.clock.advance(60_000);
  await bench.ready("web");
  await running.stop();
});

describe("leaving Ensure", () => {
  /** One port that we set, one that we set and a user changed, one that a user set. */
  async function ensured(bench: Bench): Promise<number | undefined> {
    bench.api.createService("web", { ...lacking, ports: [http, dns, { ...dnsUdp, nodePort: 30_001 }] });
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.ready("web");
    await running.stop();
    const [first, second, third] = portsOf(bench);
    bench.api.updateService("web", { spec: { ports: [first, { ...second, nodePort: 30_002 }, third] } });
    return first?.nodePort;
  }

  it("by the policy takes away exactly what is ours and as we set it", async () => {
    const bench = new Bench();
    await ensured(bench);
    const running = bench.start();
    await bench.until(() => bench.condition("web", "accepted") === "False NodePortMissing", "missed");
    expect(portsOf(bench)).toEqual([http, { ...dns, nodePort: 30_002 }, { ...dnsUdp, nodePort: 30_001 }]);
    expect(listed(bench)).toBeUndefined();
    await running.stop();
  });

  it("by a class that is none of ours any more takes them away before the Service is let go", async () => {
    const bench = new Bench();
    await ensured(bench);
    bench.api.updateService("web", { spec: { loadBalancerClass: "example.com/x" }, status: { loadBalancer: null } });
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.until(() => bench.finalizers("web").length === 0, "let go");
    expect(numbersOf(bench)).toEqual([undefined, 30_002, 30_001]);
    expect(listed(bench)).toBeUndefined();
    await running.stop();
  });

  it.each([
    ["another type", { spec: { type: "NodePort", loadBalancerClass: null } }],
    ["allocateLoadBalancerNodePorts", { spec: { allocateLoadBalancerNodePorts: true } }],
  ])("by %s leaves the ports to the API server, which would put them back", async (_, patch) => {
    const bench = new Bench();
    const number = await ensured(bench);
    bench.api.updateService("web", patch);
    const running = bench.start();
    await bench.until(() => listed(bench) === undefined, "not ours any more");
    expect(numbersOf(bench)).toEqual([number, 30_002, 30_001]);
    await running.stop();
  });

  it("by deletion writes nothing for it", async () => {
    const bench = new Bench();
    await ensured(bench);
    bench.api.deleteService("web");
    const writes = bench.api.writes.length;
    const running = bench.start({ nodePorts: "Ensure" });
    await bench.until(() => bench.api.service("web") === undefined, "gone");
    expect(bench.api.writes.slice(writes).length).toBe(1);
    await running.stop();
  });

  it("without the right to it keeps no Service", async () => {
    const bench = new Bench();
    const number = await ensured(bench);
    bench.api.updateService("web", { spec: { loadBalancerClass: "example.com/x" }, status: { loadBalancer: null } });
    bench.api.onWrite = (_, body) => {
      if ("spec" in body) throw new KubeApiError({ code: 403, reason: "Forbidden", message: "cannot patch services" });
    };
    const running = bench.start();
    await bench.until(() => bench.finalizers("web").length === 0, "let go");
    expect(numbersOf(bench)).toEqual([number, 30_002, 30_001]);
    await running.stop();
  });

  it("believes no list that it did not write", async () => {
    const bench = new Bench();
    for (const [name, text] of [
      ["a", "{"],
      ["b", "null"],
      ["c", '{"80/TCP":"30080"}'],
    ])
      bench.api.createService(
        name ?? "",
        { allocateLoadBalancerNodePorts: false },
        { annotations: { [list]: text ?? "" } },
      );
    const running = bench.start();
    for (const name of ["a", "b", "c"]) {
      await bench.ready(name);
      expect([numbersOf(bench, name), listed(bench, name)]).toEqual([[30_080], undefined]);
    }
    await running.stop();
  });
});
