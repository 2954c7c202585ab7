import { type LoadBalancerClassPolicy, type ProviderParameters, type Service, selects } from "../api/index.ts";
import { sameData } from "../base/index.ts";

/** What a class of load balancers is. */
export interface ClassPolicy extends LoadBalancerClassPolicy {
  readonly provider: string;
  /** Absent: nothing; `unknown`: nobody can tell any more, as the class is gone. */
  readonly parameters?: ProviderParameters | "unknown";
}

/** How Services come by node ports where the provider needs them; its definition in the chart says what each means. */
export type NodePortsPolicy = NonNullable<ClassPolicy["nodePorts"]>;

/** What this instance of the controller serves. */
export interface Classes {
  /** Names of the providers that run, of no class too: they clean up what they hold. */
  readonly providers: readonly string[];
  /** By `spec.loadBalancerClass`. */
  readonly byClass: ReadonlyMap<string, ClassPolicy>;
  /** What Services without a class get; undefined when another controller owns them. */
  readonly unclassed: ClassPolicy | undefined;
  /** All of it is given up for good: no Service keeps what it has of these classes. */
  readonly areLeft?: boolean;
}

/** The class of a Service of ours; undefined when it is not ours. */
export function classOf({ spec }: Service, classes: Classes): ClassPolicy | undefined {
  if (spec?.type !== "LoadBalancer") return undefined;
  return spec.loadBalancerClass === undefined ? classes.unclassed : classes.byClass.get(spec.loadBalancerClass);
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

/** Whether two states of what is served mean different things to a Service. */
export function classDiffers(service: Service, before: Classes, after: Classes): boolean {
  return !sameData(classOf(service, before), classOf(service, after));
}

/** Whether Services of a namespace with these labels may use the class. */
export function allowsNamespace(
  { allowedNamespaces }: ClassPolicy,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  return allowedNamespaces === undefined || selects(allowedNamespaces, labels);
}
