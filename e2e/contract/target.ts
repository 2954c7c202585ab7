/** A running API server and the kubeconfig of its administrator. */
export interface ControlPlane extends AsyncDisposable {
  readonly kubeconfig: string;
}

/** An API server that the contract suite can be run against. Each start is a cluster without a past. */
export interface Target {
  readonly name: string;
  /** The version of Kubernetes that it is or stands for. */
  readonly version: string;
  start(): Promise<ControlPlane>;
}

/** What every target is started with. */
export const serviceCidr = "10.96.0.0/16,fd00:96::/112";
export const nodePortRange = "30000-32767";
