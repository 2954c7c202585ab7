import { type Family, type Ip, parseIp } from "../net/index.ts";

/** The first packet of a new connection. */
export interface Packet {
  readonly source: string;
  readonly destination: string;
  /** In lower case: `tcp`, `udp`, `sctp`. */
  readonly protocol: string;
  /** Destination port. */
  readonly port: number;
  /** Only rules with `--sport` ask for it. */
  readonly sourcePort?: number;
  /** Through which it arrives; without it a packet from one of the node's own addresses starts on the node. */
  readonly interface?: string;
  /** Whether connection tracking finds it invalid, so that it belongs to no connection, instead of new. */
  readonly invalid?: boolean;
}

/** What a trace has to know of the machine. */
export interface TracedNode {
  /** Addresses of its interfaces; loopback need not be among them. The first other one of a family is its main one. */
  readonly addresses: readonly string[];
  /** The interface through which it reaches an address; only rules with `-o` ask. Undefined when that is not known. */
  readonly interfaceTo?: (address: string) => string | undefined;
}

/** A rule with its place in its chain. */
export interface PassedRule {
  readonly table: string;
  readonly chain: string;
  /** From 1, as `iptables -L --line-numbers` counts. */
  readonly number: number;
  /** Everything behind `-A CHAIN`. */
  readonly text: string;
}

/** The packet on one of the ways that it may take, as the next rule sees it. Never changed: ways share what is behind them. */
export interface Flight {
  readonly protocol: string;
  readonly source: Ip;
  readonly sourcePort: number | undefined;
  readonly destination: Ip;
  readonly port: number;
  /** As it was sent, which is what connection tracking remembers. */
  readonly original: { readonly source: Ip; readonly destination: Ip; readonly port: number };
  /** Empty when there is none at this hook, undefined when nobody said. */
  readonly input: string | undefined;
  readonly output: string | undefined;
  readonly mark: number;
  readonly connectionMark: number;
  readonly translated: boolean;
  /** How its source was rewritten. */
  readonly sourceNat: "MASQUERADE" | "SNAT" | undefined;
  /** What connection tracking takes it for; nat is only for what is new. */
  readonly tracking: "NEW" | "UNTRACKED" | "INVALID";
  /** The probability of this way, above 0 and at most 1. */
  readonly share: number;
  /** The rules that matched on it, the last first. */
  readonly passed: Passed | undefined;
}

export interface Passed {
  readonly rule: PassedRule;
  readonly before: Passed | undefined;
}

/** What rules ask that the packet does not say. */
export class World {
  /** Rules that were taken as not matching because nobody can tell what they do. */
  readonly skipped: Set<PassedRule> = new Set();
  readonly skipForeign: boolean;
  readonly known: string | undefined;
  readonly #node: TracedNode;
  readonly #main = new Map<Family, Ip>();
  readonly #local: { readonly IPv4: Set<bigint>; readonly IPv6: Set<bigint> } = {
    IPv4: new Set(),
    IPv6: new Set([1n]),
  };

  /** `known` names the list of xt_recent that the source is on. */
  constructor(node: TracedNode, known: string | undefined, skipForeign: boolean) {
    this.#node = node;
    this.known = known;
    this.skipForeign = skipForeign;
    for (const text of node.addresses) {
      const ip = parseIp(text);
      if (ip === undefined) continue;
      if (!this.isLocal(ip) && !this.#main.has(ip.family)) this.#main.set(ip.family, ip);
      this.#local[ip.family].add(ip.value);
    }
  }

  /** Whether the kernel's local routing table has it; all of 127.0.0.0/8 is in there. */
  isLocal({ family, value }: Ip): boolean {
    return (family === "IPv4" && value >> 24n === 127n) || this.#local[family].has(value);
  }

  /** The node's main address of a family: its first that is not loopback. */
  mainAddress(family: Family): Ip | undefined {
    return this.#main.get(family);
  }

  interfaceTo(ip: Ip, text: string): string | undefined {
    return this.isLocal(ip) ? "lo" : this.#node.interfaceTo?.(text);
  }
}
