import type { Rule, RuleExtension, RuleOption } from "../kernel/index.ts";
import { cidrContains, type Ip, ipEquals, parseCidr, parseIp } from "../net/index.ts";
import type { Flight, World } from "./flight.ts";

/** What nobody can tell about a packet: what it is that is not known, and why it is asked for. */
export interface Unknown {
  readonly unknown: "input interface" | "output interface" | "source port" | "rule";
  readonly why: string;
}

/** Whether a packet meets a condition. */
export type Answer = boolean | Unknown;
export type Condition = (flight: Flight, world: World) => Answer;

/** What a rule asks of a packet: conditions that all have to hold, and the chance that is left when they do. */
export interface Conditions {
  readonly all: readonly Condition[];
  /** 1 unless a rule draws lots. */
  readonly chance: number;
}

/** Reads the conditions of a rule. One that is not known answers so when asked: it matters only when the others hold. */
export function conditionsOf({ options, matches }: Rule): Conditions {
  const all = options.map((option) => negatable(option, basic(option)));
  let chance = 1;
  for (const match of matches) {
    if (match.name === "statistic") {
      const share = chanceOf(match);
      if (share === undefined) all.push(unknown(match));
      else chance *= share;
    } else {
      all.push(...matchConditions(match));
    }
  }
  return { all, chance };
}

function negatable({ negated }: RuleOption, condition: Condition): Condition {
  if (!negated) return condition;
  return (flight, world) => {
    const answer = condition(flight, world);
    return typeof answer === "boolean" ? !answer : answer;
  };
}

function unknown({ name }: { readonly name: string }): Condition {
  const answer = unknownRule(`what ${JSON.stringify(name)} matches is not known`);
  return () => answer;
}

function unknownRule(why: string): Unknown {
  return { unknown: "rule", why };
}

const always: Condition = () => true;

function basic(option: RuleOption): Condition {
  const [value = ""] = option.values;
  switch (option.name) {
    case "-s":
      return within(value, ({ source }) => source) ?? unknown(option);
    case "-d":
      return within(value, ({ destination }) => destination) ?? unknown(option);
    case "-p":
      return protocolIs(value);
    case "-i":
      return onInterface(value, ({ input }) => input, noInput);
    case "-o":
      return onInterface(value, ({ output }) => output, noOutput);
    case "-f":
      return () => false;
    default:
      return unknown(option);
  }
}

function within(text: string, address: (flight: Flight) => Ip): Condition | undefined {
  const cidr = parseCidr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  return cidr && ((flight) => cidrContains(cidr, address(flight)));
}

const protocolNumbers: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "132": "sctp" };

function protocolIs(value: string): Condition {
  const wanted = protocolNumbers[value] ?? value;
  return wanted === "all" || wanted === "0" ? always : ({ protocol }) => protocol === wanted;
}

const noInput: Unknown = {
  unknown: "input interface",
  why: "the interface through which the packet arrives is not known",
};
const noOutput: Unknown = {
  unknown: "output interface",
  why: "the interface through which the packet leaves is not known",
};
const noSourcePort: Unknown = { unknown: "source port", why: "the packet's source port is not known" };

function onInterface(name: string, of: (flight: Flight) => string | undefined, unknownThere: Unknown): Condition {
  const wildcard = name.endsWith("+");
  const wanted = wildcard ? name.slice(0, -1) : name;
  return (flight) => {
    const actual = of(flight);
    if (actual === undefined) return unknownThere;
    return wildcard ? actual.startsWith(wanted) : actual === wanted;
  };
}

/** The share of packets that a `-m statistic` lets pass, in the kernel's resolution of 2^-31. */
function chanceOf({ options }: RuleExtension): number | undefined {
  const probability = options.find(({ name }) => name === "--probability");
  const every = options.find(({ name }) => name === "--every");
  const share =
    probability !== undefined
      ? Math.round(Number(probability.values[0]) * 2 ** 31) / 2 ** 31
      : 1 / Number(every?.values[0]);
  if (!(share >= 0 && share <= 1)) return undefined;
  return (probability ?? every)?.negated ? 1 - share : share;
}

function matchConditions(match: RuleExtension): Condition[] {
  switch (match.name) {
    case "comment":
    case "nfacct":
      return [];
    case "recent":
      return [recent(match)];
    default:
      return match.options.map((option) => negatable(option, matchOption(match, option)));
  }
}

function matchOption(match: RuleExtension, option: RuleOption): Condition {
  const [value = "", second = ""] = option.values;
  switch (`${match.name} ${option.name}`) {
    case "tcp --dport":
    case "udp --dport":
    case "sctp --dport":
    case "multiport --dports":
      return ports(value, ({ port }) => [port]);
    case "tcp --sport":
    case "udp --sport":
    case "sctp --sport":
    case "multiport --sports":
      return ports(value, ({ sourcePort }) => [sourcePort]);
    case "multiport --ports":
      return ports(value, ({ port, sourcePort }) => [port, sourcePort]);
    case "tcp --syn":
      return always;
    case "tcp --tcp-flags":
      // Of all flags the first packet of a connection has SYN alone.
      return () => second === (value.split(",").includes("SYN") || value === "ALL" ? "SYN" : "NONE");
    case "addrtype --src-type":
      return addressType(value, ({ source }) => source);
    case "addrtype --dst-type":
      return addressType(value, ({ destination }) => destination);
    case "mark --mark":
      return markIs(value, ({ mark }) => mark);
    case "connmark --mark":
      return markIs(value, ({ connectionMark }) => connectionMark);
    case "conntrack --ctstate":
    case "state --state": {
      const states = value.split(",");
      return (flight) => states.some((state) => inState(flight, state));
    }
    case "conntrack --ctorigsrc":
      return within(value, ({ original }) => original.source) ?? unknown(match);
    case "conntrack --ctorigdst":
      return within(value, ({ original }) => original.destination) ?? unknown(match);
    case "conntrack --ctorigdstport":
      return ports(value, ({ original }) => [original.port]);
    case "conntrack --ctdir":
      return () => value === "ORIGINAL";
    case "conntrack --ctproto":
      return protocolIs(value);
    case "iprange --src-range":
      return between(value, ({ source }) => source) ?? unknown(match);
    case "iprange --dst-range":
      return between(value, ({ destination }) => destination) ?? unknown(match);
    default:
      return unknown(match);
  }
}

function ports(text: string, of: (flight: Flight) => readonly (number | undefined)[]): Condition {
  const ranges = text.split(",").map((range) => {
    const [first = "", last = first] = range.split(":");
    return { first: Number(first || 0), last: Number(last || 65_535) };
  });
  if (ranges.some(({ first, last }) => Number.isNaN(first) || Number.isNaN(last))) return unknown({ name: text });
  return (flight) => {
    const actual = of(flight);
    const hit = actual.some((port) =>
      ranges.some(({ first, last }) => port !== undefined && first <= port && port <= last),
    );
    return hit || !actual.includes(undefined) ? hit : noSourcePort;
  };
}

function between(text: string, of: (flight: Flight) => Ip): Condition | undefined {
  const [first, last] = text.split("-").map(parseIp);
  if (first === undefined || last === undefined) return undefined;
  return (flight) => {
    const { family, value } = of(flight);
    return family === first.family && first.value <= value && value <= last.value;
  };
}

function addressType(text: string, of: (flight: Flight) => Ip): Condition {
  const wanted = text.split(",");
  // Which addresses are unreachable, black holes or anycast stands in routing tables that nobody has here.
  const rest = wanted.filter((type) => !["LOCAL", "UNICAST", "MULTICAST", "BROADCAST"].includes(type));
  return (flight, world) =>
    wanted.includes(typeOf(of(flight), world)) ||
    (rest.length > 0 && unknownRule(`which addresses are ${rest.join()} is not known`));
}

function typeOf(ip: Ip, world: World): string {
  if (world.isLocal(ip)) return "LOCAL";
  if (ip.family === "IPv6") return ip.value >> 120n === 0xffn ? "MULTICAST" : "UNICAST";
  if (ip.value >> 28n === 0xen) return "MULTICAST";
  return ip.value === 0xffff_ffffn ? "BROADCAST" : "UNICAST";
}

function markIs(text: string, of: (flight: Flight) => number): Condition {
  const [value = 0, mask = 0xffff_ffff] = text.split("/").map(Number);
  return (flight) => (of(flight) & mask) >>> 0 === value;
}

function inState({ tracking, translated, source, original }: Flight, state: string): boolean {
  switch (state) {
    case "DNAT":
      return translated;
    case "SNAT":
      // Connection tracking sees none when the source is what it was.
      return !ipEquals(source, original.source);
    default:
      return state === tracking;
  }
}

/** Whether the source is on the list. It was put there just now, so that no time limit counts. */
function recent({ options }: RuleExtension): Condition {
  const list = options.find(({ name }) => name === "--name")?.values[0] ?? "DEFAULT";
  const asks = options.find(({ name }) => ["--rcheck", "--update", "--remove"].includes(name));
  if (asks === undefined) return always;
  const hits = options.some(({ name }) => name === "--hitcount");
  return negatable(asks, (_flight, { known }) => {
    if (known !== list) return false;
    return hits ? unknownRule(`how often the source was seen by list ${list} is not known`) : true;
  });
}
