// Reads `iptables-save -t nat` as an admin would: from the NodePort or the ClusterIP of a Service along the jumps to
// the pods. Pure; it knows nothing of what the agent meant to write.

/** One `-A` line. */
export interface Rule {
  readonly chain: string;
  readonly target: string;
  readonly line: string;
}

export function parseRules(save: string): readonly Rule[] {
  return save.split("\n").flatMap((line) => {
    const chain = /^-A (\S+)/.exec(line)?.[1];
    return chain === undefined ? [] : [{ chain, target: / -j (\S+)/.exec(line)?.[1] ?? "", line }];
  });
}

/** The entry of a Service into the nat table: its NodePort or its ClusterIP, on one port and protocol. */
export interface Entry {
  readonly chain: "KUBE-NODEPORTS" | "KUBE-SERVICES";
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
  /** The ClusterIP; undefined for a NodePort. */
  readonly address?: string;
}

function entryRules(rules: readonly Rule[], { chain, protocol, port, address }: Entry): readonly Rule[] {
  const matches = [
    ` -p ${protocol.toLowerCase()} `,
    ` --dport ${port} `,
    ...(address === undefined ? [] : [` -d ${address}/`]),
  ];
  return rules.filter((rule) => rule.chain === chain && matches.every((match) => rule.line.includes(match)));
}

/** Every `address:port` that a packet may be sent to from this entry, sorted. */
export function destinations(rules: readonly Rule[], entry: Entry): readonly string[] {
  const found = new Set<string>();
  const seen = new Set<string>();
  const queue = entryRules(rules, entry).map(({ target }) => target);
  for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
    if (seen.has(chain)) continue;
    seen.add(chain);
    for (const rule of rules.filter((candidate) => candidate.chain === chain)) {
      const to = / --to-destination (\S+)/.exec(rule.line)?.[1];
      if (to === undefined) queue.push(rule.target);
      else found.add(to);
    }
  }
  return [...found].toSorted();
}

/** The rules of one Service in the order in which a packet from outside meets them, each with what it does. */
export function explain(rules: readonly Rule[], entry: Entry): readonly { line: string; comment: string }[] {
  const told: { line: string; comment: string }[] = [];
  const seen = new Set<string>();
  function follow(chain: string): void {
    if (seen.has(chain)) return;
    seen.add(chain);
    const own = rules.filter((rule) => rule.chain === chain);
    for (const rule of own) told.push({ line: rule.line, comment: meaning(rule) });
    for (const rule of own) follow(rule.target);
  }
  for (const rule of entryRules(rules, entry)) {
    told.push({ line: rule.line, comment: meaning(rule) });
    follow(rule.target);
  }
  return told;
}

function meaning({ chain, target, line }: Rule): string {
  const to = / --to-destination (\S+)/.exec(line)?.[1];
  if (to !== undefined) return `rewrite the destination to the pod at ${to}`;
  if (chain === "KUBE-MARK-MASQ") return "set the mark that KUBE-POSTROUTING looks for";
  if (target === "KUBE-MARK-MASQ") {
    if (chain.startsWith("KUBE-SEP-")) return "a pod that reaches itself through the Service: hide it behind the node";
    if (chain.startsWith("KUBE-EXT-"))
      return "from outside: hide the client behind the node, so that answers come back";
    return "not from a pod: hide the sender behind the node";
  }
  if (chain === "KUBE-NODEPORTS") return "a packet for the NodePort, on any address of this node";
  if (chain === "KUBE-SERVICES") return "a packet for the ClusterIP";
  const share = / --probability (\S+)/.exec(line)?.[1];
  if (target.startsWith("KUBE-SEP-")) {
    if (line.includes(" --rcheck ")) return "a client that was here before goes to the same pod";
    return share === undefined
      ? "the rest goes to this pod"
      : `${(Number(share) * 100).toFixed(0)} % of what is left goes to this pod`;
  }
  return "go on with the Service's own chain";
}
