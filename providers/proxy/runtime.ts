import type { LbIdentity } from "../../src/model/index.ts";
import type { StepResult } from "../../src/provider/index.ts";
import type { Action, Observation } from "./observation.ts";

/** The world as this provider sees and changes it. */
export interface Runtime {
  observe(id: LbIdentity, signal: AbortSignal): Promise<Observation>;
  /** Idempotent: an action that was cut short, or is done already, may be applied again. */
  apply(action: Action, signal: AbortSignal): Promise<StepResult>;
  owned(clusterId: string, signal: AbortSignal): AsyncIterable<OwnedBalancer>;
  /** Calls back when a balancer reported something. */
  watch(onReport: (id: LbIdentity) => void): Disposable;
}

export interface OwnedBalancer {
  readonly id: LbIdentity;
  readonly directory: string;
  readonly retained: boolean;
  readonly addresses: readonly string[];
}
