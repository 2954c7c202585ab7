import { formatIp, type Ip, parseIp, withPort } from "../net/index.ts";
import type { CompiledRules } from "./compile.ts";
import { type Flight, type Packet, type PassedRule, type TracedNode, World } from "./flight.ts";
import type { Verdict } from "./targets.ts";
import { TraceError, Walker } from "./walk.ts";

export interface TraceOptions {
  /** The xt_recent list (for session affinity the endpoint's chain) on which the source stands; by default it is unknown. */
  readonly known?: string;
  /** Take foreign rules that nobody can evaluate as not matching, and list them, instead of throwing. */
  readonly skipForeign?: boolean;
}

/** What becomes of the packet on one of its ways. */
export interface Outcome {
  /** Probability, 0-1; all outcomes of a trace sum up to 1. */
  readonly share: number;
  readonly verdict: Verdict;
  /** The rule that dropped or refused it; undefined when it got through, and for the policy of `policyOf`. */
  readonly decidedBy: PassedRule | undefined;
  /** `table chain` whose policy dropped it. */
  readonly policyOf: string | undefined;
  /** `address:port` to which it goes at last. */
  readonly destination: string;
  /** Whether that is another than it was sent to. */
  readonly translated: boolean;
  /** Whether the receiver sees another source than the sender; `source` is that of SNAT, MASQUERADE takes one of the node. */
  readonly masquerade: boolean;
  readonly source: string | undefined;
  /** The packet's mark at the end. */
  readonly mark: number;
  /** All that matched, in the order in which the packet met them. */
  readonly rules: readonly PassedRule[];
}

export interface TracedEndpoint {
  /** `address:port`. */
  readonly endpoint: string;
  readonly share: number;
  /** Whether it sees another source than the sender on any way. */
  readonly masquerade: boolean;
}

export interface Trace {
  /** Where translated packets that got through end, sorted by name. */
  readonly endpoints: readonly TracedEndpoint[];
  /** One for each way, the likeliest first. */
  readonly outcomes: readonly Outcome[];
  /** Foreign rules that nobody could evaluate, taken as not matching. */
  readonly skipped: readonly PassedRule[];
}

/**
 * Sends the first packet of a connection through the rules as netfilter does, along every way that chance leaves
 * open. Throws TraceError when the packet is no packet or a rule cannot be evaluated.
 */
export function trace(rules: CompiledRules, node: TracedNode, packet: Packet, options: TraceOptions = {}): Trace {
  const world = new World(node, options.known, options.skipForeign === true);
  const journey = new Journey(rules, world);
  const start = takeOff(packet);
  const outcomes = journey.run(start, packet.interface === undefined && world.isLocal(start.source));
  return { endpoints: endpointsOf(outcomes), outcomes, skipped: [...world.skipped] };
}

function takeOff({
  source,
  destination,
  protocol,
  port,
  sourcePort,
  interface: input,
  invalid = false,
}: Packet): Flight {
  const [from, to] = [parseIp(source), parseIp(destination)];
  if (from === undefined || to === undefined || from.family !== to.family)
    throw new TraceError(`a packet from ${JSON.stringify(source)} to ${JSON.stringify(destination)} does not exist`);
  return {
    protocol,
    source: from,
    sourcePort,
    destination: to,
    port,
    original: { source: from, destination: to, port },
    input,
    output: undefined,
    mark: 0,
    connectionMark: 0,
    translated: false,
    sourceNat: undefined,
    tracking: invalid ? "INVALID" : "NEW",
    share: 1,
    passed: undefined,
  };
}

/** One packet on its way through the hooks. */
class Journey {
  readonly #rules: CompiledRules;
  readonly #world: World;
  readonly #outcomes: Outcome[] = [];

  constructor(rules: CompiledRules, world: World) {
    this.#rules = rules;
    this.#world = world;
  }

  run(start: Flight, fromHere: boolean): readonly Outcome[] {
    const out = fromHere
      ? this.#pass("OUTPUT", ["raw", "mangle", "nat", "filter", "security"], [this.#leaving({ ...start, input: "" })])
      : this.#pass("PREROUTING", ["raw", "mangle", "nat"], [{ ...start, output: "" }]);
    const isLocal = ({ destination }: Flight): boolean => this.#world.isLocal(destination);
    const [near, far] = [out.filter(isLocal), out.filter((flight) => !isLocal(flight))];
    this.#finish(fromHere ? this.#throughLoopback(near) : this.#in(near, ["mangle", "filter", "security", "nat"]));
    const leaving = far.map((flight) => this.#leaving(flight));
    this.#finish(this.#post(fromHere ? leaving : this.#pass("FORWARD", ["mangle", "filter", "security"], leaving)));
    return this.#outcomes.sort((a, b) => b.share - a.share);
  }

  #leaving(flight: Flight): Flight {
    return { ...flight, output: this.#world.interfaceTo(flight.destination, formatIp(flight.destination)) };
  }

  #post(flights: readonly Flight[]): Flight[] {
    // There is no input interface at this hook.
    const leaving = flights.map((flight) => ({ ...flight, input: "" }));
    return this.#pass("POSTROUTING", ["mangle", "nat"], leaving);
  }

  #in(flights: readonly Flight[], tables: readonly string[]): Flight[] {
    return this.#pass(
      "INPUT",
      tables,
      flights.map((flight) => ({ ...flight, output: "" })),
    );
  }

  /** The packet comes in again as it is, and nat, which has seen the connection, is not asked again. */
  #throughLoopback(flights: readonly Flight[]): Flight[] {
    const sent = this.#post(flights.map((flight) => this.#leaving(flight)));
    const back = sent.map((flight) => ({ ...flight, input: "lo", output: "" }));
    return this.#in(this.#pass("PREROUTING", ["raw", "mangle"], back), ["mangle", "filter", "security"]);
  }

  /** Those that come through all tables of a hook; what becomes of the others is written down. */
  #pass(hook: string, tables: readonly string[], flights: readonly Flight[]): Flight[] {
    let left = [...flights];
    for (const table of tables) {
      const chain = this.#rules.chain(table, hook);
      if (chain === undefined) continue;
      const walker = new Walker(this.#rules, table, this.#world);
      left = left.flatMap((flight) => {
        if (table === "nat" && flight.tracking !== "NEW") return flight;
        return walker.walk(chain, flight).flatMap(({ flight: after, verdict }) => {
          const by = verdict === undefined ? { policyOf: `${table} ${hook}` } : { decidedBy: after.passed?.rule };
          const end = verdict ?? chain.policy;
          if (end !== "DROP" && end !== "REJECT") return [after];
          this.#outcomes.push(outcomeOf(after, end, by));
          return [];
        });
      });
    }
    return left;
  }

  #finish(flights: readonly Flight[]): void {
    for (const flight of flights) this.#outcomes.push(outcomeOf(flight, "ACCEPT", {}));
  }
}

function outcomeOf(flight: Flight, verdict: Verdict, by: Partial<Pick<Outcome, "decidedBy" | "policyOf">>): Outcome {
  const rules: PassedRule[] = [];
  for (let passed = flight.passed; passed !== undefined; passed = passed.before) rules.push(passed.rule);
  return {
    share: flight.share,
    verdict,
    decidedBy: by.decidedBy,
    policyOf: by.policyOf,
    destination: nameOf(flight.destination, flight.port),
    translated: flight.translated,
    masquerade: flight.sourceNat !== undefined,
    source: flight.sourceNat === "SNAT" ? formatIp(flight.source) : undefined,
    mark: flight.mark,
    rules: rules.reverse(),
  };
}

function nameOf(ip: Ip, port: number): string {
  return withPort(formatIp(ip), port);
}

function endpointsOf(outcomes: readonly Outcome[]): TracedEndpoint[] {
  const found = new Map<string, TracedEndpoint>();
  for (const { verdict, translated, destination: endpoint, share, masquerade } of outcomes) {
    if (verdict !== "ACCEPT" || !translated) continue;
    const before = found.get(endpoint);
    found.set(endpoint, {
      endpoint,
      share: share + (before?.share ?? 0),
      masquerade: masquerade || before?.masquerade === true,
    });
  }
  return [...found.values()].sort((a, b) => (a.endpoint < b.endpoint ? -1 : 1));
}
