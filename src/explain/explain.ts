import { objectKey, type Service, serviceProxyNameLabel } from "../api/index.ts";
import { explainBalancer } from "./balancer-branch.ts";
import { explainClass } from "./class-branch.ts";
import { explainNodes } from "./node-branch.ts";
import { explainPorts, proxiedOf } from "./port-branch.ts";
import { allOf, no, type Tree, unknown } from "./tree.ts";
import { isUnread, type World } from "./world.ts";

/**
 * Why the Service `namespace/name` serves or does not. It serves when what it asks for does: one that wants no load
 * balancer does not fail for having none, and a node or endpoint that is left out on purpose, while others serve, is a
 * "no" of its own that counts for nothing above it. `yes` means that nothing the API server knows speaks against it.
 */
export function explain(world: World, key: string): Tree {
  const service = world.services.find(({ metadata }) => objectKey(metadata) === key);
  if (service === undefined) return no("Service", key, "there is no such Service; check its name and namespace");
  const proxied = proxiedOf(world, service);
  const owner = explainClass(world, service);
  const wantsBalancer = service.spec?.type === "LoadBalancer";
  const balancer = wantsBalancer ? [explainBalancer(world, service, owner)] : [];
  const ports = explainPorts(world, service, proxied);
  const nodes = proxied === undefined ? [] : [explainNodes(world, service, owner, proxied)];
  const isClassDecisive = wantsBalancer || service.metadata.deletionTimestamp !== undefined;
  const rest = [...balancer, ...ports, ...nodes];
  return allOf("Service", key, isClassDecisive ? [owner.tree, ...rest] : rest, {
    facts: factsOf(service),
    children: [owner.tree, ...rest, ...notRead(world)],
  });
}

/** What would have said more; nothing above rests on it. Slices and nodes have branches of their own. */
function notRead({ namespaces, classes, records, leases, events }: World): Tree[] {
  const parts = { namespaces, classes, records, leases, events };
  return Object.entries(parts).flatMap(([name, part]) =>
    isUnread(part) ? [unknown("not read", name, part.unread)] : [],
  );
}

function factsOf({ metadata, spec }: Service): Record<string, string | undefined> {
  const { type, clusterIPs, clusterIP, externalTrafficPolicy, internalTrafficPolicy, sessionAffinity } = spec ?? {};
  return {
    type,
    "cluster IPs": (clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP])).join(", ") || undefined,
    "external policy": externalTrafficPolicy,
    "internal policy": internalTrafficPolicy,
    affinity: sessionAffinity === "None" ? undefined : sessionAffinity,
    proxy: metadata.labels?.[serviceProxyNameLabel],
    created: metadata.creationTimestamp,
  };
}
