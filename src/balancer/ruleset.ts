import { type BalancerConfig, type BalancerPort, textHash } from "./config.ts";
import { slotOwners } from "./slots.ts";

/** The table that holds everything a balancer writes. */
export const table = { family: "inet", name: "berth-balancer" } as const;

/** The rules of one state of the world. */
export interface Ruleset {
  /** Names the content. */
  readonly hash: string;
  /** The nft transactions that put it in place of the rulesets of these hashes, to be applied one after the other. */
  readonly transactions: (before: readonly string[]) => readonly string[];
}

/** The chain through which all new flows come; it holds jumps to the rulesets in force, normally one. */
export const entryChain = "balance";

/** The hashes of the rulesets that a listing of `entryChain` leads to. */
export function readHashes(listing: string): readonly string[] {
  return [...listing.matchAll(/jump balance-([0-9a-f]+)/g)].map(([, hash = ""]) => hash);
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
  const balance = families.flatMap(balanceRules);
  const refuse = families.flatMap(refuseRules);
  const lost = families.map(lostRule);
  const hash = textHash(JSON.stringify([balance, refuse, lost]));
  const chains: readonly Chain[] = [
    { name: "sanity", hook: "filter hook prerouting priority mangle", rules: lost },
    { name: entryChain, hook: "nat hook prerouting priority dstnat", rules: [`jump ${chainOf(hash)}`] },
    {
      // Answers have to come back this way, and two clients of one port must not clash.
      name: "return-path",
      hook: "nat hook postrouting priority srcnat",
      rules: ["ct status dnat masquerade fully-random"],
    },
    // What no rule above sent on: a port that is not served, no target that could take it, or a stranger.
    { name: "refuse", hook: "filter hook input priority filter", rules: refuse },
    {
      // Clients and nodes may share a link, and would be told to talk to each other directly.
      name: "quiet",
      hook: "filter hook output priority filter",
      rules: ["icmp type redirect drop", "icmpv6 type nd-redirect drop"],
    },
  ];
  return { hash, transactions: (before) => transactions(chains, { hash, balance }, before) };
}

const tableName = `${table.family} ${table.name}`;

function chainOf(hash: string): string {
  return `${entryChain}-${hash}`;
}

/**
 * The sets of a rule that is deleted are empty as soon as the commit begins to count, also for a packet that is still
 * among the old rules; it would meet no rule that matches and be refused. So the new rules first come to stand behind
 * the old ones, and only then the old ones go.
 */
function transactions(
  chains: readonly Chain[],
  next: { readonly hash: string; readonly balance: readonly string[] },
  before: readonly string[],
): readonly string[] {
  const name = chainOf(next.hash);
  const add = [
    `table ${tableName} {`,
    ...chains.map((chain) => `\tchain ${chain.name} { type ${chain.hook}; policy accept; }`),
    `\tchain ${name} { }`,
    "}",
    `flush chain ${tableName} ${name}`,
    ...rulesOf([{ name, rules: next.balance }]),
  ];
  const exchange = [...chains.map((chain) => `flush chain ${tableName} ${chain.name}`), ...rulesOf(chains)];
  if (before.length === 0) return [text([...add, ...exchange])];
  const remove = before
    .filter((hash) => hash !== next.hash)
    .map((hash) => `delete chain ${tableName} ${chainOf(hash)}`);
  return [text([...add, `add rule ${tableName} ${entryChain} jump ${name}`]), text([...exchange, ...remove])];
}

function rulesOf(chains: readonly Pick<Chain, "name" | "rules">[]): readonly string[] {
  const blocks = chains.flatMap(({ name, rules }) => [
    `\tchain ${name} {`,
    ...rules.map((rule) => `\t\t${rule}`),
    "\t}",
  ]);
  return [`table ${tableName} {`, ...blocks, "}"];
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
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

/** Not translated back, it would reach our own TCP, which would reset the connection (kubernetes/kubernetes#74839). */
function lostRule({ ip, addresses }: FamilyView): string {
  return `ct state invalid ${ip} daddr ${set(addresses)} meta l4proto tcp drop`;
}

function balanceRules(view: FamilyView): readonly string[] {
  const { ip, addresses, ports, targets, sourceRanges } = view;
  if (targets.length === 0 || sourceRanges?.length === 0) return [];
  const admitted = sourceRanges === undefined ? "" : ` ${ip} saddr ${set(sourceRanges)}`;
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const served = ports.filter((port) => port.protocol.toLowerCase() === protocol);
    if (served.length === 0) return [];
    const nodePorts = served.map(({ port, nodePort }) => `${port} : ${nodePort}`);
    return [
      `${ip} daddr ${set(addresses)}${admitted} meta l4proto ${protocol} dnat ${ip} to ${choice(view)} : ${protocol} dport map ${set(nodePorts)}`,
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

function refuseRules({ ip, addresses, sourceRanges }: FamilyView): readonly string[] {
  const fresh = `ct state new ${ip} daddr ${set(addresses)}`;
  const strangers =
    sourceRanges === undefined || sourceRanges.length === 0 ? "" : ` ${ip} saddr != ${set(sourceRanges)}`;
  return [
    // Strangers are not told anything.
    ...(sourceRanges === undefined ? [] : [`${fresh}${strangers} meta l4proto { tcp, udp } drop`]),
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
