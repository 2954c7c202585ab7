import type { ChainNames } from "./names.ts";
import { rule } from "./rule-text.ts";

/** A rule of ours in a built-in chain. */
export interface Jump {
  readonly from: string;
  readonly rule: string;
  /**
   * The chain that it jumps to is kubelet's as well, which may have made both before us: it is created when it is
   * missing, its rules are left alone unless the program has them, and where the jump stands says nothing about where
   * ours belong.
   */
  readonly shared?: true;
}

const onlyNew = ["-m conntrack --ctstate NEW"];

// The order of matches is kube-proxy's: its connection state comes before the comment.
function jump(from: string, to: string, comment: string, match: readonly string[] = []): Jump {
  return { from, rule: [...match, rule(comment, `-j ${to}`)].join(" ") };
}

function sharedJump(from: string): Jump {
  return { from, rule: rule("", "-j KUBE-FIREWALL"), shared: true };
}

/**
 * Whether a canonical rule is the jump of another proxy on this node: it says what a jump of ours says, with a chain of
 * another prefix. Of two proxies one stands below, and neither is in the other's way.
 */
export function isPeerJump(rule: string, ours: ReadonlySet<string>, { prefix }: ChainNames): boolean {
  const [, match = "", peer, chain = ""] = /^(.*-j )([A-Z]+)(-[A-Z-]+)$/.exec(rule) ?? [];
  return peer !== undefined && peer !== prefix && ours.has(`${match}${prefix}${chain}`);
}

/** Those of one built-in chain in the order in which kube-proxy leaves them on a fresh host. */
export function natJumps({ services, postrouting }: ChainNames): readonly Jump[] {
  return [
    jump("PREROUTING", services, "kubernetes service portals"),
    jump("OUTPUT", services, "kubernetes service portals"),
    jump("POSTROUTING", postrouting, "kubernetes postrouting rules"),
  ];
}

/** Health checks come with every packet, not only new ones: kube-proxy's layout, which tools and people expect. */
export function filterJumps(names: ChainNames): readonly Jump[] {
  const { services, nodePorts, externalServices, proxyFirewall, forward } = names;
  return [
    sharedJump("INPUT"),
    jump("INPUT", proxyFirewall, "kubernetes load balancer firewall", onlyNew),
    jump("INPUT", nodePorts, "kubernetes health check service ports"),
    jump("INPUT", externalServices, "kubernetes externally-visible service portals", onlyNew),
    jump("FORWARD", proxyFirewall, "kubernetes load balancer firewall", onlyNew),
    jump("FORWARD", forward, "kubernetes forwarding rules"),
    jump("FORWARD", services, "kubernetes service portals", onlyNew),
    jump("FORWARD", externalServices, "kubernetes externally-visible service portals", onlyNew),
    sharedJump("OUTPUT"),
    jump("OUTPUT", proxyFirewall, "kubernetes load balancer firewall", onlyNew),
    jump("OUTPUT", services, "kubernetes service portals", onlyNew),
  ];
}
