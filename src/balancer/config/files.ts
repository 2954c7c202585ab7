/** Names of the files in the directory of one load balancer. */
export const balancerFiles = { config: "config.json", status: "status.json", pid: "pid" } as const;

export type BalancerFile = (typeof balancerFiles)[keyof typeof balancerFiles];
