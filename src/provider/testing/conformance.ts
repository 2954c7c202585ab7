import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { LbIdentity } from "../../model/index.ts";
import {
  type Desired,
  executePlan,
  isConverged,
  type Plan,
  type ProviderAdapter,
  ProviderError,
  type ScopeKey,
} from "../index.ts";

/** One outside world, on which adapters come and go; there is only one at a time. */
export interface Bed extends AsyncDisposable {
  /** An adapter without memory, as after a restart of the controller. */
  adapter(): Promise<ProviderAdapter>;
  /** All that exists in it: equal texts mean equal worlds. */
  fingerprint(): Promise<string>;
  /** Puts something of another owner where the load balancer would be. */
  occupy(id: LbIdentity): Promise<void>;
}

export type ServiceDesired = Extract<Desired, { kind: "service" }>;

export interface Conformance {
  readonly newBed: () => Promise<Bed>;
  /** Wishes of one and the same Service that the adapter can turn into one another. */
  readonly wishes: Readonly<Record<string, ServiceDesired>>;
}

const signal = AbortSignal.timeout(600_000);
/** A plan that is not done after so many rounds never will be. */
const maxRounds = 200;

/** What every adapter of a service scope must keep, whatever it drives. */
export function describeConformance(name: string, { newBed, wishes }: Conformance): void {
  const names = Object.keys(wishes);
  const transitions = [undefined, ...names].flatMap((from) =>
    [...names, undefined].filter((to) => to !== from).map((to) => ({ from, to })),
  );

  describe(`${name} as a provider`, () => {
    it.each(names)("finds nothing to refuse in %s", async (wish) => {
      await using bed = await newBed();
      const { lb } = wanted(wish);
      const issues = (await bed.adapter()).validate(lb);
      expect(issues.filter(({ severity }) => severity === "refuse")).toEqual([]);
    });

    it.each(names)("has nothing left to do once %s is done, also after a restart", async (wish) => {
      await using bed = await newBed();
      await converge(bed, wish);
      const before = await bed.fingerprint();
      for (let i = 0; i < 2; i++)
        expect(await planOf(await bed.adapter(), wish)).toMatchObject({ steps: [], waits: [] });
      expect(await bed.fingerprint()).toBe(before);
    });

    it.each(names)("plans the same from the same observation of %s", async (wish) => {
      await using bed = await newBed();
      const [one, two] = [await planOf(await bed.adapter(), wish), await planOf(await bed.adapter(), wish)];
      expect(one.steps.length).toBeGreaterThan(0);
      expect(two.hash).toBe(one.hash);
      expect(one.summary).not.toBe("");
    });

    it.each(names)("shows the addresses of %s and lists it as owned by its cluster alone", async (wish) => {
      await using bed = await newBed();
      await converge(bed, wish);
      const adapter = await bed.adapter();
      const { lb, nodes } = wanted(wish);
      const observed = await adapter.observe(keyOf(wish), "live", signal);
      expect(adapter.status(lb, observed, null, nodes).ingress.length).toBeGreaterThan(0);
      const owned = await Array.fromAsync(adapter.listOwned(lb.id.clusterId, signal));
      expect(owned.map(({ scope }) => scope)).toEqual([keyOf(wish)]);
      expect(await Array.fromAsync(adapter.listOwned("another cluster", signal))).toEqual([]);
    });

    it.each(transitions)("comes from $from to $to as if it had never been otherwise", async ({ from, to }) => {
      const expected = await madeAtOnce(to);
      await using bed = await newBed();
      await converge(bed, from);
      await converge(bed, to);
      expect(await bed.fingerprint()).toBe(expected);
    });

    it.each(transitions)("survives a crash after any step from $from to $to", async ({ from, to }) => {
      const expected = await madeAtOnce(to);
      for (let steps = 0; ; steps++) {
        await using bed = await newBed();
        await converge(bed, from);
        const wasCut = await converge(bed, to, steps);
        await converge(bed, to);
        expect(await bed.fingerprint(), `after ${steps} steps`).toBe(expected);
        if (!wasCut) break;
      }
    });

    it.each(names)("touches nothing of another owner in the place of %s", async (wish) => {
      await using bed = await newBed();
      await bed.occupy(wanted(wish).lb.id);
      const before = await bed.fingerprint();
      const kinds: string[] = [];
      for (const desired of [wish, undefined])
        await converge(bed, desired, 1).catch((error: unknown) => {
          kinds.push(error instanceof ProviderError ? error.fault.kind : String(error));
        });
      expect(await bed.fingerprint()).toBe(before);
      expect(kinds[0]).toBe("conflict");
    });
  });

  function wanted(wish: string): ServiceDesired {
    const found = wishes[wish];
    if (found === undefined) throw new Error(`no wish ${wish}`);
    return found;
  }

  function keyOf(wish: string | undefined): ScopeKey {
    return { kind: "service", id: wanted(wish ?? names[0] ?? "").lb.id };
  }

  async function planOf(adapter: ProviderAdapter, wish: string | undefined): Promise<Plan> {
    const observed = await adapter.observe(keyOf(wish), "live", signal);
    const desired = wish === undefined ? null : wanted(wish);
    return adapter.plan(keyOf(wish), desired, observed, { now: 0, since: () => 0 });
  }

  /** What the world looks like when this is wished for from the beginning. */
  async function madeAtOnce(wish: string | undefined): Promise<string> {
    await using bed = await newBed();
    await converge(bed, wish);
    return await bed.fingerprint();
  }

  /** Until nothing is left to do, or for so many steps; returns whether it was cut off. */
  async function converge(bed: Bed, wish: string | undefined, maxSteps = Number.POSITIVE_INFINITY): Promise<boolean> {
    const adapter = await bed.adapter();
    let steps = 0;
    for (let round = 0; round < maxRounds; round++) {
      const plan = await planOf(adapter, wish);
      if (isConverged(plan)) return false;
      if (steps >= maxSteps) return true;
      const outcomes = await executePlan(plan, {
        mayWrite: () => (steps++ < maxSteps ? undefined : "cut off"),
        apply: (step, outputs) => adapter.apply(step, outputs, signal),
      });
      const delays = plan.waits.map(({ pollAfterMs }) => pollAfterMs);
      for (const outcome of outcomes) {
        if (outcome.state === "failed") throw outcome.error;
        if (outcome.state === "pending") delays.push(outcome.pollAfterMs);
      }
      if (delays.length > 0) await setTimeout(Math.min(...delays));
    }
    throw new Error(`${name} is not done after ${maxRounds} plans`);
  }
}
