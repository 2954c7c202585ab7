import { apiGroup, providerFinalizer, type Service, sharedFinalizer } from "../api/index.ts";
import { type Classes, type ClassPolicy, classOf } from "./class-policy.ts";

export type CleanupCause = "deleted" | "type" | "class" | "uninstall";
export type IgnoreCause = "deleted" | "type" | "class" | "unclassed";

export type Classification =
  | { readonly kind: "own"; readonly policy: ClassPolicy; readonly finalizers: readonly string[] }
  | Cleanup
  /** Nothing is written to it at all. */
  | { readonly kind: "ignore"; readonly cause: IgnoreCause };

/** These providers hold it by their finalizers and have to let it go; whatever comes next comes after. */
export interface Cleanup {
  readonly kind: "cleanup";
  readonly providers: readonly string[];
  readonly finalizers: readonly string[];
  readonly cause: CleanupCause;
  /** The class that it has now; undefined when it has none of ours any more. */
  readonly policy: ClassPolicy | undefined;
  /** Its class is still that of one of them, so `status.loadBalancer` is what they wrote. */
  readonly ownsStatus: boolean;
}

/**
 * Whose business the Service is. Deletion comes first (a deleting Service must never get a finalizer again), then the
 * class, then the type. Who has to clean up is read from the finalizers alone: a type change wipes the class.
 */
export function classify(service: Service, classes: Classes): Classification {
  const holders = holdersOf(service, classes);
  if (service.metadata.deletionTimestamp !== undefined) return release(service, classes, holders, "deleted");
  if (service.spec?.type !== "LoadBalancer") return release(service, classes, holders, "type");
  const policy = classOf(service, classes);
  if (classes.areLeft === true) return release(service, classes, holdersToLeave(holders, policy, service), "uninstall");
  const others = holders.filter((name) => name !== policy?.provider);
  if (policy === undefined || others.length > 0)
    return release(service, classes, others, service.spec.loadBalancerClass === undefined ? "unclassed" : "class");
  return { kind: "own", policy, finalizers: finalizersFor(service, policy.provider) };
}

function release(
  service: Service,
  classes: Classes,
  holders: readonly string[],
  cause: CleanupCause | "unclassed",
): Classification {
  if (holders.length === 0) return { kind: "ignore", cause: cause === "uninstall" ? "class" : cause };
  const shared = ownsShared(service, classes, holders, cause) ? [sharedFinalizer] : [];
  const policy = classOf(service, classes);
  return {
    kind: "cleanup",
    providers: holders,
    finalizers: [...holders.map(providerFinalizer), ...shared].filter((name) => hasFinalizer(service, name)),
    cause: cause === "unclassed" ? "class" : cause,
    policy,
    ownsStatus: policy !== undefined && holders.includes(policy.provider),
  };
}

/** What was only said of a Service, as that it was refused, goes too. */
function holdersToLeave(
  holders: readonly string[],
  policy: ClassPolicy | undefined,
  service: Service,
): readonly string[] {
  return holders.length > 0 || policy === undefined || !hasOurConditions(service) ? holders : [policy.provider];
}

function holdersOf(service: Service, classes: Classes): readonly string[] {
  const holders = classes.providers.filter((name) => hasFinalizer(service, providerFinalizer(name)));
  const { unclassed } = classes;
  return holders.length === 0 && unclassed !== undefined && isOursByTraces(service) ? [unclassed.provider] : holders;
}

/**
 * Somebody took our own finalizer off a Service without a class, and left the shared one, which nobody else takes off.
 * That it is ours is told by our conditions: another controller's Service has none.
 */
function isOursByTraces(service: Service): boolean {
  const { spec, metadata } = service;
  if (spec?.loadBalancerClass !== undefined) return false;
  if (metadata.deletionTimestamp === undefined && spec?.type === "LoadBalancer") return false;
  return (
    hasFinalizer(service, sharedFinalizer) &&
    !(metadata.finalizers ?? []).some(isProviderFinalizer) &&
    hasOurConditions(service)
  );
}

function hasOurConditions({ status }: Service): boolean {
  return (status?.conditions ?? []).some(({ type }) => type.startsWith(`${apiGroup}/`));
}

/**
 * We add the shared finalizer only with the provider's own, and only when Services without a class are ours; any other
 * way it is the mark of another controller that has to clean up too.
 */
function ownsShared(
  service: Service,
  { unclassed, providers }: Classes,
  holders: readonly string[],
  cause: CleanupCause | "unclassed",
): boolean {
  if (unclassed === undefined) return false;
  if (holders.includes(unclassed.provider)) return true;
  // It may have been given to another provider before Services without a class became this one's.
  const { type, loadBalancerClass } = service.spec ?? {};
  const foreign = (service.metadata.finalizers ?? []).some(
    (name) => isProviderFinalizer(name) && !providers.some((own) => providerFinalizer(own) === name),
  );
  return cause === "deleted" && type === "LoadBalancer" && loadBalancerClass === undefined && !foreign;
}

/** The finalizers that an owned Service must carry. */
function finalizersFor(service: Service, provider: string): readonly string[] {
  const own = providerFinalizer(provider);
  return service.spec?.loadBalancerClass === undefined ? [own, sharedFinalizer] : [own];
}

function isProviderFinalizer(name: string): boolean {
  return name.endsWith(providerFinalizer(""));
}

function hasFinalizer(service: Service, name: string): boolean {
  return service.metadata.finalizers?.includes(name) ?? false;
}
