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

/** Those of one built-in chain in the order in which kube-proxy leaves them on a fresh host. */
export const natJumps: readonly Jump[] = [
  jump("PREROUTING", "KUBE-SERVICES", "kubernetes service portals"),
  jump("OUTPUT", "KUBE-SERVICES", "kubernetes service portals"),
  jump("POSTROUTING", "KUBE-POSTROUTING", "kubernetes postrouting rules"),
];

/** Health checks come with every packet, not only new ones: kube-proxy's layout, which tools and people expect. */
export const filterJumps: readonly Jump[] = [
  sharedJump("INPUT"),
  jump("INPUT", "KUBE-PROXY-FIREWALL", "kubernetes load balancer firewall", onlyNew),
  jump("INPUT", "KUBE-NODEPORTS", "kubernetes health check service ports"),
  jump("INPUT", "KUBE-EXTERNAL-SERVICES", "kubernetes externally-visible service portals", onlyNew),
  jump("FORWARD", "KUBE-PROXY-FIREWALL", "kubernetes load balancer firewall", onlyNew),
  jump("FORWARD", "KUBE-FORWARD", "kubernetes forwarding rules"),
  jump("FORWARD", "KUBE-SERVICES", "kubernetes service portals", onlyNew),
  jump("FORWARD", "KUBE-EXTERNAL-SERVICES", "kubernetes externally-visible service portals", onlyNew),
  sharedJump("OUTPUT"),
  jump("OUTPUT", "KUBE-PROXY-FIREWALL", "kubernetes load balancer firewall", onlyNew),
  jump("OUTPUT", "KUBE-SERVICES", "kubernetes service portals", onlyNew),
];
