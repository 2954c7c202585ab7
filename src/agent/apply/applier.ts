import type { Iptables } from "../../kernel/index.ts";
import type { RuleProgram, TableName } from "../plan/index.ts";
import { difference, type Held, heldAfter, observe, restoreInput, type TableDifference } from "./difference.ts";

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
}

/** Makes the kernel hold a program, for one address family. Calls must not overlap. */
export class RuleApplier {
  readonly #iptables: Iptables;
  #held: Held | undefined;
  #program: RuleProgram | undefined;

  constructor(iptables: Iptables) {
    this.#iptables = iptables;
  }

  /** Whether the next call needs not read the kernel. */
  get knowsKernel(): boolean {
    return this.#held !== undefined;
  }

  /**
   * Writes what differs in one restore, or nothing. When it throws, the kernel may hold the tables before the failing
   * one; the next call reads what is there and starts from that.
   */
  async apply(program: RuleProgram, signal: AbortSignal): Promise<Written> {
    const observed = !this.knowsKernel;
    const held = this.#held ?? observe(await this.#iptables.save(signal), program);
    const differences = difference(held, program);
    this.#held = undefined;
    if (differences.length > 0) await this.#iptables.restore(restoreInput(differences), signal);
    this.#held = heldAfter(program);
    this.#program = program;
    return writtenBy(differences, observed);
  }

  /** What was written last; the kernel is known to hold it, but for what others alter, while `knowsKernel`. */
  get program(): RuleProgram | undefined {
    return this.#program;
  }

  /** Writes what the kernel was found not to hold of `program`, in one restore. Must not overlap with `apply` either. */
  async repair(differences: readonly TableDifference[], signal: AbortSignal): Promise<Written> {
    const held = this.#held;
    this.#held = undefined;
    await this.#iptables.restore(restoreInput(differences), signal);
    this.#held = held;
    return writtenBy(differences, true);
  }
}

function writtenBy(differences: readonly TableDifference[], observed: boolean): Written {
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
    observed,
  };
}
