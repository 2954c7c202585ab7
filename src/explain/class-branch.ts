import {
  type Condition,
  conditionTypes,
  type LoadBalancerClass,
  providerBlocks,
  providerClass,
  providerFinalizer,
  type Service,
  sharedFinalizer,
} from "../api/index.ts";
import { assertNever } from "../base/index.ts";
import { allowsNamespace, type Classes, type ClassPolicy, classify } from "../model/index.ts";
import { type Details, no, type Tree, unknown, yes } from "./tree.ts";
import { isUnread, readOf, secondsSince, type World } from "./world.ts";

const providers = Object.values(providerBlocks);

/** Whose load balancer it is. */
export interface Ownership {
  readonly tree: Tree;
  /** The class of ours; undefined when another controller, or nobody, has the Service. */
  readonly policy: ClassPolicy | undefined;
}

/** A Service younger than this may not have been looked at. */
const freshSeconds = 30;

/** Who owns the Service by its type, class and finalizers, and whether the class lets it in. */
export function explainClass(world: World, service: Service): Ownership {
  const found = classify(service, classesFor(service, readOf(world.classes)));
  switch (found.kind) {
    case "own": {
      const { policy } = found;
      const object = olderFirst(readOf(world.classes)).find(
        ({ spec }) => spec.loadBalancerClass === policy.loadBalancerClass,
      );
      return { tree: ofOurs(world, service, policy, object), policy };
    }
    case "cleanup": {
      const held = found.providers.join(", ");
      const why = `${cleanupCauses[found.cause]}, and provider ${held} still has to remove what it made; let a controller that runs ${held} do so`;
      return {
        policy: undefined,
        tree: no("class", nameOf(service), why, { facts: { finalizers: found.finalizers.join(", ") } }),
      };
    }
    case "ignore":
      return { policy: undefined, tree: ofOthers(world, service, found.cause) };
    default:
      return assertNever(found, "classification");
  }
}

const cleanupCauses = {
  deleted: "the Service is being deleted",
  type: "the Service is no longer of type LoadBalancer",
  class: "the Service had another class before",
  uninstall: "Berth is being uninstalled",
} as const;

function nameOf({ spec }: Service): string {
  return spec?.loadBalancerClass ?? "(none)";
}

/** All that a controller of ours may serve: the objects, the older before the younger, and what it serves by its flags. */
function classesFor(service: Service, objects: readonly LoadBalancerClass[]): Classes {
  const policies = new Map<string, ClassPolicy>(
    providers.map((provider) => [providerClass(provider), { loadBalancerClass: providerClass(provider), provider }]),
  );
  for (const { spec } of olderFirst(objects).toReversed()) {
    const provider = Object.entries(providerBlocks).find(([block]) => Object.hasOwn(spec, block))?.[1];
    if (provider !== undefined) policies.set(spec.loadBalancerClass, { ...spec, provider });
  }
  // What a controller serves by its flags, only the Service itself can tell.
  const holder = providers.find((name) => service.metadata.finalizers?.includes(providerFinalizer(name)));
  const { loadBalancerClass } = service.spec ?? {};
  if (holder !== undefined && loadBalancerClass !== undefined && !policies.has(loadBalancerClass))
    policies.set(loadBalancerClass, { loadBalancerClass, provider: holder });
  const byDefault = olderFirst(objects).find(({ spec }) => spec.isDefault === true)?.spec.loadBalancerClass;
  const unclassed = byDefault ?? (holder === undefined ? undefined : providerClass(holder));
  return { providers, byClass: policies, unclassed: policies.get(unclassed ?? "") };
}

function olderFirst(objects: readonly LoadBalancerClass[]): readonly LoadBalancerClass[] {
  const age = ({ metadata: { creationTimestamp = "", uid = "" } }: LoadBalancerClass): string =>
    `${creationTimestamp} ${uid}`;
  return objects.toSorted((a, b) => (age(a) < age(b) ? -1 : 1));
}

function ofOurs(world: World, service: Service, policy: ClassPolicy, object: LoadBalancerClass | undefined): Tree {
  const { loadBalancerClass: name, provider } = policy;
  const by = object === undefined ? "flags of the controller" : `LoadBalancerClass ${object.metadata.name ?? ""}`;
  const details: Details = { facts: { provider, by: isUnread(world.classes) ? undefined : by } };
  const refusal = object === undefined ? undefined : (refused(object) ?? notAllowed(world, service, object, policy));
  if (refusal !== undefined)
    return refusal.isSure ? no("class", name, refusal.why, details) : unknown("class", name, refusal.why, details);
  if (isTakenUp(service, provider)) return yes("class", name, details);
  const age = secondsSince(service.metadata.creationTimestamp, world.now);
  const run = `run 'berth controller --provider ${provider}', or see its log`;
  return age !== undefined && age < freshSeconds
    ? unknown("class", name, `no controller has taken it up in its first ${age} s; ask again, or ${run}`, details)
    : no("class", name, `no controller has taken it up; ${run}`, details);
}

interface Refusal {
  readonly isSure: boolean;
  readonly why: string;
}

function refused({ metadata, status }: LoadBalancerClass): Refusal | undefined {
  const said = status?.conditions?.find(({ type, status: is }) => isAccepted(type) && is === "False");
  if (said === undefined) return undefined;
  return {
    isSure: true,
    why: `LoadBalancerClass ${metadata.name ?? ""} is not accepted: ${said.reason}: ${said.message}; change it`,
  };
}

function isAccepted(type: string): boolean {
  return type === "Accepted" || type === conditionTypes.accepted;
}

function notAllowed(
  world: World,
  service: Service,
  { metadata }: LoadBalancerClass,
  policy: ClassPolicy,
): Refusal | undefined {
  if (policy.allowedNamespaces === undefined) return undefined;
  const { namespace = "" } = service.metadata;
  if (isUnread(world.namespaces))
    return {
      isSure: false,
      why: `whether namespace ${namespace} may use the class cannot be told: ${world.namespaces.unread}`,
    };
  const labels = world.namespaces.find((one) => one.metadata.name === namespace)?.metadata.labels;
  if (allowsNamespace(policy, labels)) return undefined;
  const why = `namespace ${namespace} is none that allowedNamespaces of LoadBalancerClass ${metadata.name ?? ""} selects; label it, or take another class`;
  return { isSure: true, why };
}

/** Whether a controller of ours has left its mark on the Service. */
function isTakenUp({ metadata, status }: Service, provider: string): boolean {
  const ours: readonly string[] = Object.values(conditionTypes);
  return (
    metadata.finalizers?.includes(providerFinalizer(provider)) === true ||
    (status?.conditions ?? []).some(({ type }: Condition) => ours.includes(type) && type !== conditionTypes.portsError)
  );
}

function ofOthers(world: World, service: Service, cause: "deleted" | "type" | "class" | "unclassed"): Tree {
  const { metadata, spec } = service;
  const name = nameOf(service);
  switch (cause) {
    case "deleted":
      return no("class", name, whyDeleting(service));
    case "type":
      return no(
        "class",
        name,
        `the Service is of type ${spec?.type ?? "ClusterIP"}, so it wants no load balancer; set spec.type: LoadBalancer for one`,
      );
    case "class":
      return foreign(world, service, ownerOfClass(name), `class ${name} is unknown to Berth`);
    case "unclassed": {
      const cloud = metadata.finalizers?.includes(sharedFinalizer) === true;
      const owner = cloud
        ? "the service controller of a cloud provider"
        : "the controller that takes Services without a class";
      return foreign(world, service, owner, "the Service names no class, and none of Berth's is the default");
    }
    default:
      return assertNever(cause, "cause");
  }
}

/** Another controller's business: it serves when that gave it an address. */
function foreign(world: World, { metadata, spec, status }: Service, owner: string, reason: string): Tree {
  const name = spec?.loadBalancerClass ?? "(none)";
  const details: Details = { facts: { owner } };
  if ((status?.loadBalancer?.ingress ?? []).length > 0) return yes("class", name, details);
  if (isUnread(world.classes))
    return unknown(
      "class",
      name,
      `whether a LoadBalancerClass takes it cannot be told: ${world.classes.unread}`,
      details,
    );
  const classes = [
    ...new Set([...world.classes.map((one) => one.spec.loadBalancerClass), ...providers.map(providerClass)]),
  ];
  const remedy = `check that ${owner} runs (${metadata.namespace ?? ""}/${metadata.name ?? ""} has no address from it), or make the Service anew with a class of ${classes.join(", ")}`;
  return no("class", name, `${reason}; ${remedy}`, details);
}

function whyDeleting({ metadata }: Service): string {
  const waits = metadata.finalizers ?? [];
  const since = metadata.deletionTimestamp ?? "";
  return waits.length === 0
    ? `the Service is being deleted since ${since}; make it anew`
    : `the Service is being deleted since ${since} and waits for ${waits.join(", ")}; check that their controllers run`;
}

/** Classes of others, by what they begin with. */
const owners: readonly (readonly [prefix: string, owner: string])[] = [
  ["service.k8s.aws/", "the AWS Load Balancer Controller"],
  ["eks.amazonaws.com/", "EKS Auto Mode"],
  ["networking.gke.io/", "GKE"],
  ["io.cilium/", "Cilium"],
  ["kube-vip.io/", "kube-vip"],
  ["metallb", "MetalLB"],
  ["purelb.io/", "PureLB"],
  ["loxilb.io/", "LoxiLB"],
  ["tailscale", "the Tailscale operator"],
  ["k3s.cattle.io/", "ServiceLB of k3s"],
];

function ownerOfClass(name: string): string {
  const owner = owners.find(([prefix]) => name.startsWith(prefix))?.[1];
  return owner ?? `the controller of ${name}`;
}
