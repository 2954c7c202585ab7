import { describe, expect, it } from "vitest";
import type { LbIdentity } from "../../model/index.ts";
import {
  contentHash,
  type Desired,
  NotSentError,
  type Plan,
  type ProviderAdapter,
  ProviderError,
  type ScopeKey,
} from "../index.ts";
import { type Cut, Drive, desiredOf } from "./drive.ts";

/** One outside world, on which adapters come and go; there is only one at a time. */
export interface Bed extends AsyncDisposable {
  /** An adapter without memory, as after a restart of the controller. By default its fence lets everything through. */
  adapter(fence?: () => string | undefined): Promise<ProviderAdapter>;
  /** All that exists in it: equal texts mean equal worlds. */
  fingerprint(): Promise<string>;
  /** How many mutating requests were begun so far, seen from outside of the adapter. */
  begun(): number;
  /** Puts something of another owner where the load balancer would be. */
  occupy(id: LbIdentity): Promise<void>;
  /** Marks what exists as retained; absent where the adapter has no such mark. */
  retain?(): Promise<void>;
}

export type ServiceDesired = Extract<Desired, { kind: "service" }>;

export interface Conformance {
  readonly newBed: () => Promise<Bed>;
  /** Wishes of one and the same Service that the adapter can turn into one another. */
  readonly wishes: Readonly<Record<string, ServiceDesired>>;
  /** For one test; those of a world that is slow need more than vitest gives. */
  readonly timeoutMs?: number;
}

const { signal } = new AbortController();

/** What every adapter must keep, whatever it drives. */
export function describeConformance(name: string, { newBed, wishes, timeoutMs = 60_000 }: Conformance): void {
  const names = Object.keys(wishes);
  const fingerprints = new Map<string | undefined, string>();
  const transitions = [undefined, ...names].flatMap((from) =>
    [...names, undefined].filter((to) => to !== from).map((to) => ({ from, to })),
  );
  const cells = transitions.flatMap((transition) =>
    (["before the commit", "with the answer lost", "with the end of the process"] as const).map((how) => ({
      ...transition,
      how,
    })),
  );

  describe(`${name} as a provider`, { timeout: timeoutMs }, () => {
    it.each(names)("finds nothing to refuse in %s", async (wish) => {
      await using bed = await newBed();
      const issues = (await bed.adapter()).validate(wanted(wish).lb);
      expect(issues.filter(({ severity }) => severity === "refuse")).toEqual([]);
    });

    it.each(names)("has nothing left to do once %s is done, also after a restart", async (wish) => {
      await using bed = await newBed();
      await converge(bed, wish);
      const before = [await bed.fingerprint(), bed.begun()];
      for (let i = 0; i < 2; i++)
        for (const plan of await plansOf(await bed.adapter(), wish))
          expect(plan).toMatchObject({ steps: [], waits: [] });
      expect([await bed.fingerprint(), bed.begun()]).toEqual(before);
    });

    it.each(names)("plans the same from the same observation of %s", async (wish) => {
      await using bed = await newBed();
      const [one, two] = [await plansOf(await bed.adapter(), wish), await plansOf(await bed.adapter(), wish)];
      expect(one.flatMap(({ steps }) => steps).length).toBeGreaterThan(0);
      expect(two.map(({ hash }) => hash)).toEqual(one.map(({ hash }) => hash));
      for (const { summary } of one) expect(summary).not.toBe("");
    });

    it.each(names)("shows the addresses of %s and lists it as owned by its cluster alone", async (wish) => {
      await using bed = await newBed();
      await converge(bed, wish);
      const adapter = await bed.adapter();
      const { lb, nodes } = wanted(wish);
      const key = { kind: "service", id: lb.id } as const;
      const observed = await adapter.observe(key, "live", signal);
      expect(adapter.status(lb, observed, null, nodes).ingress.length).toBeGreaterThan(0);
      expect(await ownedOf(adapter)).toEqual(sorted(scopesOf(adapter).filter((scope) => isMade(scope, wish))));
      expect(await Array.fromAsync(adapter.listOwned("another cluster", signal))).toEqual([]);
    });

    it.each(transitions)("rule 3: plans the same from a snapshot as live, of $from for $to", async ({ from, to }) => {
      await using bed = await newBed();
      await converge(bed, from);
      const adapter = await bed.adapter();
      const snapshot = await adapter.snapshot(scopesOf(adapter), signal);
      expect((await plansOf(adapter, to, snapshot)).map(({ hash }) => hash)).toEqual(
        (await plansOf(adapter, to)).map(({ hash }) => hash),
      );
    });

    it.each(transitions)("comes from $from to $to as if it had never been otherwise", async ({ from, to }) => {
      const expected = await madeAtOnce(to);
      await using bed = await newBed();
      await converge(bed, from);
      await converge(bed, to);
      expect(await bed.fingerprint()).toBe(expected);
    });

    it.each(cells)("survives a crash at any step $how, from $from to $to", async ({ from, to, how }) => {
      const expected = await madeAtOnce(to);
      for (let at = 0; ; at++) {
        await using bed = await newBed();
        await converge(bed, from);
        const adapter = await bed.adapter();
        const drive = new Drive(adapter, wishOf(to), scopesOf(adapter));
        const wasCut = await drive.run({ at, how } satisfies Cut);
        if (how === "with the end of the process") await converge(bed, to);
        else await drive.run();
        expect(await bed.fingerprint(), `at step ${at}`).toBe(expected);
        if (!wasCut) break;
      }
    });

    it.each(transitions)(
      "rule 5: sends nothing once the fence says no, even in the middle of a step, from $from to $to",
      async ({ from, to }) => {
        const expected = await madeAtOnce(to);
        for (let allowed = 0; ; allowed++) {
          await using bed = await newBed();
          await converge(bed, from);
          const before = bed.begun();
          let [left, wasRefused] = [allowed, false];
          const adapter = await bed.adapter(() => {
            if (left-- > 0) return undefined;
            wasRefused = true;
            return "the lease is gone";
          });
          const drive = new Drive(adapter, wishOf(to), scopesOf(adapter));
          await drive.run().catch((error: unknown) => expect(error).toBeInstanceOf(NotSentError));
          await drive.applyAgain();
          expect(bed.begun() - before, `${allowed} requests`).toBeLessThanOrEqual(allowed);
          await converge(bed, to);
          expect(await bed.fingerprint(), `${allowed} requests`).toBe(expected);
          if (!wasRefused) break;
        }
      },
    );

    it.each(names)("touches nothing of another owner in the place of %s", async (wish) => {
      await using bed = await newBed();
      await bed.occupy(wanted(wish).lb.id);
      const before = (await bed.fingerprint()).split("\n");
      const kinds: string[] = [];
      for (const desired of [wish, undefined])
        await converge(bed, desired).catch((error: unknown) => {
          kinds.push(error instanceof ProviderError ? error.fault.kind : String(error));
        });
      const after = (await bed.fingerprint()).split("\n");
      expect(before.filter((line) => !after.includes(line))).toEqual([]);
      expect(kinds[0]).toBe("conflict");
    });

    it.each(names)("rule 2: the end of %s takes nothing away that is shared", async (wish) => {
      await using bed = await newBed();
      await converge(bed, wish);
      const adapter = await bed.adapter();
      const shared = scopesOf(adapter).filter(({ kind }) => kind === "shared");
      const own = scopesOf(adapter).filter(({ kind }) => kind !== "shared");
      await new Drive(adapter, null, own).run();
      expect(await ownedOf(adapter)).toEqual(sorted(shared));
    });

    it.each(names)("rule 9: tells of %s that it is retained, where it can be", async (wish) => {
      await using bed = await newBed();
      await converge(bed, wish);
      await bed.retain?.();
      const owned = await Array.fromAsync((await bed.adapter()).listOwned(wanted(wish).lb.id.clusterId, signal));
      expect(new Set(owned.map(({ retained }) => retained))).toEqual(new Set([bed.retain !== undefined]));
    });
  });

  function wanted(wish: string): ServiceDesired {
    const found = wishes[wish];
    if (found === undefined) throw new Error(`no wish ${wish}`);
    return found;
  }

  function wishOf(wish: string | undefined): ServiceDesired | null {
    return wish === undefined ? null : wanted(wish);
  }

  function scopesOf(adapter: ProviderAdapter): readonly ScopeKey[] {
    return adapter.scopes(wanted(names[0] ?? "").lb);
  }

  /** A wish without nodes leaves no members. */
  function isMade({ kind }: ScopeKey, wish: string): boolean {
    return kind !== "members" || wanted(wish).nodes.length > 0;
  }

  async function ownedOf(adapter: ProviderAdapter): Promise<readonly ScopeKey[]> {
    const owned = await Array.fromAsync(adapter.listOwned(wanted(names[0] ?? "").lb.id.clusterId, signal));
    return sorted(owned.map(({ scope }) => scope));
  }

  async function plansOf(
    adapter: ProviderAdapter,
    wish: string | undefined,
    from: unknown = "live",
  ): Promise<readonly Plan[]> {
    const plans: Plan[] = [];
    for (const key of scopesOf(adapter)) {
      const observed = await adapter.observe(key, from, signal);
      plans.push(adapter.plan(key, desiredOf(key, wishOf(wish)), observed, { now: 0, since: () => 0 }));
    }
    return plans;
  }

  /** What the world looks like when this is wished for from the beginning. */
  async function madeAtOnce(wish: string | undefined): Promise<string> {
    const known = fingerprints.get(wish);
    if (known !== undefined) return known;
    await using bed = await newBed();
    await converge(bed, wish);
    const made = await bed.fingerprint();
    fingerprints.set(wish, made);
    return made;
  }

  async function converge(bed: Bed, wish: string | undefined): Promise<void> {
    const adapter = await bed.adapter();
    await new Drive(adapter, wishOf(wish), scopesOf(adapter)).run();
  }
}

/** Each once, in an order of its own. */
function sorted(keys: readonly ScopeKey[]): readonly ScopeKey[] {
  const byText = new Map(keys.map((key) => [contentHash(key), key]));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
}
