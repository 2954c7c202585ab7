import { Registry } from "prom-client";
import type { Lease } from "../../api/index.ts";
import { FakeClock } from "../../base/fake-clock.ts";
import { type Random, sleep } from "../../base/index.ts";
import { nullLogger } from "../../telemetry/index.ts";
import { defaultLeaseTimes, LeaseElection, LeaseLostError } from "../lease-election.ts";
import { Collection } from "./collection.ts";
import { Host } from "./host.ts";
import { Line } from "./line.ts";
import { WireClient } from "./wire-client.ts";

const hourMs = 3_600_000;
/** A leader writes about as often. */
const writeEveryMs = 700;
/** Who has never seen the lease waits for its first watch, which a back-off may hold up for so long. */
const backoffMs = 65_000;
/** Who has seen it waits out what it knows, tries, and then finds out how things stand, whatever its watch does. */
const retryMs = 20_000;
/** How much later than the lease allows others may take it over, and how long an orderly end may take. */
const graceMs = 2000;

/** One process that wants to lead, from its start to its end. */
export class Candidate {
  readonly identity: string;
  readonly host: Host;
  readonly line: Line;
  readonly election: LeaseElection;
  /** Since when it runs without standing still. */
  awakeSince: number;
  /** Since when it could reach the server as well. */
  fitSince: number;
  readonly #stop = new AbortController();
  readonly #world: ElectionWorld;
  /** The signal of its leadership, while it leads. */
  leading: AbortSignal | undefined;
  stoppedAt: number | undefined;
  outcome: "running" | "killed" | "ended" | "lost" | "failed" = "running";

  constructor(world: ElectionWorld, identity: string) {
    const { time, random } = world;
    this.#world = world;
    this.identity = identity;
    this.awakeSince = time.monotonic();
    this.fitSince = this.awakeSince;
    this.host = new Host(time, (2 * random() - 1) * hourMs, random() * hourMs);
    this.line = new Line(time, this.host, random);
    this.election = new LeaseElection({
      client: new WireClient(world.leases, this.line),
      namespace: "berth",
      name: "controller",
      identity,
      logger: nullLogger,
      metrics: new Registry(),
      clock: this.host,
      random,
    });
    void this.#live();
  }

  async #live(): Promise<void> {
    try {
      await this.election.run((leading) => this.#lead(leading), this.#stop.signal);
      this.outcome = "ended";
    } catch (error) {
      this.outcome = error instanceof LeaseLostError ? "lost" : "failed";
    }
  }

  async #lead(leading: AbortSignal): Promise<void> {
    this.leading = leading;
    while (!leading.aborted) {
      // Decided now, sent a moment later: only what holds when it is sent counts.
      this.host.schedule(() => this.election.mayWrite() && this.#world.wrote(this), 2 * this.#world.random());
      await sleep(writeEveryMs * (0.5 + this.#world.random()), leading, this.host).catch(() => {});
    }
    this.leading = undefined;
  }

  get mayWrite(): boolean {
    return this.outcome !== "killed" && this.election.mayWrite();
  }

  /** Whether it has seen the lease. */
  get acquainted(): boolean {
    return this.line.informedAt !== undefined;
  }

  /** Since when it is known to be able to lead. */
  get readySince(): number {
    const { informedAt } = this.line;
    return informedAt === undefined ? this.fitSince + backoffMs : Math.max(this.fitSince + retryMs, informedAt);
  }

  get runs(): boolean {
    return this.outcome === "running";
  }

  /** Stands still, and goes on after so long. */
  freeze(ms: number): void {
    if (this.host.frozen) return;
    this.host.freeze();
    this.#world.time.schedule(() => this.#thaw(), ms);
  }

  #thaw(): void {
    if (this.outcome === "killed") return;
    this.host.thaw();
    this.awakeSince = this.#world.time.monotonic();
    this.fitSince = this.awakeSince;
  }

  /** Stands still as soon as it has decided to send something, before it does. */
  freezeBeforeSending(ms: number): void {
    this.line.beforeSending = () => {
      this.line.beforeSending = () => {};
      this.freeze(ms);
    };
  }

  /** As `kill -9`. */
  kill(): void {
    this.outcome = "killed";
    this.host.freeze();
    this.line.state = "refused";
  }

  terminate(): void {
    this.stoppedAt ??= this.#world.time.monotonic();
    this.host.awake(() => this.#stop.abort(new Error("SIGTERM")));
  }
}

/**
 * A server, processes that want to lead, and the one true time, which none of them knows. `run` lets time pass and
 * throws as soon as something is not as it must be.
 */
export class ElectionWorld {
  readonly time: FakeClock = new FakeClock();
  readonly leases: Collection<Lease> = new Collection<Lease>();
  readonly random: Random;
  readonly candidates: Candidate[] = [];
  /** Who wrote, each time it was somebody else than before. */
  readonly writers: Candidate[] = [];
  readonly #violations: string[] = [];
  /** When somebody led or the lease changed: since then others wait. */
  #vitalAt = 0;
  /** The longest duration that the lease ever had. */
  #longestMs = defaultLeaseTimes.durationMs;
  #byHand = false;

  constructor(random: Random) {
    this.random = random;
    let before: Lease["spec"];
    this.leases.watch(Number(this.leases.version), ({ type, object }) => {
      const { spec } = object as Lease;
      this.#vitalAt = this.time.monotonic();
      if (!this.#byHand && before !== undefined) this.#checkTransition(before, spec);
      before = type === "DELETED" ? undefined : spec;
    });
  }

  get lease(): Lease | undefined {
    return this.leases.get("controller");
  }

  /** Those that may write now. Never more than one, but who asks this looks for the violation. */
  get leaders(): Candidate[] {
    return this.candidates.filter(({ mayWrite }) => mayWrite);
  }

  join(): Candidate {
    const candidate = new Candidate(this, `candidate-${this.candidates.length}`);
    this.candidates.push(candidate);
    return candidate;
  }

  /** Starts a process in place of each that has ended. */
  restart(): void {
    // Who has never seen the lease takes one that an administrator has deleted for one that never was.
    if (this.lease === undefined && this.leaders.length > 0) return;
    for (let missing = 3 - this.candidates.filter(({ runs }) => runs).length; missing > 0; missing--) this.join();
  }

  async restartServer(ms: number): Promise<void> {
    const up = this.candidates.filter(({ line }) => line.state === "up");
    for (const { line } of up) line.state = "refused";
    await this.run(ms);
    for (const { line, runs } of up) if (runs) line.state = "up";
  }

  /** Heals all that can be healed, fills up the number and waits until everybody has noticed. */
  async calm(): Promise<void> {
    for (const { line, runs } of this.candidates)
      if (runs) {
        line.state = "up";
        line.slownessMs = 2;
        line.beforeSending = () => {};
      }
    await this.run(backoffMs);
    this.restart();
    await this.run(backoffMs);
  }

  /** What an administrator writes into the lease; not what its holder writes to release it, which nobody can tell. */
  edit(change: Partial<Lease["spec"]>): void {
    const { lease } = this;
    const spec = { ...lease?.spec, ...change };
    if (lease === undefined || (spec.holderIdentity === "" && spec.leaseDurationSeconds === 1)) return;
    this.#byHand = true;
    this.leases.put({ ...lease, spec });
    this.#byHand = false;
    this.#longestMs = Math.max(this.#longestMs, (spec.leaseDurationSeconds ?? 0) * 1000);
  }

  /**
   * Unless somebody has never seen the lease, or is just creating it: whose create arrives after this cannot know, as
   * a create has no version to depend on.
   */
  deleteLease(): void {
    const now = this.time.monotonic();
    const running = this.candidates.filter(({ runs }) => runs);
    const known = running.every(({ acquainted, line }) => {
      const created = line.sent.findLast(({ what }) => what === "POST");
      return acquainted && (created === undefined || now - created.at > retryMs);
    });
    if (known) this.leases.delete("controller");
  }

  wrote(candidate: Candidate): void {
    if (this.writers.at(-1) === candidate) return;
    this.writers.push(candidate);
    this.#require(
      this.writers.indexOf(candidate) === this.writers.length - 1,
      () => `${candidate.identity} wrote again`,
    );
  }

  async run(ms: number): Promise<void> {
    const end = this.time.monotonic() + ms;
    for (let left = ms; left > 0; left = end - this.time.monotonic()) {
      await this.time.run(Math.min(left, this.time.pending[0] ?? left));
      this.#check();
    }
  }

  #check(): void {
    const now = this.time.monotonic();
    const { leaders } = this;
    const names = leaders.map(({ identity }) => identity);
    this.#require(leaders.length <= 1, () => `${names.join(" and ")} may both write`);
    if (leaders.length > 0) this.#vitalAt = now;
    for (const candidate of this.candidates) this.#checkCandidate(candidate, now);
    if (this.#violations.length > 0) throw new Error(`at ${(now / 1000).toFixed(3)} s: ${this.#violations.join("; ")}`);
  }

  #checkCandidate(candidate: Candidate, now: number): void {
    const { identity, outcome, host, line, leading, stoppedAt } = candidate;
    this.#require(outcome !== "failed", () => `${identity} failed`);
    if (outcome !== "running") return;
    if (line.state !== "up" || line.slownessMs > 2) candidate.fitSince = now;
    const idle = leading?.aborted ?? true;
    this.#require(host.frozen || idle || candidate.mayWrite, () => `${identity} was not told that it lost the lease`);
    if (stoppedAt !== undefined)
      this.#require(
        host.frozen || now - Math.max(stoppedAt, candidate.awakeSince) <= graceMs,
        () => `${identity} does not end`,
      );
    else
      this.#require(
        host.frozen || now - Math.max(this.#vitalAt, candidate.readySince) <= this.#longestMs + graceMs,
        () => `nobody leads though ${identity} could`,
      );
  }

  #checkTransition(before: Lease["spec"], after: Lease["spec"]): void {
    const { holderIdentity: from = "", leaseTransitions: known = 0 } = before ?? {};
    const { holderIdentity: to = "", leaseTransitions: count } = after ?? {};
    const more = to === "" || to === from ? 0 : 1;
    this.#require(count === known + more, () => `${from} -> ${to} counts ${known} -> ${count}`);
  }

  #require(holds: boolean, otherwise: () => string): void {
    if (!holds) this.#violations.push(otherwise());
  }
}
