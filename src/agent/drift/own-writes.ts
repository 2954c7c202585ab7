import type { Clock } from "../../base/index.ts";
import { type Exec, type ExecResult, type Input, inputText, type NftProcess } from "../../kernel/index.ts";
import type { Family } from "../../net/index.ts";

/** What one transaction did to one table, as far as chains and their rules go. */
export interface TableChange {
  readonly family: Family;
  readonly table: string;
  readonly chains: ReadonlySet<string>;
  /** The table itself went. */
  readonly gone: boolean;
  readonly process: NftProcess | undefined;
}

interface Credit {
  readonly family: Family;
  readonly table: string;
  readonly chains: ReadonlySet<string>;
}

/** Hears of the restores of a family. */
export interface WriteObserver {
  readonly began: (family: Family) => void;
  readonly ended: (family: Family) => void;
}

/** How long the event of a write may take behind its end; the monitor reads 80,000 events in about a second. */
const lateMs = 5000;

/**
 * Tells the transactions of our own restores from those of others. Each table of a restore is one transaction, so it
 * gives one credit for a transaction of that table and those chains. When somebody else's takes it, ours comes as one
 * too many, which is as good a reason to look. The pid does not serve: the kernel tells it in the outermost namespace,
 * and a container does not know its own children by that.
 */
export class OwnWrites {
  readonly #clock: Clock;
  readonly #credits = new Set<Credit>();
  readonly #timers = new Set<Disposable>();
  readonly #versions = new Map<Family, number>();
  readonly #observers = new Set<WriteObserver>();
  #unseen: ((change: TableChange) => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same programs, with every restore written down here. */
  through(exec: Exec): Exec {
    return {
      run: async (program, args, options) => {
        const family = restoredFamily(program);
        if (family === undefined) return await exec.run(program, args, options);
        const credits = this.#begin(family, options.stdin);
        let result: ExecResult | undefined;
        try {
          result = await exec.run(program, args, options);
          return result;
        } finally {
          this.#end(family, credits, result?.code === 0);
        }
      },
    };
  }

  /** Changes when a restore of the family begins, and when it ends: what was read at one even version belongs together. */
  version(family: Family): number {
    return this.#versions.get(family) ?? 0;
  }

  /** One hears until it is disposed of. Restores of one family do not overlap. */
  observe(observer: WriteObserver): Disposable {
    this.#observers.add(observer);
    return { [Symbol.dispose]: () => void this.#observers.delete(observer) };
  }

  /** Starts to give credits. `unseen` hears of writes whose event did not come. */
  track(unseen: (change: TableChange) => void): Disposable {
    this.#unseen = unseen;
    return {
      [Symbol.dispose]: () => {
        this.#unseen = undefined;
        this.#credits.clear();
        for (const timer of this.#timers) timer[Symbol.dispose]();
        this.#timers.clear();
      },
    };
  }

  /** Whether the change is ours; `matters` says which other chains must not be in it then. Uses its credit up. */
  claim({ family, table, chains, gone, process }: TableChange, matters: (chain: string) => boolean): boolean {
    if (gone || (process !== undefined && !isRestore(process.name))) return false;
    for (const credit of this.#credits) {
      if (credit.family !== family || credit.table !== table) continue;
      const others = [...chains].filter((chain) => !credit.chains.has(chain));
      if (others.length === chains.size || others.some(matters)) continue;
      this.#credits.delete(credit);
      return true;
    }
    return false;
  }

  #begin(family: Family, stdin: Input | undefined): readonly Credit[] {
    this.#versions.set(family, this.version(family) + 1);
    for (const { began } of this.#observers) began(family);
    if (this.#unseen === undefined) return [];
    const credits = [...restoredChains(stdin)].map(([table, chains]) => ({ family, table, chains }));
    for (const credit of credits) this.#credits.add(credit);
    return credits;
  }

  #end(family: Family, credits: readonly Credit[], written: boolean): void {
    this.#versions.set(family, this.version(family) + 1);
    for (const { ended } of this.#observers) ended(family);
    // Nobody knows how much of a failed restore there will be events for. Those that come are looked into.
    if (!written) for (const credit of credits) this.#credits.delete(credit);
    else if (this.#unseen !== undefined && credits.length > 0) this.#expireLater(credits);
  }

  #expireLater(credits: readonly Credit[]): void {
    const timer = this.#clock.schedule(() => {
      this.#timers.delete(timer);
      this.#expire(credits);
    }, lateMs);
    this.#timers.add(timer);
  }

  #expire(credits: readonly Credit[]): void {
    for (const credit of credits)
      if (this.#credits.delete(credit)) this.#unseen?.({ ...credit, gone: false, process: undefined });
  }
}

/** `ip6tables-nft-restore` -> IPv6; undefined for any other program. */
function restoredFamily(program: string): Family | undefined {
  if (!program.endsWith("-restore")) return undefined;
  return program.includes("ip6tables") ? "IPv6" : "IPv4";
}

/** By the name of its process, of which the kernel keeps 15 characters: `iptables-nft-re`, `ip6tables-resto`. */
function isRestore(name: string): boolean {
  return /^x?(ip6?)?tables-(nft-|legacy-)?r|^xtables-nft-mul/.test(name);
}

/** Table -> chains that restore input writes to, deletes, or inserts a rule in. */
export function restoredChains(input: Input = ""): Map<string, Set<string>> {
  const tables = new Map<string, Set<string>>();
  let chains = new Set<string>();
  for (const line of linesOf(input)) {
    if (line.startsWith("*")) {
      chains = new Set();
      tables.set(line.slice(1), chains);
    } else if (line.startsWith(":")) {
      chains.add(line.slice(1, line.indexOf(" ")));
    } else if (line.startsWith("-")) {
      chains.add(line.split(" ", 2)[1] ?? "");
    }
  }
  return tables;
}

/** Of a large input only a piece at a time. */
function* linesOf(input: Input): Generator<string> {
  let rest = "";
  for (const piece of typeof input === "string" || input instanceof Uint8Array ? [inputText(input)] : input) {
    const lines = `${rest}${piece}`.split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  yield rest;
}
