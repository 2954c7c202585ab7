import { affinityMaps, forgetClients, recall, recalled, remember } from "./affinity.ts";
import { type BalancerConfig, type BalancerPort, textHash } from "./config.ts";

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
  const through = families.flatMap(throughRules);
  const admit = families.flatMap(admitRules);
  const refuse = families.flatMap(refuseRules);
  const lost = families.map(lostRule);
  const hash = textHash(JSON.stringify([balance, through, admit, refuse, lost]));
  const chains: readonly Chain[] = [
    { name: "sanity", hook: "filter hook prerouting priority mangle", rules: lost },
    { name: entryChain, hook: "nat hook prerouting priority dstnat", rules: [jump(entryChain, hash)] },
    { name: throughChain, hook: "filter hook forward priority filter", rules: [...admit, jump(throughChain, hash)] },
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
  const forgets = config.sessionAffinity.kind === "None";
  const rules = { [entryChain]: balance, [throughChain]: through };
  return { hash, transactions: (before) => transactions(chains, { hash, rules, forgets }, before) };
}

const tableName = `${table.family} ${table.name}`;
/** All that is on its way to a target, or back. */
const throughChain = "through";
/** The chains whose rules must not lack for a moment. */
const exchanged = [entryChain, throughChain] as const;

function jump(chain: string, hash: string): string {
  return `jump ${versionOf(chain, hash)}`;
}

function versionOf(chain: string, hash: string): string {
  return `${chain}-${hash}`;
}

/** The rules that change hands, and whether no client needs to be remembered under them. */
interface Next {
  readonly hash: string;
  readonly rules: Readonly<Record<(typeof exchanged)[number], readonly string[]>>;
  readonly forgets: boolean;
}

/**
 * The sets of a rule that is deleted are empty as soon as the commit begins to count, also for a packet that is still
 * among the old rules; it would meet no rule that matches and be refused. So the new rules first come to stand behind
 * the old ones, and only then the old ones go.
 */
function transactions(chains: readonly Chain[], next: Next, before: readonly string[]): readonly string[] {
  const versions = exchanged.map((chain) => ({ name: versionOf(chain, next.hash), rules: next.rules[chain] }));
  const add = [
    `table ${tableName} {`,
    ...affinityMaps.map((map) => `\t${map}`),
    ...chains.map((chain) => `\tchain ${chain.name} { type ${chain.hook}; policy accept; }`),
    ...versions.map(({ name }) => `\tchain ${name} { }`),
    "}",
    ...versions.map(({ name }) => `flush chain ${tableName} ${name}`),
    ...rulesOf(versions),
  ];
  const exchange = [...chains.map((chain) => `flush chain ${tableName} ${chain.name}`), ...rulesOf(chains)];
  const forget = next.forgets ? forgetClients(tableName) : [];
  if (before.length === 0) return [text([...add, ...exchange, ...forget])];
  const behind = exchanged.map((chain) => `add rule ${tableName} ${chain} ${jump(chain, next.hash)}`);
  const remove = before
    .filter((hash) => hash !== next.hash)
    .flatMap((hash) => exchanged.map((chain) => `delete chain ${tableName} ${versionOf(chain, hash)}`));
  return [text([...add, ...behind]), text([...exchange, ...remove, ...forget])];
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
  const { ip, addresses, ports, targets, sourceRanges, affinity } = view;
  if (targets.length === 0 || sourceRanges?.length === 0) return [];
  const fresh = `${ip} daddr ${set(addresses)}`;
  const admitted = sourceRanges === undefined ? fresh : `${fresh} ${ip} saddr ${set(sourceRanges)}`;
  const sent = (["tcp", "udp"] as const).flatMap((protocol) => {
    const served = ports.filter((port) => port.protocol.toLowerCase() === protocol);
    if (served.length === 0) return [];
    const nodePorts = set(served.map(({ port, nodePort }) => `${port} : ${nodePort}`));
    return choices(view).map(
      (choice) => `${admitted} meta l4proto ${protocol} dnat ${ip} to ${choice} : ${protocol} dport map ${nodePorts}`,
    );
  });
  return affinity.kind === "None" ? sent : [`${fresh} ${recall(ip)}`, ...sent];
}

/** The expressions that pick a target for a new flow; the first that fits does. */
function choices({ targets, affinity }: FamilyView): readonly string[] {
  const any = `numgen random mod ${targets.length} map ${set(targets.map(({ address }, i) => `${i} : ${address}`))}`;
  return affinity.kind === "None" ? [any] : [recalled(targets), any];
}

function throughRules({ ip, addresses, targets, affinity }: FamilyView): readonly string[] {
  if (affinity.kind === "None" || targets.length === 0) return [];
  const sent = `ct state new ct original ${ip} daddr ${set(addresses)}`;
  return remember(ip, targets, affinity.timeoutSeconds).map((statement) => `${sent} ${statement}`);
}

/** A UDP flow has no beginning that counts: whoever may not send any more is cut off in the midst of one. */
function admitRules({ ip, addresses, sourceRanges }: FamilyView): readonly string[] {
  if (sourceRanges === undefined) return [];
  const strangers = sourceRanges.length === 0 ? "" : ` ct original ${ip} saddr != ${set(sourceRanges)}`;
  return [`ct original ${ip} daddr ${set(addresses)}${strangers} meta l4proto udp drop`];
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
