import type { Counter } from "prom-client";
import { type Clock, inTurns } from "../../base/index.ts";
import { type Iptables, ruleTarget, type SavedTables, UnreadableTableError } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import {
  differenceInSteps,
  type Held,
  type JumpsOnTop,
  observeInSteps,
  type RuleApplier,
  type TableDifference,
  type Written,
} from "../apply/index.ts";
import { isServiceChain, type Jump, type RuleProgram, type TableProgram } from "../plan/index.ts";
import { type ForeignRules, foreignAbove } from "./foreign-rules.ts";
import type { JumpOrder } from "./jump-order.ts";
import type { OwnWrites } from "./own-writes.ts";
import { SavedTable } from "./saved-table.ts";
import type { CheckResult, Suspect } from "./watch.ts";

/** The rules of one family as they are known to be written, and their writer. */
export interface KernelRules {
  readonly family: Family;
  readonly applier: Pick<RuleApplier, "program" | "knowsKernel" | "repair">;
  /** Runs something while nothing else of this process writes these rules. */
  readonly exclusively: <T>(run: () => Promise<T>) => Promise<T>;
}

/** Whose rules are watched. */
export interface DriftTarget {
  readonly kernels: readonly KernelRules[];
  /** Resolves when the rules of any family are in the kernel for the first time. */
  readonly programmed: Promise<unknown>;
}

export interface CheckerOptions {
  readonly target: DriftTarget;
  readonly iptables: (family: Family) => Pick<Iptables, "hasRule" | "listChain" | "saveText">;
  readonly ownWrites: OwnWrites;
  readonly foreign: ForeignRules;
  readonly jumpOrder: JumpOrder;
  readonly repairs: Counter<"ip_family" | "table">;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Above this, reading all of a table costs less than reading its chains one by one (3 ms each, on nf_tables). */
const maxChainReads = 40;
/** Longer lists of chains say nothing to people. */
const maxChainsLogged = 20;

interface Reading {
  readonly saved: SavedTables;
  /** The part of the program that it is about. */
  readonly part: RuleProgram;
  /** Calls it what the part says, from now on. */
  readonly accept: () => void;
}

interface Comparison {
  readonly held: Held;
  readonly differences: readonly TableDifference[];
}

/** Compares what was read of one table with what was last written, and has written again what is not so. */
export class Checker {
  readonly #options: CheckerOptions;
  readonly #tables = new Map<string, SavedTable>();
  /** Tables of which it was told that they cannot be shown. */
  readonly #unreadable = new Set<string>();

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /**
   * Rejects when the kernel cannot be read or written; after the latter the next sync reads it anew. Reads while
   * syncs go on, and starts again in their turn only when it seems that something has to be written.
   */
  async check(suspect: Suspect, signal: AbortSignal): Promise<CheckResult> {
    const { target, ownWrites } = this.#options;
    const { family, table } = suspect;
    const kernel = target.kernels.find((one) => one.family === family);
    const program = kernel?.applier.program;
    const part = program?.get(table);
    if (kernel === undefined || part === undefined) return "unknown";
    const version = ownWrites.version(family);
    const settled = (): boolean =>
      kernel.applier.knowsKernel && kernel.applier.program === program && ownWrites.version(family) === version;
    let reading: Reading | undefined;
    if (settled()) {
      reading = await this.#read(suspect, part, signal);
      if (reading === undefined) return "intact";
      if (settled() && (await this.#compare(suspect, reading)).differences.length === 0 && settled())
        return this.#intact(suspect, reading);
    }
    return await kernel.exclusively(async () => {
      const now = kernel.applier.program?.get(table);
      if (now === undefined || !kernel.applier.knowsKernel) return "unknown";
      const current = settled() && reading !== undefined ? reading : await this.#read(suspect, now, signal);
      return current === undefined ? "intact" : await this.#repair(kernel, suspect, current, signal);
    });
  }

  async #repair(kernel: KernelRules, suspect: Suspect, reading: Reading, signal: AbortSignal): Promise<CheckResult> {
    const { clock, jumpOrder, repairs } = this.#options;
    const { family, table } = suspect;
    const start = clock.monotonic();
    const { held, differences } = await this.#compare(suspect, reading);
    if (differences.length === 0) return this.#intact(suspect, reading);
    for (const { unlink } of differences)
      for (const from of new Set(unlink.map((jump) => jump.from))) jumpOrder.moved(family, table, from);
    const written = await kernel.applier.repair(differences, signal, held);
    repairs.inc({ ip_family: family, table });
    this.#report(suspect, written, clock.monotonic() - start);
    this.#noteForeign(suspect, reading, new Set(differences.flatMap(({ unlink }) => unlink.map(({ from }) => from))));
    return "repaired";
  }

  #intact(suspect: Suspect, reading: Reading): CheckResult {
    reading.accept();
    this.#noteForeign(suspect, reading);
    return "intact";
  }

  async #compare({ family }: Suspect, { saved, part }: Reading): Promise<Comparison> {
    const { jumpOrder } = this.#options;
    const onTop: JumpsOnTop = (table, chain) => jumpOrder.mayMove(family, table, chain);
    const held = await inTurns(observeInSteps(saved, part, onTop));
    return { held, differences: await inTurns(differenceInSteps(held, part)) };
  }

  async #read(suspect: Suspect, program: TableProgram, signal: AbortSignal): Promise<Reading | undefined> {
    const { family, table, chains } = suspect;
    if (chains !== undefined && chains.size <= maxChainReads)
      return await this.#readChains(suspect, program, chains, signal);
    const key = `${family} ${table}`;
    try {
      const reading = await this.#readTable(suspect, program, signal);
      this.#unreadable.delete(key);
      return reading;
    } catch (err) {
      if (!(err instanceof UnreadableTableError)) throw err;
      if (!this.#unreadable.has(key))
        this.#options.logger.warn("altered rules of single Services may go unnoticed", { family, table, err });
      this.#unreadable.add(key);
      return await this.#readChains(suspect, program, dispatchChains(program), signal);
    }
  }

  /** Undefined when the table says to the letter what it said when it was accepted last. */
  async #readTable(
    { family, table }: Suspect,
    program: TableProgram,
    signal: AbortSignal,
  ): Promise<Reading | undefined> {
    const { iptables } = this.#options;
    const key = `${family} ${table}`;
    const text = await iptables(family).saveText(signal, table);
    const known = this.#tables.get(key) ?? new SavedTable();
    this.#tables.set(key, known);
    if (known.same(text, program)) return undefined;
    const { chains, accept } = await inTurns(known.readInSteps(text, table, program));
    return { saved: new Map([[table, chains]]), part: new Map([[table, program]]), accept };
  }

  async #readChains(
    { family, table }: Suspect,
    { chains, jumps, names: ours }: TableProgram,
    names: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<Reading> {
    const iptables = this.#options.iptables(family);
    const saved = new Map<string, { policy: undefined; rules: readonly string[] }>();
    const own = jumps.filter(({ from }) => names.has(from));
    // Whether there is the chain that such a jump needs, which is not ours to make again.
    const targets = own.flatMap(({ shared, rule }) => (shared === true ? (ruleTarget(rule) ?? []) : []));
    for (const chain of [...new Set([...names, ...targets])].sort()) {
      const rules = await iptables.listChain(table, chain, signal);
      if (rules !== undefined) saved.set(chain, { policy: undefined, rules });
    }
    const unprinted = new Map<string, readonly string[]>();
    // A built-in chain is always there: this one holds what iptables cannot print, and is asked for each jump.
    for (const jump of own.filter(({ from }) => !saved.has(from))) {
      const there = (await iptables.hasRule(table, jump.from, jump.rule, signal)) ? [jump.rule] : [];
      unprinted.set(jump.from, [...(unprinted.get(jump.from) ?? []), ...there]);
    }
    for (const [from, rules] of unprinted) saved.set(from, { policy: undefined, rules });
    const part: TableProgram = {
      chains: new Map([...names].flatMap((chain) => (chains.has(chain) ? [[chain, chains.get(chain) ?? []]] : []))),
      jumps: own,
      names: ours,
    };
    return { saved: new Map([[table, saved]]), part: new Map([[table, part]]), accept: () => {} };
  }

  /** `moved` are chains in which our jumps stand on top now. */
  #noteForeign({ family, table }: Suspect, { saved, part }: Reading, moved: ReadonlySet<string> = new Set()): void {
    const program = part.get(table);
    if (program === undefined) return;
    for (const [from, own] of Map.groupBy(program.jumps, (jump: Jump) => jump.from)) {
      const rules = moved.has(from) ? [] : foreignAbove(saved.get(table)?.get(from)?.rules ?? [], own, program.names);
      this.#options.foreign.update(family, table, from, rules);
      if (rules.length > 0) this.#options.jumpOrder.disputed(family, table, from);
    }
  }

  #report({ family, table, by }: Suspect, { chains, removed, jumps, rules }: Written, durationMs: number): void {
    const own = (name: string): string => name.slice(table.length + 1);
    const names = [...chains.map(own), ...removed.map(own), ...jumps.map((jump) => `${own(jump)} (jump)`)];
    this.#options.logger.warn("rules altered by somebody else; written again", {
      family,
      table,
      chains: names.slice(0, maxChainsLogged),
      count: names.length,
      rules: rules.get(table) ?? 0,
      durationMs: Math.round(durationMs),
      ...(by.length > 0 && { process: by.join(", ") }),
    });
  }
}

/** Those that lead to Services, and the built-in chains with jumps to them. */
function dispatchChains({ chains, jumps, names }: TableProgram): ReadonlySet<string> {
  const shared = [...chains.keys()].filter((chain) => !isServiceChain(chain, names));
  return new Set([...shared, ...jumps.map(({ from }) => from)]);
}
