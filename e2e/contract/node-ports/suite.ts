import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodePortsAnnotation, type Service, type ServicePort } from "../../../src/api/index.ts";
import type { Target } from "../target.ts";
import { Cluster } from "./cluster.ts";

const http = { name: "http", port: 80, protocol: "TCP", targetPort: "web", appProtocol: "kubernetes.io/h2c" };
const dns = { name: "dns", port: 53, protocol: "TCP", targetPort: 5353 };
const dnsUdp = { name: "dns-udp", port: 53, protocol: "UDP", targetPort: 5353 };

function portsOf(service: Service | undefined): readonly ServicePort[] {
  return service?.spec?.ports ?? [];
}

function numbersOf(service: Service | undefined): readonly (number | undefined)[] {
  return portsOf(service).map(({ nodePort }) => nodePort);
}

function listed(service: Service | undefined): string | undefined {
  return service?.metadata.annotations?.[nodePortsAnnotation];
}

/** How the controller and a target get on about node ports. */
export function checkNodePorts(target: Target): void {
  describe(`on ${target.name} node ports`, () => {
    let cluster: Cluster;

    beforeAll(async () => {
      cluster = await Cluster.start(target);
    });
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
    });

    const ready = async (name: string): Promise<Service | undefined> => {
      await cluster.condition(name, "ready", "True TargetsReady");
      return await cluster.get(name);
    };

    it("are set where the server gives none, beside those that it gives", async () => {
      await using _ = cluster.run({ policy: "Ensure" });
      await cluster.create("lacks", { allocateLoadBalancerNodePorts: false, ports: [http, dns, dnsUdp] });
      await cluster.create("given", { ports: [http] });
      const service = await ready("lacks");
      const [first = 0, second] = numbersOf(service);
      expect(portsOf(service)).toEqual([
        { ...http, nodePort: first },
        { ...dns, nodePort: second },
        { ...dnsUdp, nodePort: second },
      ]);
      expect(first).toBeGreaterThanOrEqual(30_086);
      expect(listed(service)).toBe(`{"53/TCP":${second},"53/UDP":${second},"80/TCP":${first}}`);
      expect(listed(await ready("given"))).toBeUndefined();

      // Made again, it has what it had.
      await cluster.delete("lacks");
      await cluster.create("lacks", { allocateLoadBalancerNodePorts: false, ports: [dns, dnsUdp, http] });
      expect(numbersOf(await ready("lacks"))).toEqual([second, second, first]);
      await cluster.delete("lacks");
      await cluster.delete("given");
    });

    it("move on where another Service was quicker", async () => {
      const asked: number[] = [];
      await using _ = cluster.run({
        policy: "Ensure",
        onAmend: async ([nodePort = 0]) => {
          asked.push(nodePort);
          if (asked.length < 3)
            await cluster.create(`quick-${asked.length}`, { type: "NodePort", ports: [{ ...http, nodePort }] });
        },
      });
      await cluster.create("slow", { allocateLoadBalancerNodePorts: false, ports: [http] });
      const service = await ready("slow");
      expect(new Set(asked).size).toBe(3);
      expect(numbersOf(service)).toEqual([asked[2]]);
      for (const name of ["slow", "quick-1", "quick-2"]) await cluster.delete(name);
    });

    it("go when Ensure is left, those that we set and no others", async () => {
      {
        await using _ = cluster.run({ policy: "Ensure" });
        const ports = [http, dns, { ...dnsUdp, nodePort: 30_001 }];
        await cluster.create("leaves", { allocateLoadBalancerNodePorts: false, ports });
        await ready("leaves");
      }
      const [first, second, third] = portsOf(await cluster.get("leaves"));
      expect(third?.nodePort).toBe(30_001);
      // The server checks that a port is free, and that the one that a user moves away from is again.
      await cluster.patch("leaves", { spec: { ports: [first, { ...second, nodePort: 30_002 }, third] } });
      await using _ = cluster.run({ policy: "Require" });
      await cluster.condition("leaves", "accepted", "False NodePortMissing");
      const service = await cluster.get("leaves");
      expect(portsOf(service)).toEqual([http, { ...dns, nodePort: 30_002 }, { ...dnsUdp, nodePort: 30_001 }]);
      expect(listed(service)).toBeUndefined();
      const { nodePort } = first ?? {};
      await cluster.create("free-again", { type: "NodePort", ports: [{ ...http, nodePort: nodePort ?? 0 }] });
      await cluster.delete("leaves");
      await cluster.delete("free-again");
    });

    it("are the server's own where it gives them itself, which would put them back", async () => {
      {
        await using _ = cluster.run({ policy: "Ensure" });
        await cluster.create("allocates", { allocateLoadBalancerNodePorts: false, ports: [http] });
        await ready("allocates");
        await cluster.patch("allocates", { spec: { allocateLoadBalancerNodePorts: true } });
      }
      const before = await cluster.get("allocates");
      await using _ = cluster.run({ policy: "Require" });
      const after = await cluster.until("allocates", (service) => listed(service) === undefined);
      expect(numbersOf(after)).toEqual(numbersOf(before));
      // So it is: no client can take them away.
      await cluster.patch("allocates", { spec: { ports: [http] } });
      expect(numbersOf(await cluster.get("allocates"))).toEqual(numbersOf(before));
      await cluster.delete("allocates");
    });

    it("go with the type, and the list of them with the finalizer", async () => {
      await using _ = cluster.run({ policy: "Ensure" });
      await cluster.create("changes", { allocateLoadBalancerNodePorts: false, ports: [http] });
      await ready("changes");
      await cluster.patch("changes", { spec: { type: "ClusterIP" } });
      const plain = await cluster.until("changes", (service) => service?.metadata.finalizers === undefined);
      expect([numbersOf(plain), listed(plain)]).toEqual([[undefined], undefined]);
      await cluster.delete("changes");
    });

    it("out of the server's range are explained by the flag", async () => {
      await using _ = cluster.run({ policy: "Ensure", range: { first: 40_000, last: 40_100 } });
      await cluster.create("beyond", { allocateLoadBalancerNodePorts: false, ports: [http] });
      expect(await cluster.condition("beyond", "programmed", "False NodePortOutOfRange")).toMatch(
        /^node port 40\d+ is not within 30000-32767; set --node-port-range to what kube-apiserver has/,
      );
      await cluster.delete("beyond");
    });

    it("say when the band is full", async () => {
      await using _ = cluster.run({ policy: "Ensure", band: { from: 31_000, to: 31_000 } });
      const ports = [http, dns];
      await cluster.create("many", { allocateLoadBalancerNodePorts: false, ports });
      await cluster.condition("many", "programmed", "False NodePortBandExhausted");
      expect(numbersOf(await cluster.get("many"))).toEqual([undefined, undefined]);
      await cluster.delete("many");
    });
  });
}
