import type { Clock } from "../base/index.ts";
import { type Conntrack, type FlowFilter, oneOfEach, ProgramMissingError, type UdpFlow } from "../kernel/index.ts";
import { endpointName, type ProxiedService } from "../model/index.ts";
import { type Family, withPort } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { AgentMetrics } from "./metrics.ts";

/** What a Service was and is. */
export interface ServiceStep {
  readonly key: string;
  readonly before: ProxiedService | undefined;
  readonly after: ProxiedService | undefined;
}

/** Where a NodePort answers: `any address of the node`, by its port alone. */
const anyAddress = "";

/** `address port`, or ` port` for a NodePort. */
function frontendKey(address: string | undefined, port: number): string {
  return `${address ?? anyAddress} ${port}`;
}

/** Who may answer flows to the UDP frontends of a Service: frontend -> `address:port` of endpoints that serve. */
function udpFrontends(service: ProxiedService | undefined, family: Family): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(
    (service?.ports ?? [])
      .filter((port) => port.protocol === "UDP" && port.family === family)
      .flatMap((port) => {
        // Policies and hints choose for new flows; one that an endpoint still serves is not broken for them.
        const serving = new Set(port.endpoints.filter((endpoint) => endpoint.serving).map(endpointName));
        return port.frontends.map(({ address, port: number }) => [frontendKey(address, number), serving] as const);
      }),
  );
}

const nobody: ReadonlySet<string> = new Set();

/**
 * Which UDP flows the kernel sends where its rules no longer would. A flow meets the rules with its first packet only:
 * a client that keeps its port stays with an endpoint that is gone (kubernetes/kubernetes#59368, #139628), or goes on
 * missing a Service that it asked before its rules were there (#19029).
 */
export class FlowJudge {
  readonly #family: Family;
  /** Frontend -> Service -> its serving endpoints, as the rules in the kernel have them. */
  readonly #frontends = new Map<string, Map<string, ReadonlySet<string>>>();
  /** Frontends whose flows may be stale. */
  readonly #suspects = new Set<string>();

  constructor(family: Family) {
    this.#family = family;
  }

  get suspects(): ReadonlySet<string> {
    return this.#suspects;
  }

  /** The kernel holds the rules for these now. */
  programmed(steps: Iterable<ServiceStep>): void {
    for (const { key, before, after } of steps) {
      const is = udpFrontends(after, this.#family);
      for (const frontend of udpFrontends(before, this.#family).keys())
        if (!is.has(frontend)) this.#set(frontend, key, undefined);
      for (const [frontend, serving] of is) this.#set(frontend, key, serving);
    }
  }

  #set(frontend: string, service: string, serving: ReadonlySet<string> | undefined): void {
    const before = this.#serving(frontend);
    const owners = this.#frontends.getOrInsertComputed(frontend, () => new Map());
    if (serving === undefined) owners.delete(service);
    else owners.set(service, serving);
    if (owners.size === 0) this.#frontends.delete(frontend);
    // More endpoints beside those that serve already leave every flow where it belongs.
    if (before === undefined || before.size === 0 || !(this.#serving(frontend) ?? nobody).isSupersetOf(before))
      this.#suspects.add(frontend);
  }

  /** Undefined: no such frontend. */
  #serving(frontend: string): ReadonlySet<string> | undefined {
    const [first, ...others] = this.#frontends.get(frontend)?.values() ?? [];
    return others.reduce((all, one) => all?.union(one), first);
  }

  /** The node has other addresses than before: what NodePorts answer to may be another's flow, or was. */
  addressesChanged(): void {
    for (const frontend of this.#frontends.keys()) if (frontend.startsWith(" ")) this.#suspects.add(frontend);
  }

  cleared(frontends: Iterable<string>): void {
    for (const frontend of frontends) this.#suspects.delete(frontend);
  }

  /** `nodePortAddresses`: where NodePorts answer. */
  isStale(flow: UdpFlow, nodePortAddresses: ReadonlySet<string>): boolean {
    const { destination, destinationPort, replySource, replySourcePort } = flow;
    const frontends = frontendsOf(flow, nodePortAddresses);
    if (!frontends.some((frontend) => this.#suspects.has(frontend))) return false;
    const serving = this.#servingOf(frontends);
    // Where no Service is any more, who answers under the address itself was never ours.
    if (serving === undefined) return replySource !== destination || replySourcePort !== destinationPort;
    return !serving.has(withPort(replySource, replySourcePort));
  }

  /** Whether every flow to this one's destination is stale. */
  isDeserted(flow: UdpFlow, nodePortAddresses: ReadonlySet<string>): boolean {
    return this.#servingOf(frontendsOf(flow, nodePortAddresses))?.size === 0;
  }

  #servingOf(frontends: readonly string[]): ReadonlySet<string> | undefined {
    const owned = frontends.find((frontend) => this.#frontends.has(frontend));
    return owned === undefined ? undefined : this.#serving(owned);
  }
}

/** Which frontends may have taken the flow: a Service that has the very address comes before one with the NodePort. */
function frontendsOf({ destination, destinationPort }: UdpFlow, nodePortAddresses: ReadonlySet<string>): string[] {
  const own = frontendKey(destination, destinationPort);
  return nodePortAddresses.has(destination) ? [own, frontendKey(undefined, destinationPort)] : [own];
}

/** More frontends than this are looked for in one listing of the whole table, which costs as much as one of them. */
const maxFilters = 4;
/** What failed is tried again, though nothing changes. */
const retryMs = 30_000;
/** A program that is missing seldom comes: it is not looked for with every sync. */
const missingMs = 300_000;

/** Forgets stale flows of one family after its rules changed; what fails stays due. */
export class FlowReconciler {
  readonly #conntrack: Conntrack;
  readonly #family: Family;
  readonly #metrics: AgentMetrics;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #judge: FlowJudge;
  #addresses: ReadonlySet<string> = new Set();
  /** Until when, on the monotonic clock, the program that was missing is not looked for; it was told that it is. */
  #missingUntil: number | undefined;

  constructor(conntrack: Conntrack, family: Family, metrics: AgentMetrics, logger: Logger, clock: Clock) {
    this.#conntrack = conntrack;
    this.#family = family;
    this.#metrics = metrics;
    this.#logger = logger;
    this.#clock = clock;
    this.#judge = new FlowJudge(family);
  }

  /**
   * Takes over what the kernel's rules are now, and forgets flows that contradict them; the table is read only when a
   * UDP frontend is concerned. Returns after how many milliseconds to come again though nothing changed.
   */
  async reconcile(
    steps: Iterable<ServiceStep>,
    nodePortAddresses: readonly string[],
    signal: AbortSignal,
  ): Promise<number | undefined> {
    this.#judge.programmed(steps);
    const addresses = new Set(nodePortAddresses);
    if (addresses.symmetricDifference(this.#addresses).size > 0) this.#judge.addressesChanged();
    this.#addresses = addresses;
    const suspects = new Set(this.#judge.suspects);
    if (suspects.size === 0) return undefined;
    const start = this.#clock.monotonic();
    if (this.#missingUntil !== undefined && start < this.#missingUntil) return this.#missingUntil - start;
    try {
      const count = await this.#forgetStale(suspects, signal);
      this.#judge.cleared(suspects);
      this.#missingUntil = undefined;
      const labels = { ip_family: this.#family };
      this.#metrics.conntrackDeleted.inc(labels, count);
      const durationMs = this.#clock.monotonic() - start;
      this.#metrics.conntrackDuration.observe(labels, durationMs / 1000);
      const fields = { family: this.#family, count, durationMs: Math.round(durationMs) };
      if (count > 0) this.#logger.info("stale UDP flows forgotten", fields);
      return undefined;
    } catch (err) {
      return this.#failed(err);
    }
  }

  async #forgetStale(suspects: ReadonlySet<string>, signal: AbortSignal): Promise<number> {
    const filters = suspects.size > maxFilters ? [] : [...suspects].map(filterOf);
    const isStale = (flow: UdpFlow): boolean => this.#judge.isStale(flow, this.#addresses);
    const stale = await this.#conntrack.findUdpFlows(filters, isStale, signal);
    const [deserted = [], others = []] = [true, false].map((wanted) =>
      stale.filter((flow) => this.#judge.isDeserted(flow, this.#addresses) === wanted),
    );
    // Each process walks the whole table, so that one for many flows is what counts.
    const destinations = new Map(deserted.map((flow) => [frontendKey(flow.destination, flow.destinationPort), flow]));
    for (const flow of destinations.values()) await this.#conntrack.forgetTo(flow, signal);
    for (const flow of oneOfEach(others)) await this.#conntrack.forgetAlike(flow, signal);
    return stale.length;
  }

  #failed(err: unknown): number {
    const isMissing = err instanceof ProgramMissingError;
    if (!isMissing || this.#missingUntil === undefined)
      this.#logger.warn("stale UDP flows not forgotten; clients may stay with endpoints that are gone", {
        family: this.#family,
        err,
      });
    this.#missingUntil = isMissing ? this.#clock.monotonic() + missingMs : undefined;
    return isMissing ? missingMs : retryMs;
  }
}

function filterOf(frontend: string): FlowFilter {
  const [address = anyAddress, port] = frontend.split(" ");
  return { destination: address === anyAddress ? undefined : address, destinationPort: Number(port) };
}
