import type { Family } from "../../net/index.ts";
import { accountingNames, type PlanConfig } from "./plan-config.ts";
import { rule } from "./rule-text.ts";

/** Chains that no Service changes, by `table chain`. */
export function staticChains(family: Family, config: PlanConfig): ReadonlyMap<string, readonly string[]> {
  const mark = masqueradeMark(config);
  const { postrouting: last, markMasq, canary, forward: forwarding } = config.chains;
  return new Map([
    [`nat ${last}`, postrouting(mark, config)],
    [`nat ${markMasq}`, [rule("", `-j MARK --or-mark ${mark}`)]],
    [`nat ${canary}`, []],
    [`filter ${forwarding}`, forward(mark, config)],
    [`filter ${canary}`, []],
    [`mangle ${canary}`, []],
    // Shared with kubelet, which knows it by this name only.
    ...(family === "IPv4" && config.localhostNodePorts ? [["filter KUBE-FIREWALL", martians] as const] : []),
  ]);
}

function masqueradeMark({ masqueradeBit }: PlanConfig): string {
  return `0x${(2 ** masqueradeBit).toString(16)}`;
}

function postrouting(mark: string, { randomFully }: PlanConfig): string[] {
  return [
    rule("", `-m mark ! --mark ${mark}/${mark} -j RETURN`),
    // Cleared at once: the packet may come by again in another network namespace.
    rule("", `-j MARK --xor-mark ${mark}`),
    rule("kubernetes service traffic requiring SNAT", "-j MASQUERADE", ...(randomFully ? ["--random-fully"] : [])),
  ];
}

function forward(mark: string, { dropInvalid, accounting }: PlanConfig): string[] {
  const counted = accounting ? [`-m nfacct --nfacct-name ${accountingNames.invalidDropped}`] : [];
  return [
    ...(dropInvalid ? [rule("", "-m conntrack --ctstate INVALID", ...counted, "-j DROP")] : []),
    rule("kubernetes forwarding rules", `-m mark --mark ${mark}/${mark} -j ACCEPT`),
    rule("kubernetes forwarding conntrack rule", "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"),
  ];
}

/**
 * With `route_localnet` the kernel would let neighbours reach what listens on loopback only (CVE-2020-8558). kubelet
 * writes the very same rule: both may write it, and the one who comes second finds nothing to do.
 */
const martians = [
  rule(
    "block incoming localnet connections",
    "-d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
  ),
];
