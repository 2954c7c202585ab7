import type { ResourceAttributes } from "../../sandbox/apiserver/access/index.ts";

/** One request that was allowed or refused, from an API server's own records. */
export interface Access extends ResourceAttributes {
  readonly user: string;
  readonly allowed: boolean;
}

/** A running API server and the kubeconfig of its administrator. */
export interface ControlPlane extends AsyncDisposable {
  readonly kubeconfig: string;
  /** PEM of the key on P-256 that signs the tokens of service accounts. */
  readonly serviceAccountKey: string;
  /** What was asked so far of resources; only of a server that was started to record it. */
  accesses(): Promise<readonly Access[]>;
}

export interface TargetOptions {
  /** Off by default. */
  readonly recordsAccess?: boolean;
  /** Whether a watch may begin with the state (KEP-3157), where that can be switched; on by default. */
  readonly watchList?: boolean;
}

/** An API server that the contract suite can be run against. Each start is a cluster without a past. */
export interface Target {
  readonly name: string;
  /** The version of Kubernetes that it is or stands for. */
  readonly version: string;
  start(options?: TargetOptions): Promise<ControlPlane>;
}

/** What every target is started with. */
export const serviceCidr = "10.96.0.0/16,fd00:96::/112";
export const nodePortRange = "30000-32767";
