import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { formatPortRange } from "../../../src/net/index.ts";
import type { RuleProtocol } from "../names.ts";
import type { FirewallTraffic, ForwardingRule } from "../resources.ts";

type Ports = Pick<ForwardingRule, "ports" | "portRange" | "allPorts">;

/** As many ports as a rule can list. */
const maxPorts = 5;
const l4 = ["TCP", "UDP"] as const;

/** The rules that the ports need on each address: one per protocol, inside for both protocols one for everything. */
export function rulePorts(
  lb: DesiredLoadBalancer,
  isInternal: boolean,
): readonly { readonly protocol: RuleProtocol; readonly ports: Ports }[] {
  const used = l4
    .map((protocol) => ({ protocol, ports: portsOf(lb, protocol) }))
    .filter(({ ports }) => ports.length > 0);
  if (isInternal && used.length > 1) return [{ protocol: "L3_DEFAULT", ports: { allPorts: true } }];
  return used.map(({ protocol, ports }) => ({ protocol, ports: portFields(ports, isInternal) }));
}

/** Beyond what can be listed more is let through than is wanted; firewalls and agents know the ports exactly. */
function portFields(ports: readonly number[], isInternal: boolean): Ports {
  if (ports.length <= maxPorts) return { ports: ports.map(String) };
  return isInternal ? { allPorts: true } : { portRange: `${ports[0]}-${ports.at(-1)}` };
}

/** Ports that follow each other are one range. */
export function firewallTraffic(lb: DesiredLoadBalancer): readonly FirewallTraffic[] {
  return l4
    .map((protocol) => ({
      IPProtocol: protocol.toLowerCase() as "tcp" | "udp",
      ports: ranges(portsOf(lb, protocol)),
    }))
    .filter(({ ports }) => ports.length > 0);
}

/** The protocol of a backend service for these ports. */
export function backendProtocol({ ports }: DesiredLoadBalancer): "TCP" | "UDP" | "UNSPECIFIED" {
  const isUsed = (wanted: string): boolean => ports.some(({ protocol }) => protocol === wanted);
  if (isUsed("TCP") && isUsed("UDP")) return "UNSPECIFIED";
  return isUsed("UDP") ? "UDP" : "TCP";
}

function portsOf({ ports }: DesiredLoadBalancer, wanted: "TCP" | "UDP"): readonly number[] {
  const found = ports.filter(({ protocol }) => protocol === wanted).map(({ port }) => port);
  return [...new Set(found)].sort((a, b) => a - b);
}

function ranges(ports: readonly number[]): readonly string[] {
  const found: { first: number; last: number }[] = [];
  for (const port of ports) {
    const last = found.at(-1);
    if (last?.last === port - 1) last.last = port;
    else found.push({ first: port, last: port });
  }
  return found.map(formatPortRange);
}
