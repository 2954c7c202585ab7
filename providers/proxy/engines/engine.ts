// Where `berth balancer` runs: in a network namespace of this machine, or in a container. An engine makes the place,
// starts and stops the process, and finds them again by name; the directory with the files is the same for all.
import type { LbIdentity } from "../../../src/model/index.ts";
import type { StepResult } from "../../../src/provider/index.ts";
import type { Names } from "../names.ts";
import type { NetworkState, ProcessState } from "../observation.ts";

/** One load balancer, and what it is called. */
export interface Place {
  readonly id: LbIdentity;
  readonly names: Names;
}

/** What an engine knows of a load balancer. */
export interface PlaceState {
  readonly network: NetworkState | undefined;
  readonly process: ProcessState;
}

/** Every change is idempotent, and goes through the requests that the engine was made with. */
export interface Engine {
  observe(place: Place, signal: AbortSignal): Promise<PlaceState>;
  connect(place: Place, addresses: readonly string[], mac: string, signal: AbortSignal): Promise<StepResult>;
  start(place: Place, signal: AbortSignal): Promise<StepResult>;
  stop(place: Place, signal: AbortSignal): Promise<StepResult>;
  disconnect(place: Place, signal: AbortSignal): Promise<void>;
  /** Those of the cluster that can be found without their directories. */
  owned(clusterId: string, signal: AbortSignal): Promise<readonly LbIdentity[]>;
  /** Which of these have a balancer that has ended. */
  ended(names: readonly Names[], signal: AbortSignal): Promise<readonly Names[]>;
}
