import { providerFinalizer, type Service, sharedFinalizer } from "../api/index.ts";

/** What this instance of the controller serves. */
export interface Served {
  /** Provider names and the `spec.loadBalancerClass` of each. */
  readonly classes: ReadonlyMap<string, string>;
  /** The provider that takes Services without a class; undefined when another controller owns them. */
  readonly unclassed: string | undefined;
}

export type CleanupCause = "deleted" | "type" | "class";
export type IgnoreCause = "deleted" | "type" | "class" | "unclassed";

export type Classification =
  | { readonly kind: "own"; readonly provider: string; readonly finalizers: readonly string[] }
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
export function classify(service: Service, served: Served): Classification {
  const holders = [...served.classes.keys()].filter((name) => hasFinalizer(service, providerFinalizer(name)));
  if (service.metadata.deletionTimestamp !== undefined) return release(service, served, holders, "deleted");
  if (service.spec?.type !== "LoadBalancer") return release(service, served, holders, "type");
  const owner = ownerOf(service, served);
  const others = holders.filter((name) => name !== owner);
  if (owner === undefined || others.length > 0)
    return release(service, served, others, service.spec.loadBalancerClass === undefined ? "unclassed" : "class");
  return { kind: "own", provider: owner, finalizers: finalizersFor(service, owner) };
}

function ownerOf({ spec }: Service, { classes, unclassed }: Served): string | undefined {
  const wanted = spec?.loadBalancerClass;
  if (wanted === undefined) return unclassed;
  for (const [name, loadBalancerClass] of classes) if (loadBalancerClass === wanted) return name;
  return undefined;
}

function release(
  service: Service,
  served: Served,
  holders: readonly string[],
  cause: CleanupCause | "unclassed",
): Classification {
  if (holders.length === 0) return { kind: "ignore", cause };
  // We add the shared finalizer only with the provider's own, and only when Services without a class are ours;
  // any other way it is the mark of another controller that has to clean up too.
  const shared = served.unclassed !== undefined && holders.includes(served.unclassed) ? [sharedFinalizer] : [];
  return {
    kind: "cleanup",
    providers: holders,
    finalizers: [...holders.map(providerFinalizer), ...shared].filter((name) => hasFinalizer(service, name)),
    cause: cause === "unclassed" ? "class" : cause,
    ownsStatus: service.spec?.type === "LoadBalancer" && holders.includes(ownerOf(service, served) ?? ""),
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
