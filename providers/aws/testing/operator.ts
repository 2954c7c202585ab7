// The engine without a cluster: brings what is wished for about in an account, round by round, as time goes by there.
import { FakeClock } from "../../../src/base/fake-clock.ts";
import { converge } from "../../../src/controller/engine/convergence.ts";
import { scopeName } from "../../../src/controller/engine/scope-name.ts";
import { WaitLedger } from "../../../src/controller/engine/wait-ledger.ts";
import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../../src/model/index.ts";
import {
  type Desired,
  decide,
  isConverged,
  type LbStatus,
  type Plan,
  type ProviderAdapter,
  type ScopeKey,
} from "../../../src/provider/index.ts";
import type { AdapterOptions } from "./account.ts";

const roundMs = 10_000;
const maxRounds = 120;
const { signal } = new AbortController();

/** Where adapters come and go. */
export interface Place {
  adapter(options: AdapterOptions): Promise<ProviderAdapter>;
  /** Time goes by. */
  pass(ms: number): void;
}

export class Operator {
  readonly clock: FakeClock = new FakeClock();
  /** What is wanted, by UID; null: it goes. */
  readonly wishes: Map<
    string,
    { readonly id: LbIdentity; readonly lb: DesiredLoadBalancer | null; readonly nodes: readonly NodeTarget[] }
  > = new Map();
  /** `Throttled: elasticloadbalancing:...`, in the order in which they came. */
  readonly failures: string[] = [];
  readonly plans: Plan[] = [];
  readonly #place: Place;
  readonly #adapter: ProviderAdapter;
  readonly #waits: WaitLedger;

  private constructor(place: Place, adapter: ProviderAdapter, clock: FakeClock) {
    this.#place = place;
    this.#adapter = adapter;
    this.clock = clock;
    this.#waits = new WaitLedger(clock);
  }

  static async start(place: Place, options: Omit<AdapterOptions, "clock"> = {}): Promise<Operator> {
    const clock = new FakeClock();
    return new Operator(place, await place.adapter({ ...options, clock }), clock);
  }

  want(lb: DesiredLoadBalancer, nodes: readonly NodeTarget[]): void {
    this.wishes.set(lb.id.uid, { id: lb.id, lb, nodes });
  }

  letGo({ id }: DesiredLoadBalancer): void {
    this.wishes.set(id.uid, { id, lb: null, nodes: [] });
  }

  /**
   * Until nothing is left to do and to wait for; a scope of which that holds is left alone, as the engine does.
   * `allowReplace`: as the annotation of that name.
   */
  async settle(allowReplace: boolean = false): Promise<void> {
    let left = this.#keys();
    for (let round = 0; round < maxRounds; round++) {
      const open: ScopeKey[] = [];
      for (const key of left) if (!(await this.#attempt(key, allowReplace))) open.push(key);
      if (open.length === 0) return;
      left = open;
      this.pass(roundMs);
    }
    throw new Error(
      `not done: ${[...this.plans.slice(-3).map(({ summary }) => summary), ...this.failures.slice(-3)].join("; ")}`,
    );
  }

  /** Each scope once; true when all is done. */
  async round(allowReplace: boolean = false): Promise<boolean> {
    let isDone = true;
    for (const key of this.#keys()) isDone = (await this.#attempt(key, allowReplace)) && isDone;
    return isDone;
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    this.#place.pass(ms);
  }

  async status(lb: DesiredLoadBalancer): Promise<LbStatus> {
    const service = await this.#adapter.observe({ kind: "service", id: lb.id }, "live", signal);
    const members = await this.#adapter.observe({ kind: "members", id: lb.id }, "live", signal);
    return this.#adapter.status(lb, service, members, this.wishes.get(lb.id.uid)?.nodes ?? []);
  }

  /** What a resync does when nothing changed: one look at all, then each from it; returns the plans. */
  async resync(): Promise<readonly Plan[]> {
    const keys = this.#keys();
    const snapshot = await this.#adapter.snapshot(keys, signal);
    const plans: Plan[] = [];
    for (const key of keys) {
      const observed = await this.#adapter.observe(key, snapshot, signal);
      plans.push(this.#adapter.plan(key, this.#desired(key), observed, this.#waits.timeFor(scopeName("aws-nlb", key))));
    }
    return plans;
  }

  #keys(): readonly ScopeKey[] {
    const own = [...this.wishes.values()].flatMap(({ id }): ScopeKey[] => [
      { kind: "service", id },
      { kind: "members", id },
    ]);
    const { clusterId } = [...this.wishes.values()][0]?.id ?? { clusterId: "" };
    return [{ kind: "shared", clusterId, name: "nodes" }, ...own];
  }

  async #attempt(key: ScopeKey, allowReplace: boolean): Promise<boolean> {
    const name = scopeName("aws-nlb", key);
    try {
      const run = await converge(this.#adapter, key, this.#desired(key), {
        time: this.#waits.timeFor(name),
        allowReplace,
        mayWrite: () => undefined,
        onStart: (plan) => void this.plans.push(plan),
        signal,
      });
      this.#waits.note(name, run.plan.waits);
      this.plans.push(run.plan);
      const failed = run.outcomes.filter((outcome) => outcome.state === "failed");
      for (const { error } of failed) this.failures.push(failureText(error));
      if (run.replacement) this.failures.push("ReplacementRequired");
      return isConverged(run.plan) && failed.length === 0;
    } catch (error) {
      this.failures.push(failureText(error));
      return false;
    }
  }

  /** What is shared stays: the next load balancer may come soon. */
  #desired(key: ScopeKey): Desired | null {
    if (key.kind === "shared") {
      const users = [...this.wishes.values()].flatMap(({ lb }) => lb ?? []);
      return { kind: "shared", users, nodes: [...this.wishes.values()].flatMap(({ nodes }) => nodes) };
    }
    const { lb = null, nodes = [] } = this.wishes.get(key.id.uid) ?? {};
    return lb === null ? null : { kind: key.kind, lb, nodes };
  }
}

function failureText(error: unknown): string {
  return `${decide(error).reason}: ${error instanceof Error ? error.message : String(error)}`;
}
