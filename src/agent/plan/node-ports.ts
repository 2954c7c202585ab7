import type { Frontend, ProxiedPort } from "../../model/index.ts";
import type { Family } from "../../net/index.ts";
import { accountingNames, type PlanConfig } from "./plan-config.ts";
import { destination, layer4, rule } from "./rule-text.ts";

/** The rules that close `KUBE-SERVICES`: what is for the node itself may be for a NodePort. */
export function nodePortJumps(family: Family, config: PlanConfig): string[] {
  const comment = "kubernetes service nodeports; NOTE: this must be the last rule in this chain";
  if (config.nodePortAddresses !== undefined)
    return config.nodePortAddresses.map((address) => rule(comment, `-d ${address} -j KUBE-NODEPORTS`));
  const local = "-m addrtype --dst-type LOCAL";
  const loopback = loopbackMatch(family, config);
  return [rule(comment, local, ...(loopback === undefined ? [] : [`! -d ${loopback}`]), "-j KUBE-NODEPORTS")];
}

/** Loopback, unless NodePorts answer there; on IPv6 they never can, the kernel has no `route_localnet` for it. */
function loopbackMatch(family: Family, { localhostNodePorts }: PlanConfig): string | undefined {
  if (family === "IPv6") return "::1/128";
  return localhostNodePorts ? undefined : "127.0.0.0/8";
}

/** Rows of `KUBE-NODEPORTS` for one NodePort: what came by loopback is counted apart, to find who still needs it. */
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
