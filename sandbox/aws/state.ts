// All that an account has in a region, as far as load balancers need it.
export type Tags = Map<string, string>;

export interface LoadBalancer {
  readonly tags: Tags;
  readonly arn: string;
  readonly name: string;
  readonly scheme: string;
  /** What it was made with: the same again is the same load balancer. */
  readonly wish: string;
  readonly madeAt: number;
  ipAddressType: string;
  sourceNat: string;
  subnets: readonly string[];
  groups: readonly string[];
  privateLink: string;
  readonly attributes: Map<string, string>;
}

export interface Listener {
  readonly tags: Tags;
  readonly arn: string;
  readonly loadBalancer: string;
  readonly port: number;
  readonly protocol: string;
  /** The default one first. */
  certificates: readonly string[];
  readonly policy: string;
  readonly alpn: string;
  readonly forward: readonly { readonly group: string; readonly weight: number }[];
  readonly attributes: Map<string, string>;
}

export interface TargetGroup {
  readonly tags: Tags;
  readonly arn: string;
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
  readonly vpcId: string;
  readonly wish: string;
  check: HealthCheck;
  readonly attributes: Map<string, string>;
  /** By `id:port`. */
  readonly targets: Map<string, Target>;
}

/** As requests and answers have it. */
export interface HealthCheck {
  readonly HealthCheckProtocol: string;
  readonly HealthCheckPort: string;
  readonly HealthCheckPath?: string;
  readonly Matcher?: { readonly HttpCode: string };
  readonly HealthCheckIntervalSeconds: number;
  readonly HealthCheckTimeoutSeconds: number;
  readonly HealthyThresholdCount: number;
  readonly UnhealthyThresholdCount: number;
}

export interface Target {
  readonly id: string;
  readonly port: number;
  /** Since when it is there and its group is used; undefined while it is not. */
  checkedSince: number | undefined;
  /** Since when it is being drained. */
  drainingSince: number | undefined;
}

export interface Group {
  readonly tags: Tags;
  readonly id: string;
  readonly name: string;
  readonly vpcId: string;
  readonly madeAt: number;
  readonly rules: GroupRule[];
  /** A load balancer had it so lately that its network interfaces still do. */
  heldUntil: number;
}

export interface GroupRule {
  readonly tags: Tags;
  readonly id: string;
  readonly madeAt: number;
  readonly protocol: string;
  readonly from: number;
  readonly to: number;
  readonly source: string;
}

export interface Instance {
  readonly id: string;
  readonly vpcId: string;
  readonly zone: string;
  readonly groups: readonly string[];
  state: string;
}

export interface Subnet {
  readonly tags: Tags;
  readonly id: string;
  readonly zone: string;
  readonly isPublic: boolean;
  freeAddresses: number;
}

export const vpcId = "vpc-0a0a0a0a";
export const account = "123456789012";
export const region = "eu-west-1";

/** Everything that there is; nothing in it is remembered twice. */
export class State {
  readonly loadBalancers: Map<string, LoadBalancer> = new Map();
  readonly listeners: Map<string, Listener> = new Map();
  readonly targetGroups: Map<string, TargetGroup> = new Map();
  readonly groups: Map<string, Group> = new Map();
  readonly instances: Map<string, Instance> = new Map();
  readonly subnets: Map<string, Subnet> = new Map();
  readonly certificates: Set<string> = new Set();
  /** Elastic addresses that are free. */
  readonly allocations: Set<string> = new Set();
  /** Those that are not, by what has them. */
  readonly takenAllocations: Map<string, string> = new Map();
  /** Milliseconds; it goes on by a little with each request. */
  now = 0;
  #count = 0;

  nextId(prefix: string): string {
    return `${prefix}${(++this.#count).toString(16).padStart(17, "0")}`;
  }

  arn(kind: string, name: string): string {
    return `arn:aws:elasticloadbalancing:${region}:${account}:${kind}/${name}/${this.nextId("")}`;
  }

  rules(): readonly GroupRule[] {
    return [...this.groups.values()].flatMap(({ rules }) => rules);
  }

  listenersOf(loadBalancer: string): readonly Listener[] {
    return [...this.listeners.values()].filter((one) => one.loadBalancer === loadBalancer);
  }

  /** The load balancers that send to it. */
  usersOf(targetGroup: string): readonly string[] {
    const all = [...this.listeners.values()];
    const users = all.filter(({ forward }) => forward.some(({ group }) => group === targetGroup));
    return [...new Set(users.map(({ loadBalancer }) => loadBalancer))];
  }
}
