import { type BalancerConfig, type BalancerPort, textHash } from "./config.ts";
import { slotOwners } from "./slots.ts";

/** The table that holds everything a balancer writes. */
export const table = { family: "inet", name: "berth-balancer" } as const;

/** An nft transaction that puts the rules in place of whatever was in the table before. */
export interface Ruleset {
  readonly text: string;
  /** Names the content; the rules carry it, for `readHash`. */
  readonly hash: string;
}

/** The chain that only says which rules are in the table. */
export const hashChain = "hash";

/** Finds the hash in the listing of `hashChain`. */
export function readHash(listing: string): string | undefined {
  return /comment "([0-9a-f]+)"/.exec(listing)?.[1];
}

interface Chain {
  readonly name: string;
  readonly hook: string;
  readonly rules: readonly string[];
}

/** The rules of a configuration while the targets of these names are healthy. */
export function ruleset(config: BalancerConfig, healthy: ReadonlySet<string>): Ruleset {
  const families = [v4, v6]
    .map((family) => familyView(config, healthy, family))
    .filter(({ addresses }) => addresses.length > 0);
  const chains: readonly Chain[] = [
    {
      name: "admission",
      hook: "filter hook prerouting priority mangle",
      rules: families.flatMap(admissionRules),
    },
    { name: "balance", hook: "nat hook prerouting priority dstnat", rules: families.flatMap(balanceRules) },
    {
      // Answers have to come back this way, and two clients of one port must not clash.
      name: "return-path",
      hook: "nat hook postrouting priority srcnat",
      rules: ["ct status dnat masquerade fully-random"],
    },
    {
      // What no rule above sent on: a port that is not served, or no target that could take it.
      name: "refuse",
      hook: "filter hook input priority filter",
      rules: families.flatMap(refuseRules),
    },
    {
      // Clients and nodes may share a link, and would be told to talk to each other directly.
      name: "quiet",
      hook: "filter hook output priority filter",
      rules: ["icmp type redirect drop", "icmpv6 type nd-redirect drop"],
    },
  ];
  const hash = textHash(JSON.stringify(chains));
  return { hash, text: transaction(chains, hash) };
}

/**
 * The chains stay and only their rules are exchanged. Were the table deleted and made again, a packet could meet the
 * new chain before the commit and the old one after it, and so no rule at all.
 */
function transaction(chains: readonly Chain[], hash: string): string {
  const name = `table ${table.family} ${table.name}`;
  return [
    `${name} {`,
    ...chains.map((chain) => `\tchain ${chain.name} { type ${chain.hook}; policy accept; }`),
    "}",
    `flush ${name}`,
    `${name} {`,
    ...chains.flatMap((chain) => block(chain.name, chain.rules)),
    ...block(hashChain, [`return comment "${hash}"`]),
    "}",
    "",
  ].join("\n");
}

function block(chain: string, rules: readonly string[]): readonly string[] {
  return [`\tchain ${chain} {`, ...rules.map((rule) => `\t\t${rule}`), "\t}"];
}

interface FamilyWords {
  readonly ip: "ip" | "ip6";
  readonly owns: (address: string) => boolean;
}

const v4: FamilyWords = { ip: "ip", owns: (address) => !address.includes(":") };
const v6: FamilyWords = { ip: "ip6", owns: (address) => address.includes(":") };

/** A configuration as one address family sees it. */
interface FamilyView {
  readonly ip: "ip" | "ip6";
  readonly addresses: readonly string[];
  readonly ports: readonly BalancerPort[];
  readonly targets: readonly { readonly name: string; readonly address: string }[];
  /** Undefined when everybody may connect. */
  readonly sourceRanges: readonly string[] | undefined;
  readonly affinity: BalancerConfig["sessionAffinity"];
}

function familyView(config: BalancerConfig, healthy: ReadonlySet<string>, { ip, owns }: FamilyWords): FamilyView {
  return {
    ip,
    addresses: config.addresses.filter(owns).sort(),
    ports: config.ports.toSorted((a, b) => a.port - b.port),
    targets: config.targets
      .flatMap(({ name, addresses }) => {
        const address = healthy.has(name) ? addresses.find(owns) : undefined;
        return address === undefined ? [] : { name, address };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    sourceRanges: config.sourceRanges.length === 0 ? undefined : config.sourceRanges.filter(owns).sort(),
    affinity: config.sessionAffinity,
  };
}

function admissionRules({ ip, addresses, sourceRanges }: FamilyView): readonly string[] {
  const here = `${ip} daddr ${set(addresses)}`;
  // Not translated back, it would reach our own TCP, which would reset the connection (kubernetes/kubernetes#74839).
  const lost = `ct state invalid ${here} meta l4proto tcp drop`;
  if (sourceRanges === undefined) return [lost];
  const strangers = sourceRanges.length === 0 ? "" : ` ${ip} saddr != ${set(sourceRanges)}`;
  return [lost, `ct state new ${here} meta l4proto { tcp, udp }${strangers} drop`];
}

function balanceRules(view: FamilyView): readonly string[] {
  const { ip, addresses, ports, targets } = view;
  if (targets.length === 0) return [];
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const served = ports.filter((port) => port.protocol.toLowerCase() === protocol);
    if (served.length === 0) return [];
    const nodePorts = served.map(({ port, nodePort }) => `${port} : ${nodePort}`);
    return [
      `${ip} daddr ${set(addresses)} meta l4proto ${protocol} dnat ${ip} to ${choice(view)} : ${protocol} dport map ${set(nodePorts)}`,
    ];
  });
}

/** The expression that picks a target for a new flow. */
function choice({ ip, targets, affinity }: FamilyView): string {
  if (affinity === "None")
    return `numgen random mod ${targets.length} map ${set(numbered(targets.map((t) => t.address)))}`;
  const addressOf = new Map(targets.map(({ name, address }) => [name, address]));
  const owners = slotOwners([...addressOf.keys()]).map((name) => addressOf.get(name) ?? "");
  return `jhash ${ip} saddr mod ${owners.length} seed 0x62657274 map ${set(numbered(owners))}`;
}

function refuseRules({ ip, addresses }: FamilyView): readonly string[] {
  const fresh = `ct state new ${ip} daddr ${set(addresses)}`;
  return [
    `${fresh} meta l4proto tcp reject with tcp reset`,
    `${fresh} meta l4proto udp reject with icmpx type port-unreachable`,
  ];
}

function set(elements: readonly string[]): string {
  return `{ ${elements.join(", ")} }`;
}

function numbered(values: readonly string[]): readonly string[] {
  return values.map((value, index) => `${index} : ${value}`);
}
