import { Turn } from "../base/index.ts";
import type { Family } from "../net/index.ts";
import type { Logger } from "../telemetry/index.ts";
import type { Written } from "./apply/index.ts";
import { count, describeChange } from "./change-text.ts";
import { isServiceChain } from "./plan/index.ts";
import { changedChains, ruleCount, type ServiceChange } from "./service-table.ts";

/** Longer lists of chains say nothing to people; `iptables-save` shows the rest. */
const maxChainsLogged = 20;

/** What syncs tell the admin. */
export class SyncReport {
  readonly #logger: Logger;
  /** Whether the kernel has held our rules in every family at once. */
  #started = false;
  #notices: readonly string[] = [];
  /** Why which Service is left out, by family. */
  readonly #isolated = new Map<Family, ReadonlyMap<string, string>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What was not yet said about the node. */
  node(name: string, notices: readonly string[]): void {
    for (const why of notices)
      if (!this.#notices.includes(why))
        this.#logger.warn("rules limited by what is known of the node", { node: name, why });
    this.#notices = notices;
  }

  /** Frontends that are newly left out. */
  refused({ refused }: ServiceChange): void {
    for (const { service, frontend, why } of refused)
      this.#logger.warn("frontend refused", {
        service,
        kind: frontend.kind,
        port: frontend.port,
        why,
        ...(frontend.address !== undefined && { address: frontend.address }),
      });
  }

  /** Takes over which Services the kernel refuses in a family, with the reason, and tells what is new of that. */
  isolated(family: Family, services: ReadonlyMap<string, string>): void {
    const before = this.#isolated.get(family) ?? new Map<string, string>();
    this.#isolated.set(family, services);
    for (const [service, why] of services)
      if (before.get(service) !== why)
        this.#logger.error("service isolated: the kernel refuses its rules", { service, family, why });
    for (const service of before.keys())
      if (!services.has(service)) this.#logger.info("service no longer isolated", { service, family });
  }

  /** How the rules of a family compared with what the kernel held. */
  observed(family: Family, { chains, removed, jumps, rules }: Written, durationMs: number): void {
    const names = [...chains, ...removed, ...jumps.map((jump) => `${jump} (jump)`)];
    this.#logger.info("rules compared with the kernel", {
      family,
      why:
        names.length === 0 ? "all rules are in place; nothing written" : `${count(names.length, "difference")} written`,
      chains: names.slice(0, maxChainsLogged),
      rules: [...rules.values()].reduce((sum, n) => sum + n, 0),
      durationMs: Math.round(durationMs),
    });
  }

  /**
   * One line for each Service whose rules changed; at the start only for those whose chains had to be written, with
   * these. There may be thousands, so others have their turn in between.
   */
  async programmed(changes: readonly ServiceChange[], written: readonly Written[], durationMs: number): Promise<void> {
    const turn = new Turn();
    const names = this.#started
      ? undefined
      : new Set(written.flatMap(({ chains, removed }) => [...chains, ...removed]));
    this.#started = true;
    for (const change of changes) {
      if ([...this.#isolated.values()].some((services) => services.has(change.key))) continue;
      this.#changed(change, names, Math.round(durationMs));
      if (turn.step()) await turn.next();
    }
  }

  /** `names`: at the start, the chains that were written. */
  #changed(change: ServiceChange, names: ReadonlySet<string> | undefined, durationMs: number): void {
    const planned = changedChains(change);
    const own = names === undefined ? [] : planned.filter(isServiceChain);
    const rewritten = own.filter((chain) => names?.has(`nat ${chain}`));
    const altered = rewritten.length < own.length;
    const chains = altered || (names !== undefined && own.length === 0) ? rewritten : planned;
    if (chains.length === 0 && !this.#logger.enabled("debug")) return;
    const why = altered ? "found altered in the kernel" : describeChange(change.before, change.after);
    const fields = { service: change.key, why };
    if (chains.length === 0) this.#logger.debug("service changed, its rules did not", fields);
    else
      this.#logger.info("service rules programmed", {
        ...fields,
        chains: chains.slice(0, maxChainsLogged),
        rules: ruleCount(change.plansAfter),
        durationMs,
      });
  }
}
