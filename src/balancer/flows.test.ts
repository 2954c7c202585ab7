import { expect, it } from "vitest";
import type { UdpFlow } from "../kernel/index.ts";
import type { BalancerConfig } from "./config.ts";
import { staleFlows } from "./flows.ts";

const config: BalancerConfig = {
  addresses: ["10.0.0.5"],
  ports: [
    { protocol: "UDP", port: 53, nodePort: 30_053 },
    { protocol: "TCP", port: 80, nodePort: 30_080 },
  ],
  targets: [
    { name: "a", addresses: ["10.1.0.1"] },
    { name: "b", addresses: ["10.1.0.2"] },
  ],
  healthCheck: { port: 1, path: "/", intervalMs: 1, timeoutMs: 1, unhealthyAfter: 1, healthyAfter: 1 },
  sourceRanges: [],
  sessionAffinity: { kind: "None" },
  drainSeconds: 300,
};

function flow(destination: string, destinationPort: number, replySource: string, replySourcePort: number): UdpFlow {
  return { source: "10.9.9.9", sourcePort: 999, destination, destinationPort, replySource, replySourcePort };
}

it.each<[string, UdpFlow, boolean]>([
  ["to a healthy target", flow("10.0.0.5", 53, "10.1.0.1", 30_053), false],
  ["to an unhealthy target", flow("10.0.0.5", 53, "10.1.0.2", 30_053), true],
  ["to a target that is gone", flow("10.0.0.5", 53, "10.1.0.3", 30_053), true],
  ["to the node port of before", flow("10.0.0.5", 53, "10.1.0.1", 30_054), true],
  ["to a port that is gone", flow("10.0.0.5", 54, "10.1.0.1", 30_053), true],
  ["that was never sent on", flow("10.0.0.5", 53, "10.0.0.5", 53), true],
  ["of somebody else", flow("10.1.0.7", 53, "10.1.0.2", 53), false],
])("a flow %s is stale: %j", (_, one, stale) => {
  expect(staleFlows([one], "UDP", config, new Set(["a"]))).toEqual(stale ? [one] : []);
});

it("compares with the ports of the protocol", () => {
  const flows = [flow("10.0.0.5", 80, "10.1.0.1", 30_080), flow("10.0.0.5", 53, "10.1.0.1", 30_053)];
  expect(staleFlows(flows, "TCP", config, new Set(["a"]))).toEqual(flows.slice(1));
});
