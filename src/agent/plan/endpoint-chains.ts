import { endpointName, type ProxiedPort, type ServiceEndpoint } from "../../model/index.ts";
import { type ChainNames, endpointChain } from "./names.ts";
import type { PlanConfig } from "./plan-config.ts";
import { layer4, rule } from "./rule-text.ts";

/** An endpoint with the chain that leads to it. */
export interface EndpointTarget {
  readonly address: string;
  /** `address:port`. */
  readonly name: string;
  readonly chain: string;
}

export function endpointTarget(port: ProxiedPort, endpoint: ServiceEndpoint, names: ChainNames): EndpointTarget {
  const name = endpointName(endpoint);
  return { address: endpoint.address, name, chain: endpointChain(port, name, names) };
}

/** Known clients to their endpoint, the others evenly: the i-th of n rules takes 1/(n-i) of what reaches it. */
export function balance(port: ProxiedPort, targets: readonly EndpointTarget[], config: PlanConfig): string[] {
  const comment = ({ name }: EndpointTarget): string => commentOf(`${port.name} -> ${name}`, config);
  const spread = targets.map((target, i) => rule(comment(target), ...share(targets.length - i), "-j", target.chain));
  if (port.affinitySeconds === undefined) return spread;
  const known = targets.map((target) => {
    const recent = `-m recent --name ${target.chain} --rcheck --seconds ${port.affinitySeconds} --reap`;
    return rule(comment(target), recent, "-j", target.chain);
  });
  return [...known, ...spread];
}

function share(left: number): string[] {
  return left === 1 ? [] : [`-m statistic --mode random --probability ${(1 / left).toFixed(10)}`];
}

/** The chain of one endpoint: where packets get its address. */
export function toEndpoint(port: ProxiedPort, target: EndpointTarget, config: PlanConfig): string[] {
  const comment = commentOf(port.name, config);
  const remember = port.affinitySeconds === undefined ? [] : [`-m recent --name ${target.chain} --set`];
  return [
    // Hairpin: a pod that reaches itself has to see another source than itself.
    rule(comment, "-s", target.address, `-j ${config.chains.markMasq}`),
    rule(comment, ...remember, layer4(port.protocol), "-j DNAT --to-destination", target.name),
  ];
}

/** Rules of endpoints are nearly all rules of a large cluster, and the comment is 40 % of such a rule. */
function commentOf(text: string, { largeCluster }: PlanConfig): string {
  return largeCluster ? "" : text;
}
