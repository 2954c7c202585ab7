import { type Clock, errorMessage, Turn } from "../base/index.ts";
import { frontendText, type ProxiedService } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { ServiceEvents } from "./agent-events.ts";
import type { Written } from "./apply/index.ts";
import { count, describeChange, endpointCount } from "./change-text.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { NodeStanding } from "./node-standing.ts";
import { changedChains, ruleCount, type ServiceChange } from "./service-table.ts";

/** Longer lists of chains say nothing to people; `iptables-save` shows the rest. */
const maxChainsLogged = 20;
const maxCauses = 4;

/** A change of a Service with the objects that led to it. */
export interface PlannedChange extends ServiceChange {
  /**
   * `EndpointSlice web-x7k2p`, `Service` -> the address type that it concerns, undefined for all; empty when the change
   * follows from the node, or from another Service that wants the same frontend.
   */
  readonly causes: ReadonlyMap<string, string | undefined>;
}

export interface FailedSync {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly message: string;
}

export interface SyncReportOptions {
  readonly standing: NodeStanding;
  readonly events: ServiceEvents;
  readonly metrics: Pick<AgentMetrics, "refusedFrontends" | "isolatedServices">;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Something is refused that was not, or no longer, or rules are there for the first time: worth telling soon. */
  readonly onStanding: () => void;
}

/** What syncs tell the admin: in the log, in events, and for those who ask later. */
export class SyncReport {
  readonly #options: SyncReportOptions;
  /** Families of which the kernel has held our rules. */
  readonly #started = new Set<Family>();
  readonly #failures = new Map<Family, FailedSync>();
  #notices: readonly string[] = [];

  constructor(options: SyncReportOptions) {
    this.#options = options;
  }

  /** What was not yet said about the node. */
  node(name: string, notices: readonly string[]): void {
    for (const why of notices)
      if (!this.#notices.includes(why))
        this.#options.logger.warn("rules limited by what is known of the node", { node: name, why });
    this.#notices = notices;
  }

  /** Takes over which frontends are left out, and tells of those that newly are. */
  refused({ key, refused, refusals }: Pick<ServiceChange, "key" | "refused" | "refusals">): void {
    const { standing, events, metrics, logger } = this.#options;
    const before = standing.refusedCount;
    standing.refuse(key, refusals);
    metrics.refusedFrontends.set(standing.refusedCount);
    if (refused.length > 0 || before !== standing.refusedCount) this.#options.onStanding();
    for (const { service, frontend, protocol, why } of refused) {
      logger.warn("frontend refused", {
        service,
        kind: frontend.kind,
        port: frontend.port,
        why,
        ...(frontend.address !== undefined && { address: frontend.address }),
      });
      events.serviceWarning(
        service,
        "FrontendRefused",
        "Program",
        `${frontendText(frontend, protocol)} is not served: ${why}`,
      );
    }
  }

  /** Takes over which Services the kernel refuses in a family, with the reason, and tells what is new of that. */
  isolated(family: Family, services: ReadonlyMap<string, string>): void {
    const { standing, events, metrics, logger, onStanding } = this.#options;
    const { added, released } = standing.isolate(family, services);
    metrics.isolatedServices.set({ ip_family: family }, services.size);
    if (added.length + released.length > 0) onStanding();
    for (const { service, why } of added) {
      logger.error("service isolated: the kernel refuses its rules", { service, family, why });
      events.serviceWarning(service, "RulesRefused", "Program", `its ${family} rules are left out: ${why}`);
    }
    for (const service of released) logger.info("service no longer isolated", { service, family });
  }

  /** How the rules of a family compared with what the kernel held. */
  observed(family: Family, { chains, removed, jumps, rules, unreadable }: Written, durationMs: number): void {
    for (const table of unreadable)
      this.#options.logger.warn("table not shown by iptables; our rules are written all the same", {
        family,
        table,
        why: "somebody put rules there with nft that iptables cannot show; find them with 'nft list ruleset'",
      });
    const names = [...chains, ...removed, ...jumps.map((jump) => `${jump} (jump)`)];
    this.#options.logger.info("rules compared with the kernel", {
      family,
      why:
        names.length === 0 ? "all rules are in place; nothing written" : `${count(names.length, "difference")} written`,
      chains: names.slice(0, maxChainsLogged),
      rules: [...rules.values()].reduce((sum, n) => sum + n, 0),
      durationMs: Math.round(durationMs),
    });
  }

  failed(family: Family, error: unknown): void {
    this.#failures.set(family, { at: this.#options.clock.now(), message: errorMessage(error) });
  }

  /** The last sync of a family that failed, though later ones may not have. */
  lastFailure(family: Family): FailedSync | undefined {
    return this.#failures.get(family);
  }

  /**
   * One line for each Service whose rules changed in a family; at the start only for those whose chains had to be
   * written, with these. There may be thousands, so others have their turn in between.
   */
  async programmed(
    family: Family,
    changes: Iterable<PlannedChange>,
    { chains, removed }: Written,
    durationMs: number,
  ): Promise<void> {
    const turn = new Turn();
    const names = new Set([...chains, ...removed]);
    for (const change of changes) {
      const own = this.#options.standing.isIsolated(family, change.key) ? undefined : inFamily(change, family);
      if (own !== undefined) this.#one(family, own, names, durationMs);
      if (turn.step()) await turn.next();
    }
    if (!this.#started.has(family)) this.#options.onStanding();
    this.#started.add(family);
  }

  #one(family: Family, change: PlannedChange, names: ReadonlySet<string>, durationMs: number): void {
    const { logger } = this.#options;
    const started = this.#started.has(family);
    const planned = changedChains(change);
    const plans = [...change.plansBefore.values(), ...change.plansAfter.values()];
    const own = planned.filter((chain) => plans.some(({ chains }) => chains.has(chain)));
    const rewritten = own.filter((chain) => names.has(`nat ${chain}`));
    const altered = !started && rewritten.length < own.length;
    const chains = altered || (!started && own.length === 0) ? rewritten : planned;
    if (chains.length === 0 && !logger.enabled("debug")) return;
    const fields = {
      service: change.key,
      family,
      cause: causeText(family, change.causes),
      why: altered ? "found altered in the kernel" : describeChange(change.before, change.after),
    };
    if (chains.length === 0) {
      logger.debug("service changed, its rules did not", fields);
      return;
    }
    logger.info("service rules programmed", {
      ...fields,
      chains: chains.slice(0, maxChainsLogged),
      rules: ruleCount(change.plansAfter),
      endpointsBefore: endpointCount(change.before),
      endpoints: endpointCount(change.after),
      durationMs: Math.round(durationMs),
    });
  }
}

/** The change as one family sees it; undefined when that has no part in it. */
function inFamily(change: PlannedChange, family: Family): PlannedChange | undefined {
  const service = (all: ProxiedService | undefined): ProxiedService | undefined => {
    const ports = all?.ports.filter((port) => port.family === family) ?? [];
    return all === undefined || ports.length === 0 ? undefined : { ...all, ports };
  };
  const [before, after] = [service(change.before), service(change.after)];
  if (before === undefined && after === undefined) return undefined;
  const plans = <T>(all: ReadonlyMap<Family, T>): ReadonlyMap<Family, T> =>
    new Map([...all].filter(([each]) => each === family));
  return { ...change, before, after, plansBefore: plans(change.plansBefore), plansAfter: plans(change.plansAfter) };
}

function causeText(family: Family, causes: PlannedChange["causes"]): string {
  const own = [...causes].filter(([, type]) => type === undefined || type === family).map(([cause]) => cause);
  if (own.length === 0) return "Node or another Service";
  const more = own.length - maxCauses;
  return [...own.slice(0, maxCauses), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
