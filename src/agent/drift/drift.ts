import { Counter, Gauge } from "prom-client";
import { type Clock, isAbort, orAborted, type Random } from "../../base/index.ts";
import {
  cpuTimeMs,
  type Exec,
  type Flavour,
  type Follow,
  Iptables,
  type LegacyTables,
  openLegacyTables,
  untilMonitorListens,
} from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { Logger, Metrics } from "../../telemetry/index.ts";
import { Checker, type DriftTarget } from "./checker.ts";
import { type ForeignRule, ForeignRules } from "./foreign-rules.ts";
import { JumpOrder } from "./jump-order.ts";
import { LayoutWatch } from "./layout-watch.ts";
import { NftWatch } from "./nft-watch.ts";
import type { OwnWrites } from "./own-writes.ts";
import { PollWatch } from "./poll-watch.ts";
import type { CheckResult, Suspect } from "./watch.ts";

export interface DriftOptions {
  readonly target: DriftTarget;
  /** Which kernel interface the tools talk to. */
  readonly flavour: Flavour;
  readonly exec: Exec;
  /** Runs `nft monitor`. */
  readonly follow: Follow;
  /** Through which the target writes. */
  readonly ownWrites: OwnWrites;
  /** Moves our jumps above foreign rules (`--enforce-jump-order`). */
  readonly enforceJumpOrder: boolean;
  /** Asks for a sync: a repair failed, and the target has to read the kernel. */
  readonly resync: () => void;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
  /** Processor time of this process and its ended children so far, in ms. */
  readonly cpuMs?: () => number;
  /** In the network namespace of the rules, which is that of this process. */
  readonly openTables?: () => LegacyTables;
}

/** For the debug pages. */
export interface DriftState {
  readonly watch: "events" | "polling";
  readonly foreignRules: readonly ForeignRule[];
}

/** Keeps the rules as they were last written. */
export class Drift {
  readonly #options: DriftOptions;
  readonly #foreign: ForeignRules;
  readonly #repairs: Counter<"ip_family" | "table">;
  #watch: DriftState["watch"];

  constructor(options: DriftOptions) {
    const registers = [options.metrics];
    this.#options = options;
    this.#watch = options.flavour === "nft" ? "events" : "polling";
    this.#repairs = new Counter({
      name: "berth_agent_drift_repairs_total",
      help: "Repairs of rules that somebody else had altered.",
      labelNames: ["ip_family", "table"],
      registers,
    });
    const gauge = new Gauge({
      name: "berth_agent_foreign_rules",
      help: "Rules of others above our jumps in built-in chains.",
      labelNames: ["ip_family", "table", "chain"],
      registers,
    });
    this.#foreign = new ForeignRules(gauge, options.logger);
  }

  state(): DriftState {
    return { watch: this.#watch, foreignRules: this.#foreign.list() };
  }

  /** Runs from the first written rules until aborted. Whatever fails, rules are served on. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#watchRules(signal);
    } catch (error) {
      if (!isAbort(error, signal)) throw error;
    }
  }

  async #watchRules(signal: AbortSignal): Promise<void> {
    const { target, exec, enforceJumpOrder, ownWrites, logger, clock, random } = this.#options;
    await orAborted(target.programmed, signal);
    const iptables = new Map(target.kernels.map(({ family }) => [family, new Iptables(exec, family)]));
    using jumpOrder = new JumpOrder({
      enforced: enforceJumpOrder,
      // What fails here is logged, and the kernel is read by the next sync.
      again: (family, table, chain) =>
        void check({ family, table, chains: new Set([chain]), by: [] }).catch((err: unknown) => {
          if (!isAbort(err, signal)) logger.error("rules not compared with the kernel", { family, table, err });
        }),
      clock,
      random,
    });
    const checker = new Checker({
      target,
      iptables: (family: Family) => iptables.get(family) ?? new Iptables(exec, family),
      ownWrites,
      foreign: this.#foreign,
      jumpOrder,
      repairs: this.#repairs,
      logger,
      clock,
    });
    const check = (suspect: Suspect): Promise<CheckResult> => this.#check(checker, suspect, signal);
    await this.#run(check, signal);
  }

  async #run(check: (suspect: Suspect) => Promise<CheckResult>, signal: AbortSignal): Promise<void> {
    const { flavour, logger, clock, cpuMs = cpuTimeMs } = this.#options;
    if (flavour === "legacy") {
      using layouts = this.#watchLayouts();
      return await new PollWatch({ ...this.#options, cpuMs, layouts }).run(check, signal);
    }
    try {
      const listening = (pid: number, ended: AbortSignal): Promise<void> => untilMonitorListens(pid, ended, clock);
      await new NftWatch({ ...this.#options, cpuMs, listening }).run(check, signal);
    } catch (err) {
      if (isAbort(err, signal)) throw err;
      logger.warn("altered rules are found later than they could be: the kernel's events cannot be read", { err });
      this.#watch = "polling";
      await new PollWatch({ ...this.#options, cpuMs, layouts: undefined }).run(check, signal);
    }
  }

  #watchLayouts(): LayoutWatch | undefined {
    const { target, ownWrites, logger, openTables = openLegacyTables } = this.#options;
    try {
      const families = target.kernels.map(({ family }) => family);
      return new LayoutWatch(openTables(), families, ownWrites);
    } catch (err) {
      logger.warn("altered rules are found later than they could be: layouts of tables cannot be read", { err });
      return undefined;
    }
  }

  /** May be cut short at any time: a repair is one table, and what is left over of a large one is found by the next start. */
  async #check(checker: Checker, suspect: Suspect, signal: AbortSignal): Promise<CheckResult> {
    signal.throwIfAborted();
    try {
      return await checker.check(suspect, signal);
    } catch (error) {
      const kernel = this.#options.target.kernels.find(({ family }) => family === suspect.family);
      if (kernel?.applier.knowsKernel === false) this.#options.resync();
      throw error;
    }
  }
}
