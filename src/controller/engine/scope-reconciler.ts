import type { Clock } from "../../base/index.ts";
import type { WorkQueue, WorkResult } from "../../kube/index.ts";
import { driftPriority, initialPriority } from "../../kube/index.ts";
import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../model/index.ts";
import {
  type Capabilities,
  contentHash,
  type Desired,
  isConverged,
  type OwnedObject,
  type ProviderAdapter,
  type ScopeKey,
  type Wait,
} from "../../provider/index.ts";
import { type Attempt, type Failure, type ProviderRunner, pollAfter } from "./provider-runner.ts";
import { scopeName } from "./scope-name.ts";
import type { ScopeUsers } from "./scope-users.ts";

export interface ScopeReconcilerOptions {
  readonly runner: ProviderRunner;
  readonly users: ScopeUsers;
  readonly queue: Pick<WorkQueue, "add" | "addAfter">;
  /** All that a provider of these capabilities could send to. */
  readonly nodes: (capabilities: Capabilities) => readonly NodeTarget[];
  /** Called with the load balancers that have to be looked at again, as a scope of theirs came further or failed. */
  readonly onChange: (ids: readonly LbIdentity[]) => void;
  /** Whether there are load balancers of the provider that no Service wants: they may need what nobody else does. */
  readonly hasOrphans: (provider: string) => boolean;
  /** Shared objects that nobody uses stay so long: the next user may come soon. */
  readonly unusedMs: number;
  readonly driftMs: () => number;
  readonly clock: Clock;
}

/** While orphans may need what is shared, it is looked at again so often. */
const orphansMs = 600_000;
/** What others wait for looks again so often at most. */
const awaitedMs = 10_000;
/** Many Services that change at once change what they share once. */
const gatherMs = 50;

interface Scope {
  readonly adapter: ProviderAdapter;
  readonly key: ScopeKey;
  /** By the Service's UID: a hash of what it wants of this scope. */
  readonly wants: Map<string, string>;
  /** Of members: what they should be, null when they have to go. */
  wish: Desired | null;
  /** It was made by an earlier controller, as far as is known. */
  readonly likelyDone: boolean;
  /** Since when nobody uses it (monotonic). */
  unusedSince: number | undefined;
  /** When somebody last waited for it though it had nothing to do (monotonic). */
  awaitedAt: number | undefined;
  last: Attempt | undefined;
}

/** Everything of a provider that is not the load balancer itself: members, and what several of them share. */
export class ScopeReconciler {
  readonly #options: ScopeReconcilerOptions;
  readonly #scopes = new Map<string, Scope>();

  constructor(options: ScopeReconcilerOptions) {
    this.#options = options;
  }

  /** A load balancer needs its scopes so; what is new in it is brought about. */
  want(adapter: ProviderAdapter, lb: DesiredLoadBalancer, nodes: readonly NodeTarget[], likelyDone: boolean): void {
    const keys = adapter.scopes(lb).filter(({ kind }) => kind !== "service");
    const hash = keys.length === 0 ? "" : contentHash({ lb, nodes });
    const names = new Set(keys.map((key) => scopeName(adapter.name, key)));
    for (const key of keys) {
      const scope = this.#scopeOf(adapter, key, likelyDone);
      if (key.kind === "members") scope.wish = { kind: "members", lb, nodes };
      if (scope.wants.get(lb.id.uid) === hash) continue;
      scope.wants.set(lb.id.uid, hash);
      const delayMs = key.kind === "shared" ? gatherMs : 0;
      this.#options.queue.addAfter(scopeName(adapter.name, key), delayMs, likelyDone ? initialPriority : 0);
    }
    this.#unwant(adapter, lb.id, names);
  }

  /** True once the members of a load balancer that goes are gone; until then `onChange` tells when they are. */
  tearDown(adapter: ProviderAdapter, id: LbIdentity): boolean {
    if (!adapter.capabilities.members) return true;
    const key: ScopeKey = { kind: "members", id };
    const scope = this.#scopeOf(adapter, key, true);
    if (scope.wish !== null || scope.last === undefined) this.#options.queue.add(scopeName(adapter.name, key));
    if (scope.wish !== null) scope.last = undefined;
    scope.wish = null;
    scope.wants.clear();
    return scope.last?.failure === undefined && scope.last !== undefined && isConverged(scope.last.run.plan);
  }

  /** Why a scope is not as it should be, if the last attempt at it failed. */
  failureOf(adapter: ProviderAdapter, key: ScopeKey): Failure | undefined {
    return this.#scopes.get(scopeName(adapter.name, key))?.last?.failure;
  }

  /** The load balancer is gone: what it shared with others is needed by one less. */
  forget(adapter: ProviderAdapter, id: LbIdentity): void {
    this.#scopes.delete(scopeName(adapter.name, { kind: "members", id }));
    this.#unwant(adapter, id, new Set());
    // It may have been made by an earlier controller, so that nobody said here what it wanted.
    for (const [name, scope] of this.#scopes)
      if (scope.adapter === adapter && scope.key.kind === "shared") this.#options.queue.addAfter(name, gatherMs);
  }

  /** The names of what is shared and nobody uses, but for what orphans may need. */
  get unused(): readonly string[] {
    return [...this.#scopes]
      .filter(([, { key, adapter }]) => key.kind === "shared" && !this.#options.hasOrphans(adapter.name))
      .filter(([, scope]) => !this.#isUsed(scope))
      .map(([name]) => name);
  }

  /** Something that was found outside; whether anybody needs it will show. */
  note(adapter: ProviderAdapter, { scope, retained }: OwnedObject): void {
    if (scope.kind !== "shared" || retained) return;
    this.#scopeOf(adapter, scope, true);
    this.#options.queue.add(scopeName(adapter.name, scope), initialPriority);
  }

  /** Somebody waits for other scopes: one that found itself done may not be any more, as things are taken away by hand. */
  awaited(adapter: ProviderAdapter, waits: readonly Wait[]): void {
    const { runner, queue, clock } = this.#options;
    for (const { on } of waits) {
      const name = on === undefined ? "" : scopeName(adapter.name, on);
      const scope = this.#scopes.get(name);
      if (scope?.last === undefined || stateOf(scope.last) !== "") continue;
      const now = clock.monotonic();
      if (scope.awaitedAt !== undefined && now - scope.awaitedAt < awaitedMs) continue;
      scope.awaitedAt = now;
      runner.doubt(adapter.name, scope.key);
      queue.add(name);
    }
  }

  /** How the members of a load balancer are now; null when the adapter keeps them with the load balancer. */
  async members(
    adapter: ProviderAdapter,
    { id }: DesiredLoadBalancer,
    signal: AbortSignal,
  ): ReturnType<ProviderRunner["look"]> {
    if (!adapter.capabilities.members) return { observed: null };
    return await this.#options.runner.look(adapter, { kind: "members", id }, signal);
  }

  /** The last attempt at a scope of this load balancer that is not as it should be. */
  unfinished(adapter: ProviderAdapter, lb: DesiredLoadBalancer): Attempt | undefined {
    for (const key of adapter.scopes(lb)) {
      const last = this.#scopes.get(scopeName(adapter.name, key))?.last;
      if (last !== undefined && stateOf(last) !== "") return last;
    }
    return undefined;
  }

  async reconcile(name: string, signal: AbortSignal): Promise<WorkResult> {
    const { runner, queue } = this.#options;
    const scope = this.#scopes.get(name);
    if (scope === undefined) return {};
    const { adapter, key } = scope;
    const wait = runner.pauseOf(adapter.name) ?? this.#graceOf(scope);
    if (wait !== undefined) return { requeueAfterMs: wait };
    const desired = this.#desiredOf(scope);
    const before = scope.last;
    const attempt = await runner.attempt(adapter, key, desired, {
      allowReplace: false,
      likelyDone: desired !== null && scope.likelyDone,
      mayGoOn: () => (desired === null && this.#isWanted(scope) ? "it is needed again" : undefined),
      wake: () => queue.add(name),
      signal,
    });
    scope.last = attempt;
    const worked = attempt.run !== undefined && attempt.run.outcomes.length > 0;
    // While what has to go waits for others, they are not to be asked again and again how far they are.
    const isGone = desired === null && stateOf(attempt) === "";
    if (worked || stateOf(before) !== stateOf(attempt) || isGone) this.#tell(scope);
    if (attempt.failure !== undefined) return runner.next(adapter.name, attempt.failure);
    this.awaited(adapter, attempt.run.plan.waits);
    if (!isConverged(attempt.run.plan)) return { requeueAfterMs: pollAfter(attempt.run) };
    if (desired !== null) return { requeueAfterMs: this.#options.driftMs(), priority: driftPriority };
    if (key.kind === "shared") this.#scopes.delete(name);
    return {};
  }

  #scopeOf(adapter: ProviderAdapter, key: ScopeKey, likelyDone: boolean): Scope {
    const name = scopeName(adapter.name, key);
    const known = this.#scopes.get(name);
    if (known !== undefined) return known;
    const scope = {
      adapter,
      key,
      wants: new Map(),
      wish: null,
      likelyDone,
      unusedSince: undefined,
      awaitedAt: undefined,
      last: undefined,
    };
    this.#scopes.set(name, scope);
    return scope;
  }

  #unwant(adapter: ProviderAdapter, { uid }: LbIdentity, except: ReadonlySet<string>): void {
    for (const [name, scope] of this.#scopes) {
      if (scope.adapter !== adapter || except.has(name) || !scope.wants.delete(uid)) continue;
      scope.wish = null;
      this.#options.queue.addAfter(name, gatherMs);
    }
  }

  #desiredOf({ adapter, key, wish }: Scope): Desired | null {
    if (key.kind !== "shared") return wish;
    const { users, isUsed } = this.#options.users.usersOf(adapter, key);
    return isUsed ? { kind: "shared", users, nodes: this.#options.nodes(adapter.capabilities) } : null;
  }

  #isWanted(scope: Scope): boolean {
    return scope.key.kind === "shared" ? this.#isUsed(scope) : scope.wish !== null;
  }

  #isUsed({ adapter, key }: Scope): boolean {
    return this.#options.users.usersOf(adapter, key).isUsed;
  }

  /** How long shared objects stay yet without anybody who uses them. */
  #graceOf(scope: Scope): number | undefined {
    if (scope.key.kind !== "shared") return undefined;
    const { clock, unusedMs } = this.#options;
    const now = clock.monotonic();
    const isUsed = this.#isUsed(scope);
    const isFree = !isUsed && !this.#options.hasOrphans(scope.adapter.name);
    scope.unusedSince = isFree ? (scope.unusedSince ?? now) : undefined;
    if (!isUsed && !isFree) return orphansMs;
    const left = scope.unusedSince === undefined ? 0 : scope.unusedSince + unusedMs - now;
    return left > 0 ? left : undefined;
  }

  #tell({ adapter, key }: Scope): void {
    const { users, onChange } = this.#options;
    onChange(key.kind === "shared" ? users.usersOf(adapter, key).users.map(({ id }) => id) : [key.id]);
  }
}

/** Empty when all is as it should be, or nothing is known yet. */
function stateOf(attempt: Attempt | undefined): string {
  if (attempt === undefined) return "";
  if (attempt.failure !== undefined) return attempt.failure.decision.reason;
  const { plan, outcomes } = attempt.run;
  if (isConverged(plan)) return "";
  return outcomes.find((outcome) => outcome.state === "pending")?.what ?? plan.waits[0]?.what ?? plan.summary;
}
