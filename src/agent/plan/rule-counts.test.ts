import { describe, expect, it } from "vitest";
import { type ProxiedService, proxiedService } from "../../model/index.ts";
import { port, service, slice } from "../../model/testing/objects.ts";
import type { PlanConfig, RuleProgram } from "./index.ts";
import { config, programOf } from "./testing/services.ts";

/** As kube-proxy runs by default, with accounting objects. */
const byDefault: PlanConfig = { ...config, localhostNodePorts: true, accounting: true };

function count(program: RuleProgram, table: "filter" | "nat"): number {
  return [...program.get(table)!.chains.values()].reduce((sum, lines) => sum + lines.length, 0);
}

function services(number: number, endpoints: number, type: "ClusterIP" | "LoadBalancer"): ProxiedService[] {
  const list = Array.from({ length: endpoints }, (_, i) => ({ ip: `172.16.0.${i + 1}` }));
  const slices = [slice("s", [{ name: "8080", port: 8080 }], list)];
  return Array.from({ length: number }, (_, i) => {
    const name = `namespace/svc${i}`;
    const clusterIP = `10.0.0.${i + 1}`;
    const object =
      type === "ClusterIP"
        ? service(name, { clusterIP, ports: [port("8080", 80 + i)] })
        : service(
            name,
            {
              type,
              clusterIP,
              ports: [port("8080", 80 + i, { nodePort: 30_000 + i })],
              externalIPs: ["1.2.3.4"],
              loadBalancerSourceRanges: [" 1.2.3.4/28"],
              healthCheckNodePort: 32_000 + i,
            },
            ["1.2.3.4"],
          );
    return proxiedService(object, slices, { name: "node-a", zone: undefined })!;
  });
}

// kube-proxy's own table: the number of rules must grow with Services and endpoints in a straight line, as its does.
describe.each<["ClusterIP" | "LoadBalancer", [number, number, number, number][]]>([
  [
    "ClusterIP",
    [
      [0, 0, 4, 5],
      [1, 0, 5, 5],
      [1, 1, 4, 10],
      [1, 2, 4, 13],
      [1, 10, 4, 37],
      [10, 0, 14, 5],
      [10, 1, 4, 55],
      [10, 2, 4, 85],
      [10, 10, 4, 325],
    ],
  ],
  [
    "LoadBalancer",
    [
      [0, 0, 4, 5],
      [1, 0, 8, 5],
      [1, 1, 5, 18],
      [1, 2, 5, 21],
      [1, 10, 5, 45],
      [10, 0, 44, 5],
      [10, 1, 14, 135],
      [10, 2, 14, 165],
      [10, 10, 14, 405],
    ],
  ],
])("%s Services", (type, table) => {
  it.each(table)("%i with %i endpoints each: %i filter and %i nat rules", (number, endpoints, filter, nat) => {
    const program = programOf(services(number, endpoints, type), "IPv4", byDefault);
    expect([count(program, "filter"), count(program, "nat")]).toEqual([filter, nat]);
  });
});

it("needs one rule less for each NodePort, and no martian rule, where NodePorts do not answer on loopback", () => {
  const program = programOf(services(10, 2, "LoadBalancer"));
  expect([count(program, "filter"), count(program, "nat")]).toEqual([13, 155]);
});
