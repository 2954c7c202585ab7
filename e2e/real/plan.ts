// Who has which address in the cluster. Pure.

export interface Host {
  readonly name: string;
  readonly netns: string;
  readonly address: string;
}

export interface Node extends Host {
  readonly podNetwork: string;
}

export interface Plan {
  /** Has the bridge that all others are on, and the control plane. */
  readonly controlPlane: Host;
  readonly nodes: readonly Node[];
  /** A machine that is no part of the cluster. */
  readonly outside: Host;
}

export const networks = { nodes: "172.30.0.0/24", pods: "10.244.0.0/16", services: "10.96.0.0/16" } as const;
export const addresses = { apiServer: "172.30.0.1", apiService: "10.96.0.1", dns: "10.96.0.10" } as const;

/** A cluster of so many nodes; the names of its namespaces begin with `prefix`. */
export function planCluster(prefix: string, count: number): Plan {
  const host = (name: string, last: number): Host => ({
    name,
    netns: `${prefix}-${name}`,
    address: `172.30.0.${last}`,
  });
  return {
    controlPlane: host("control-plane", 1),
    nodes: Array.from({ length: count }, (_, index) => ({
      ...host(`node${index + 1}`, 11 + index),
      podNetwork: `10.244.${index + 1}.0/24`,
    })),
    outside: host("outside", 200),
  };
}
