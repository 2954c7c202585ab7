import { parseRule, type Rule, type RuleOption } from "../../../kernel/index.ts";
import { cidrContains, parseCidr, parseIp, withPort } from "../../../net/index.ts";
import type { RuleProgram } from "../index.ts";

export interface Packet {
  readonly source: string;
  readonly destination: string;
  readonly port: number;
  readonly protocol?: string;
}

/** Where a new connection may end: `address:port` of endpoints, `ACCEPT` (left alone), `DROP` or `REJECT`. */
export interface Trace {
  readonly to: string;
  readonly masquerade: boolean;
}

/**
 * Sends the first packet of a connection through a program and follows every branch that chance may take: what
 * endpoints it can reach, or what becomes of it. Packets from `nodeAddresses` start on the node.
 */
export function trace(program: RuleProgram, nodeAddresses: readonly string[], packet: Packet): Trace {
  const walker = new Walker(program, nodeAddresses, { protocol: "tcp", ...packet });
  const local = nodeAddresses.includes(packet.source);
  walker.walk("nat", local ? "OUTPUT" : "PREROUTING");
  if (walker.endpoints.size > 0) return { to: [...walker.endpoints].sort().join(", "), masquerade: walker.masquerade };
  const hook = local ? "OUTPUT" : nodeAddresses.includes(packet.destination) ? "INPUT" : "FORWARD";
  // A packet to the node itself passes both, as it leaves and as it arrives.
  const hooks = local && nodeAddresses.includes(packet.destination) ? ["OUTPUT", "INPUT"] : [hook];
  for (const name of hooks) {
    const verdict = walker.walk("filter", name);
    if (verdict === "DROP" || verdict === "REJECT") return { to: verdict, masquerade: walker.masquerade };
  }
  return { to: "ACCEPT", masquerade: walker.masquerade };
}

class Walker {
  readonly endpoints: Set<string> = new Set();
  masquerade = false;
  readonly #program: RuleProgram;
  readonly #nodeAddresses: readonly string[];
  readonly #packet: Required<Packet>;

  constructor(program: RuleProgram, nodeAddresses: readonly string[], packet: Required<Packet>) {
    this.#program = program;
    this.#nodeAddresses = nodeAddresses;
    this.#packet = packet;
  }

  /** The verdict that ends the walk; undefined when the chain lets the packet go on. */
  walk(table: "nat" | "filter", chain: string): string | undefined {
    const program = this.#program.get(table);
    const jumps = program?.jumps.filter(({ from }) => from === chain).map(({ rule }) => rule);
    const rules = program?.chains.get(chain) ?? jumps ?? [];
    for (const text of rules) {
      const rule = parseRule(text);
      if (!this.#matches(rule)) continue;
      const verdict = this.#follow(table, rule);
      // A rule that matches only by chance leaves the others to be tried as well.
      if (verdict !== undefined && !rule.matches.some(({ name }) => name === "statistic")) return verdict;
    }
    return undefined;
  }

  #follow(table: "nat" | "filter", { target }: Rule): string | undefined {
    if (target === undefined) return undefined;
    switch (target.name) {
      case "DNAT":
        this.endpoints.add(target.options[0]?.values[0] ?? "");
        return "DNAT";
      case "KUBE-MARK-MASQ":
        this.masquerade = true;
        return undefined;
      case "ACCEPT":
      case "DROP":
      case "REJECT":
        return target.name;
      default:
        return this.walk(table, target.name);
    }
  }

  #matches({ options, matches }: Rule): boolean {
    return (
      options.every((option) => this.#holds(option.name, option) !== option.negated) &&
      matches.every(({ name, options: own }) =>
        own.every((option) => this.#holds(`${name} ${option.name}`, option) !== option.negated),
      )
    );
  }

  #holds(name: string, { values: [value = ""] }: RuleOption): boolean {
    const { source, destination, port, protocol } = this.#packet;
    switch (name) {
      case "-s":
        return within(source, value);
      case "-d":
        return within(destination, value);
      case "-p":
        return value === protocol;
      case "tcp --dport":
      case "udp --dport":
      case "sctp --dport":
        return value === `${port}`;
      case "addrtype --dst-type":
        return this.#nodeAddresses.includes(destination);
      case "addrtype --src-type":
        return this.#nodeAddresses.includes(source);
      case "conntrack --ctstate":
        return value.split(",").includes("NEW");
      case "comment --comment":
      case "statistic --mode":
      case "statistic --probability":
      case "recent --name":
      case "recent --set":
        return true;
      case "mark --mark":
      case "recent --rcheck":
      case "recent --seconds":
      case "recent --reap":
        // Only for packets that came by before.
        return false;
      default:
        throw new Error(`unknown match ${name} of a packet to ${withPort(destination, port)}`);
    }
  }
}

function within(address: string, prefix: string): boolean {
  const ip = parseIp(address);
  const cidr = parseCidr(prefix.includes("/") ? prefix : `${prefix}/${ip?.family === "IPv4" ? 32 : 128}`);
  return cidr !== undefined && ip !== undefined && cidrContains(cidr, ip);
}
