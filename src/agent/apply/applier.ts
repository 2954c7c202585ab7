import { type Clock, inTurns, systemClock } from "../../base/index.ts";
import {
  type Candidate,
  findRefused,
  type Iptables,
  RestoreError,
  ruleTarget,
  type SavedChain,
} from "../../kernel/index.ts";
import type { RuleProgram, TableName } from "../plan/index.ts";
import { inBatches } from "./batches.ts";
import {
  differenceInSteps,
  type Held,
  heldAfter,
  observeInSteps,
  restoreInput,
  restoreLines,
  type TableDifference,
} from "./difference.ts";
import { type IsolatedService, Isolation, type Plans, RuleOwners, without } from "./isolation.ts";

/** What one `apply` wrote; empty lists when there was nothing to write. */
export interface Written {
  /** `table chain`, in the order written. */
  readonly chains: readonly string[];
  readonly removed: readonly string[];
  /** `table chain` into which a jump of ours was inserted. */
  readonly jumps: readonly string[];
  /** How many rules were written, by table. */
  readonly rules: ReadonlyMap<TableName, number>;
  /** Whether the kernel had to be read first: at the start, and after a failure. */
  readonly observed: boolean;
  /** Of the tables that had to be read, those that could not be shown (`UnreadableTableError`). */
  readonly unreadable: readonly TableName[];
  /** Services whose rules are refused and which are therefore not in the kernel; all others are. */
  readonly isolated: readonly IsolatedService[];
  /** Restores that were refused before one was taken. */
  readonly refusals: number;
}

/** Restores that one `apply` makes at most to find out whose rules are refused (design decision 11). */
const maxRestores = 16;
/** What one restore on nf_tables makes without ado. */
const defaultMaxNewChains = 2000;

/** Makes the kernel hold a program, for one address family. Calls of `apply` and `repair` must not overlap. */
export class RuleApplier {
  readonly #iptables: Iptables;
  readonly #isolation: Isolation;
  readonly #maxNewChains: number;
  /** What the kernel is known to hold; undefined: it has to be read. */
  #held: Held | undefined;
  /** Tables that could not be shown when the kernel was read last. */
  #unreadable: readonly TableName[] = [];
  #program: RuleProgram | undefined;

  constructor(iptables: Iptables, clock: Clock = systemClock, maxNewChains: number = defaultMaxNewChains) {
    this.#iptables = iptables;
    this.#maxNewChains = maxNewChains;
    this.#isolation = new Isolation(clock);
  }

  /** Whether the next call needs not read the kernel. */
  get knowsKernel(): boolean {
    return this.#held !== undefined;
  }

  /** Milliseconds until a Service that was refused should be tried again, by `apply`; undefined when there is none. */
  get dueInMs(): number | undefined {
    return this.#isolation.dueInMs;
  }

  /** What was written last, without Services that are left out; undefined before the first write. */
  get program(): RuleProgram | undefined {
    return this.#program;
  }

  /**
   * Writes what the kernel was found not to hold of `program`, in as few restores as `apply` would. Nothing may have
   * been written since it was found. When it throws, the next `apply` reads what is there. `found` tells which chains
   * are there; none, unless said.
   */
  async repair(
    differences: readonly TableDifference[],
    signal: AbortSignal,
    found: Held = new Map(),
  ): Promise<Written> {
    const held = this.#held;
    this.#held = undefined;
    for (const batch of await this.#batches(differences, found, signal))
      await this.#iptables.restore(restoreInput(batch), signal);
    this.#held = held;
    return { ...summary(differences), observed: true, unreadable: [], isolated: this.#isolation.services, refusals: 0 };
  }

  /**
   * Writes what differs in one restore, or nothing. Services whose rules are refused are left out and named; with
   * `plans` it is known whose rules are whose. When it throws, the kernel may hold the tables before the failing one;
   * the next call reads what is there and starts from that.
   */
  async apply(program: RuleProgram, signal: AbortSignal, plans: () => Plans = () => new Map()): Promise<Written> {
    const observed = !this.knowsKernel;
    let leftOut = this.#isolation.leftOut(plans);
    let restores = 0;
    for (let refusals = 0; ; refusals++) {
      const wanted = leftOut.size === 0 ? program : without(program, plans(), leftOut);
      const held = this.#held ?? (await this.#observe(wanted, signal));
      const differences = await inTurns(differenceInSteps(held, wanted));
      let batch: readonly TableDifference[] = differences;
      try {
        if (differences.length > 0) {
          // Until it has succeeded nobody knows what the kernel holds.
          this.#held = undefined;
          restores += 1;
          for (batch of await this.#batches(differences, held, signal))
            await this.#iptables.restore(restoreInput(batch), signal);
        }
        this.#held = heldAfter(held, wanted);
        this.#program = wanted;
        const isolated = this.#isolation.settled(leftOut);
        return { ...summary(differences), observed, unreadable: observed ? this.#unreadable : [], isolated, refusals };
      } catch (error) {
        if (!(error instanceof RestoreError) || restores >= maxRestores) throw error;
        // One more has to be left for what is written in the end.
        const budget = maxRestores - restores - 1;
        const { services, restores: spent } = await this.#isolate(error, batch, plans(), budget, signal);
        restores += spent;
        // That a Service is due for another try must not bring it back in this one.
        leftOut = new Set([...leftOut, ...services]);
      }
    }
  }

  /** One restore, but for a large write on nf_tables; legacy puts each into the kernel with all of the table. */
  async #batches(
    differences: readonly TableDifference[],
    held: Held,
    signal: AbortSignal,
  ): Promise<readonly (readonly TableDifference[])[]> {
    const batches = inBatches(differences, held, this.#maxNewChains);
    return batches.length > 1 && (await this.#iptables.flavour(signal)) === "nft" ? batches : [differences];
  }

  async #observe(wanted: RuleProgram, signal: AbortSignal): Promise<Held> {
    const { tables, unreadable } = await this.#iptables.read(signal);
    const saved = new Map(tables);
    this.#unreadable = [...wanted.keys()].filter((table) => unreadable.has(table));
    for (const table of this.#unreadable) saved.set(table, await this.#jumpsIn(table, wanted, signal));
    return await inTurns(observeInSteps(saved, wanted));
  }

  /**
   * The jumps that a table holds which cannot be shown. As kube-proxy, what is ours is then written without having been
   * seen, and left-over chains stay: rules of others must not cost the node its Services.
   */
  async #jumpsIn(table: TableName, wanted: RuleProgram, signal: AbortSignal): Promise<ReadonlyMap<string, SavedChain>> {
    const chains = new Map<string, SavedChain>();
    for (const { from, rule, shared } of wanted.get(table)?.jumps ?? []) {
      const { rules } = chains.get(from) ?? { rules: [] };
      const found = (await this.#iptables.hasRule(table, from, rule, signal)) ? [rule] : [];
      chains.set(from, { policy: "ACCEPT", rules: [...rules, ...found] });
      const target = shared === true ? ruleTarget(rule) : undefined;
      if (target === undefined) continue;
      const kept = await this.#iptables.listChain(table, target, signal);
      if (kept !== undefined) chains.set(target, { policy: undefined, rules: kept });
    }
    return chains;
  }

  /** The Services that the restore was refused for; throws what it was refused with when it is no Service's fault. */
  async #isolate(
    error: RestoreError,
    differences: readonly TableDifference[],
    plans: Plans,
    budget: number,
    signal: AbortSignal,
  ): Promise<{ readonly services: readonly string[]; readonly restores: number }> {
    const suspects = suspectsOf(error, differences, new RuleOwners(plans));
    if (suspects.length === 0) throw error;
    const { refused, complete, restores } = await findRefused(
      this.#iptables,
      suspects,
      { maxRestores: budget },
      signal,
    );
    for (const { candidate, why } of refused) this.#isolation.add(candidate.service, why, plans.get(candidate.service));
    // Those found so far stay out of the next try, which goes on from there.
    if (!complete || refused.length === 0) throw error;
    return { services: refused.map(({ candidate }) => candidate.service), restores };
  }
}

interface Suspect extends Candidate {
  readonly service: string;
}

/**
 * The Services whose rules the tool names, or when it names only the COMMIT of a table all with rules in what was
 * written there. Only suspects: what is refused for want of memory names rules too.
 */
function suspectsOf(
  error: RestoreError,
  differences: readonly TableDifference[],
  owners: RuleOwners,
): readonly Suspect[] {
  const numbers = new Set(error.lines.map(({ number }) => number));
  const named = new Set<string>();
  const suspects = new Map<string, { service: string; table: string; rules: string[] }>();
  let failed: string | undefined;
  let number = 0;
  for (const { table, chain, rule, text } of restoreLines(differences)) {
    number += 1;
    const service = chain === undefined ? undefined : owners.ownerOf(table, chain, rule);
    if (numbers.has(number)) {
      failed = table;
      // A line that is no Service's, such as one of our own, is nobody's fault.
      if (service !== undefined) named.add(service);
      else if (text !== "COMMIT") return [];
    }
    if (service === undefined || rule === undefined) continue;
    const key = `${table} ${service}`;
    const suspect = suspects.get(key) ?? { service, table, rules: [] };
    suspect.rules.push(rule);
    suspects.set(key, suspect);
  }
  const ofTable = [...suspects.values()].filter(({ table }) => table === failed);
  return named.size === 0 ? ofTable : ofTable.filter(({ service }) => named.has(service));
}

function summary(differences: readonly TableDifference[]): Pick<Written, "chains" | "removed" | "jumps" | "rules"> {
  return {
    chains: differences.flatMap(({ table, write }) => write.map(([chain]) => `${table} ${chain}`)),
    removed: differences.flatMap(({ table, remove }) => remove.map((chain) => `${table} ${chain}`)),
    jumps: differences.flatMap(({ table, insert }) => insert.map(({ from }) => `${table} ${from}`)),
    rules: new Map(
      differences.map(({ table, write, insert }) => [
        table,
        insert.length + write.reduce((sum, [, lines]) => sum + lines.length, 0),
      ]),
    ),
  };
}
