import { providerFinalizer, type Service, sharedFinalizer } from "../api/index.ts";
import { type Classes, type ClassPolicy, classFor } from "./class-policy.ts";

export type CleanupCause = "deleted" | "type" | "class";
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
  /** Its class is still that of one of them, so `status.loadBalancer` is what they wrote. */
  readonly ownsStatus: boolean;
}

/**
 * Whose business the Service is. Deletion comes first (a deleting Service must never get a finalizer again), then the
 * class, then the type. Who has to clean up is read from the finalizers alone: a type change wipes the class.
 */
export function classify(service: Service, classes: Classes): Classification {
  const holders = classes.providers.filter((name) => hasFinalizer(service, providerFinalizer(name)));
  if (service.metadata.deletionTimestamp !== undefined) return release(service, classes, holders, "deleted");
  if (service.spec?.type !== "LoadBalancer") return release(service, classes, holders, "type");
  const policy = classFor(service.spec.loadBalancerClass, classes);
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
  if (holders.length === 0) return { kind: "ignore", cause };
  // We add the shared finalizer only with the provider's own, and only when Services without a class are ours;
  // any other way it is the mark of another controller that has to clean up too.
  const { unclassed } = classes;
  const shared = unclassed !== undefined && holders.includes(unclassed.provider) ? [sharedFinalizer] : [];
  const owner = classFor(service.spec?.loadBalancerClass, classes)?.provider;
  return {
    kind: "cleanup",
    providers: holders,
    finalizers: [...holders.map(providerFinalizer), ...shared].filter((name) => hasFinalizer(service, name)),
    cause: cause === "unclassed" ? "class" : cause,
    ownsStatus: service.spec?.type === "LoadBalancer" && holders.includes(owner ?? ""),
  };
}

/** The finalizers that an owned Service must carry. */
function finalizersFor(service: Service, provider: string): readonly string[] {
  const own = providerFinalizer(provider);
  return service.spec?.loadBalancerClass === undefined ? [own, sharedFinalizer] : [own];
}

function hasFinalizer(service: Service, name: string): boolean {
  return service.metadata.finalizers?.includes(name) ?? false;
}
