import type { LoadBalancerClassSpec } from "../api/index.ts";

/** What a class of load balancers is. */
export interface ClassPolicy {
  /** `spec.loadBalancerClass` of the Services that it is for. */
  readonly loadBalancerClass: string;
  readonly provider: string;
  /** Absent: what holds for all. */
  readonly nodePorts?: NonNullable<LoadBalancerClassSpec["nodePorts"]>;
}

/** How Services come by node ports where the provider needs them; `crds/loadbalancerclasses.yaml` says what each means. */
export type NodePortsPolicy = NonNullable<ClassPolicy["nodePorts"]>;

/** What this instance of the controller serves. */
export interface Classes {
  /** Names of the providers that run, of no class too: they clean up what they hold. */
  readonly providers: readonly string[];
  /** By `spec.loadBalancerClass`. */
  readonly byClass: ReadonlyMap<string, ClassPolicy>;
  /** What Services without a class get; undefined when another controller owns them. */
  readonly unclassed: ClassPolicy | undefined;
}

/** The class of a Service of ours; undefined when it is not ours. */
export function classFor(loadBalancerClass: string | undefined, classes: Classes): ClassPolicy | undefined {
  return loadBalancerClass === undefined ? classes.unclassed : classes.byClass.get(loadBalancerClass);
}

/** One class for each provider, without any object that says more of it; `unclassed` names a provider. */
export function plainClasses(byProvider: ReadonlyMap<string, string>, unclassed: string | undefined): Classes {
  const policies = [...byProvider].map(([provider, loadBalancerClass]) => ({ provider, loadBalancerClass }));
  return {
    providers: [...byProvider.keys()],
    byClass: new Map(policies.map((policy) => [policy.loadBalancerClass, policy])),
    unclassed: policies.find(({ provider }) => provider === unclassed),
  };
}
