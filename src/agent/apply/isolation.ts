import { Backoff, type Clock } from "../../base/index.ts";
import { editChains, type RuleProgram, type ServicePlan, sameLines } from "../plan/index.ts";

/** The rules of each Service in one family, by `namespace/name`. */
export type Plans = ReadonlyMap<string, ServicePlan>;

/** A Service that is left out because the kernel or its tools refuse its rules. */
export interface IsolatedService {
  /** `namespace/name`. */
  readonly service: string;
  /** What the tool says, with the rule if it names one. */
  readonly why: string;
}

interface Entry extends IsolatedService {
  readonly plan: ServicePlan | undefined;
  readonly backoff: Backoff;
  /** On the monotonic clock. */
  retryAt: number;
}

/** The kernel's mind changes when a module is loaded; each try costs some restores. */
const retry = { baseMs: 15_000, capMs: 600_000, jitter: 0.2 } as const;

/** Remembers which Services are refused, until they change or their time has come. */
export class Isolation {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Those to leave out of the next write. One that changed is given up, one that is due is tried. */
  leftOut(plans: () => Plans): ReadonlySet<string> {
    if (this.#entries.size === 0) return new Set();
    const now = plans();
    for (const [key, { plan }] of this.#entries) if (!samePlan(plan, now.get(key))) this.#entries.delete(key);
    const time = this.#clock.monotonic();
    return new Set([...this.#entries].filter(([, { retryAt }]) => retryAt > time).map(([key]) => key));
  }

  add(service: string, why: string, plan: ServicePlan | undefined): void {
    const backoff = this.#entries.get(service)?.backoff ?? new Backoff(retry);
    this.#entries.set(service, { service, why, plan, backoff, retryAt: this.#clock.monotonic() + backoff.next() });
  }

  /** After a write that left these out: all others are in the kernel. */
  settled(leftOut: ReadonlySet<string>): readonly IsolatedService[] {
    for (const key of this.#entries.keys()) if (!leftOut.has(key)) this.#entries.delete(key);
    return this.services;
  }

  /** Those that are refused. */
  get services(): readonly IsolatedService[] {
    return [...this.#entries.values()].map(({ service, why }) => ({ service, why }));
  }

  /** Milliseconds until one is due; undefined when none is left out. */
  get dueInMs(): number | undefined {
    const times = [...this.#entries.values()].map(({ retryAt }) => retryAt - this.#clock.monotonic());
    return times.length === 0 ? undefined : Math.max(0, Math.min(...times));
  }
}

function samePlan(a: ServicePlan | undefined, b: ServicePlan | undefined): boolean {
  if (a === b) return true;
  return a !== undefined && b !== undefined && sameMap(a.chains, b.chains) && sameMap(a.rows, b.rows);
}

function sameMap<K>(a: ReadonlyMap<K, readonly string[]>, b: ReadonlyMap<K, readonly string[]>): boolean {
  return a.size === b.size && [...a].every(([key, lines]) => sameLines(lines, b.get(key)));
}

/** The program without the chains and rows of some Services, at the price of these and of the shared chains. */
export function without(program: RuleProgram, plans: Plans, services: ReadonlySet<string>): RuleProgram {
  if (services.size === 0) return program;
  const left = [...services].flatMap((key) => plans.get(key) ?? []);
  const chains = new Set(left.flatMap((plan) => [...plan.chains.keys()]));
  const rows = new Map<string, Set<string>>();
  for (const plan of left)
    for (const [chain, lines] of plan.rows) rows.set(chain, new Set([...(rows.get(chain) ?? []), ...lines]));
  return new Map(
    [...program].map(([table, { chains: all, ...others }]) => {
      const kept = editChains(all);
      if (table === "nat") for (const chain of chains) kept.delete(chain);
      for (const [name, gone] of rows) {
        const [of, chain = ""] = name.split(" ");
        const lines = of === table ? all.get(chain) : undefined;
        if (lines !== undefined)
          kept.set(
            chain,
            lines.filter((line) => !gone.has(line)),
          );
      }
      return [table, { ...others, chains: kept.snapshot() }];
    }),
  );
}

/** Answers whose a rule is. A row of a shared chain says in its comment and its target whose it is: none is of two. */
export class RuleOwners {
  readonly #owners = new Map<string, string>();

  constructor(plans: Plans) {
    for (const [key, { chains, rows }] of plans) {
      for (const chain of chains.keys()) this.#owners.set(`nat ${chain}`, key);
      for (const [chain, lines] of rows) for (const line of lines) this.#owners.set(rowName(chain, line), key);
    }
  }

  ownerOf(table: string, chain: string, rule: string | undefined): string | undefined {
    const name = `${table} ${chain}`;
    return this.#owners.get(name) ?? this.#owners.get(rowName(name, rule ?? ""));
  }
}

function rowName(chain: string, line: string): string {
  return `${chain} ${line}`;
}
