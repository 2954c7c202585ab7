import type { Family } from "../../net/index.ts";
import type { TableName } from "../plan/index.ts";

/** What may have been altered. */
export interface Suspect {
  readonly family: Family;
  readonly table: TableName;
  /** Undefined: any chain of it. */
  readonly chains: ReadonlySet<string> | undefined;
  /** Who did it, for people: `iptables[4711]`. */
  readonly by: readonly string[];
}

/** `unknown`: the next sync reads the kernel anyway. */
export type CheckResult = "intact" | "repaired" | "unknown";

/** Finds out when to check what. */
export interface DriftWatch {
  /** Runs until aborted, and then rejects with the signal's reason. */
  run(check: (suspect: Suspect) => Promise<CheckResult>, signal: AbortSignal): Promise<void>;
}
