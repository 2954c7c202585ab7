import type { UdpFlow } from "../kernel/index.ts";
import type { BalancerConfig, BalancerPort } from "./config.ts";

/**
 * Flows of a protocol through the balancer that lead where a new one would not be sent any more. The kernel keeps a
 * flow on its target for as long as the client goes on sending, whatever the rules say.
 */
export function staleFlows(
  flows: readonly UdpFlow[],
  protocol: BalancerPort["protocol"],
  config: BalancerConfig,
  healthy: ReadonlySet<string>,
): readonly UdpFlow[] {
  const ports = config.ports.filter((port) => port.protocol === protocol);
  const nodePorts = new Map(ports.map(({ port, nodePort }) => [port, nodePort]));
  const alive = new Set(config.targets.filter(({ name }) => healthy.has(name)).flatMap(({ addresses }) => addresses));
  return flows.filter(
    (flow) =>
      config.addresses.includes(flow.destination) &&
      !(alive.has(flow.replySource) && nodePorts.get(flow.destinationPort) === flow.replySourcePort),
  );
}
