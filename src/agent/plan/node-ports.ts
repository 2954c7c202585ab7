import type { Frontend, ProxiedPort } from "../../model/index.ts";
import type { Family } from "../../net/index.ts";
import { accountingNames, type PlanConfig } from "./plan-config.ts";
import { destination, layer4, rule } from "./rule-text.ts";

/** The rules that close the chain of all Services: what is for the node itself may be for a NodePort. */
export function nodePortJumps(family: Family, config: PlanConfig): string[] {
  const comment = "kubernetes service nodeports; NOTE: this must be the last rule in this chain";
  return nodePortPlaces(family, config).map((place) => rule(comment, place, `-j ${config.chains.nodePorts}`));
}

/** Matches that hold, one or the other, for packets to an address on which NodePorts answer. */
export function nodePortPlaces(family: Family, config: PlanConfig): string[] {
  if (config.nodePortAddresses !== undefined) return config.nodePortAddresses.map((address) => `-d ${address}`);
  const loopback = loopbackMatch(family, config);
  return [`-m addrtype --dst-type LOCAL${loopback === undefined ? "" : ` ! -d ${loopback}`}`];
}

/** Loopback, unless NodePorts answer there; on IPv6 they never can, the kernel has no `route_localnet` for it. */
function loopbackMatch(family: Family, { localhostNodePorts }: PlanConfig): string | undefined {
  if (family === "IPv6") return "::1/128";
  return localhostNodePorts ? undefined : "127.0.0.0/8";
}

/** Rows for one NodePort: what came by loopback is counted apart, to find who still needs it. */
export function nodePortRows(port: ProxiedPort, frontend: Frontend, chain: string, config: PlanConfig): string[] {
  const counted = port.family === "IPv4" && config.localhostNodePorts && config.accounting;
  return [
    ...(counted
      ? [
          rule(
            port.name,
            `${layer4(port.protocol)} -d 127.0.0.0/8 --dport ${frontend.port}`,
            `-m nfacct --nfacct-name ${accountingNames.localhostNodePorts} -j ${chain}`,
          ),
        ]
      : []),
    rule(port.name, destination(port, frontend), `-j ${chain}`),
  ];
}
