import { createHash } from "node:crypto";
import {
  type Endpoint,
  type EndpointSlice,
  headlessLabel,
  type ObjectMeta,
  type Pod,
  type Service,
  serviceNameLabel,
} from "../../src/api/index.ts";
import { mergeDiff } from "../../src/kube/index.ts";
import { isPodReady, labelsMatch, timestamp } from "./objects.ts";

/** The slices of one Service: what to create or change, and the names of those that are no longer needed. */
export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  /** JSON merge patches of slices as they are now. */
  readonly update: readonly { readonly slice: EndpointSlice; readonly patch: object }[];
  readonly remove: readonly string[];
}

/** The values of Kubernetes' own controller, so that whoever selects by them finds ours. */
const managedByLabel = "endpointslice.kubernetes.io/managed-by";
const managedBy = "endpointslice-controller.k8s.io";
const triggerTimeAnnotation = "endpoints.kubernetes.io/last-change-trigger-time";

export const endpointsPerSlice = 100;

type Port = NonNullable<EndpointSlice["ports"]>[number];

/** Endpoints of one family with the same ports: a named target port may be another number in each pod. */
interface Group {
  readonly addressType: "IPv4" | "IPv6";
  readonly ports: readonly Port[];
  readonly endpoints: Endpoint[];
}

/**
 * Pure. `zoneOf` says in which zone a node is. The slices of a Service without selector are somebody else's; those of
 * a deleted Service go with it, as they name it as their owner.
 */
export function planSlices(
  service: Service,
  pods: readonly Pod[],
  existing: readonly EndpointSlice[],
  zoneOf: (node: string) => string | undefined,
): SlicePlan {
  const selector = service.spec?.selector;
  if (selector === undefined || service.spec?.type === "ExternalName") return { create: [], update: [], remove: [] };
  const ours = existing.filter(({ metadata }) => metadata.labels?.[managedByLabel] === managedBy);
  const backends = pods.filter((pod) => isBackend(pod) && labelsMatch(selector, pod.metadata.labels));
  const changedAt = lastChange(service, backends);
  const before = new Map(ours.map((slice) => [slice.metadata.name ?? "", slice]));
  const create: EndpointSlice[] = [];
  const update: { slice: EndpointSlice; patch: object }[] = [];
  for (const group of groups(service, backends, zoneOf)) {
    for (const [index, endpoints] of place(group, service, before).entries()) {
      const name = sliceName(service, group, index);
      const old = before.get(name);
      before.delete(name);
      const wanted = slice(service, name, { ...group, endpoints }, changedAt);
      const patch = old && patchOf(old, wanted);
      if (old === undefined) create.push(wanted);
      else if (patch !== undefined) update.push({ slice: old, patch });
    }
  }
  return { create, update, remove: [...before.keys()].sort() };
}

/** What slices list: pods that have an address and have not ended for good. */
function isBackend({ spec, status }: Pod): boolean {
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  return !ended && spec?.nodeName !== undefined && (status?.podIPs ?? []).length > 0;
}

function groups(
  service: Service,
  pods: readonly Pod[],
  zoneOf: (node: string) => string | undefined,
): readonly Group[] {
  const found = new Map<string, Group>();
  const group = (addressType: Group["addressType"], ports: readonly Port[]): Group => {
    const key = JSON.stringify([addressType, ports]);
    const known = found.get(key) ?? { addressType, ports, endpoints: [] };
    found.set(key, known);
    return known;
  };
  for (const family of service.spec?.ipFamilies ?? ["IPv4"]) {
    const addressType = family === "IPv6" ? "IPv6" : "IPv4";
    const sizeBefore = found.size;
    for (const pod of pods) {
      const address = pod.status?.podIPs?.find(({ ip }) => ip.includes(":") === (addressType === "IPv6"))?.ip;
      if (address === undefined) continue;
      group(addressType, podPorts(service, pod)).endpoints.push(endpoint(service, pod, address, zoneOf));
    }
    // A Service without pods has one empty slice per family, so that a client can tell "none" from "not yet known".
    if (found.size === sizeBefore) group(addressType, []);
  }
  return [...found.values()];
}

function podPorts(service: Service, pod: Pod): Port[] {
  const declared = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  return (service.spec?.ports ?? []).flatMap(
    ({ name = "", port, protocol = "TCP", targetPort = port, appProtocol }) => {
      const number =
        typeof targetPort === "number"
          ? targetPort
          : declared.find((p) => p.name === targetPort && (p.protocol ?? "TCP") === protocol)?.containerPort;
      if (number === undefined) return [];
      return { name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) };
    },
  );
}

function endpoint(service: Service, pod: Pod, address: string, zoneOf: (node: string) => string | undefined): Endpoint {
  const { metadata, spec } = pod;
  const nodeName = spec?.nodeName ?? "";
  const zone = zoneOf(nodeName);
  const serving = isPodReady(pod);
  const terminating = metadata.deletionTimestamp !== undefined;
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const hints = ready ? trafficHints(service, nodeName, zone) : undefined;
  const { name, namespace, uid } = metadata;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    nodeName,
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
    ...(spec?.hostname !== undefined && spec.subdomain === service.metadata.name ? { hostname: spec.hostname } : {}),
    targetRef: {
      kind: "Pod",
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
      ...(uid === undefined ? {} : { uid }),
    },
  };
}

/** KEP-4444 and KEP-3015: each endpoint is for its own zone, or for its own node first. */
function trafficHints(service: Service, node: string, zone: string | undefined): Endpoint["hints"] {
  const forZones = zone === undefined ? {} : { forZones: [{ name: zone }] };
  const wish = service.spec?.trafficDistribution;
  if (wish === "PreferSameNode") return { ...forZones, forNodes: [{ name: node }] };
  const sameZone = wish === "PreferSameZone" || wish === "PreferClose";
  return sameZone && zone !== undefined ? forZones : undefined;
}

/**
 * Splits a group into slices. Who is in a slice stays there, so that one pod's change rewrites one slice; new ones
 * fill the gaps.
 */
function place(group: Group, service: Service, before: ReadonlyMap<string, EndpointSlice>): Endpoint[][] {
  const rest = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const slices: Endpoint[][] = [];
  for (let index = 0; before.has(sliceName(service, group, index)); index++) {
    const old = before.get(sliceName(service, group, index))?.endpoints ?? [];
    const kept = old.flatMap((endpoint) => rest.get(endpointKey(endpoint)) ?? []);
    for (const endpoint of kept) rest.delete(endpointKey(endpoint));
    slices.push(kept);
  }
  for (const endpoint of rest.values()) {
    const roomy = slices.find((slice) => slice.length < endpointsPerSlice);
    if (roomy === undefined) slices.push([endpoint]);
    else roomy.push(endpoint);
  }
  while (slices.length > 1 && slices.at(-1)?.length === 0) slices.pop();
  if (slices.length === 0) slices.push([]);
  return slices.map((slice) => slice.sort((a, b) => endpointKey(a).localeCompare(endpointKey(b))));
}

function endpointKey({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.name}/${targetRef?.uid}/${addresses[0]}`;
}

/** The same for the same group for ever: making a slice twice is refused instead of listing its endpoints twice. */
function sliceName(service: Service, { addressType, ports }: Group, index: number): string {
  const text = JSON.stringify([service.metadata.uid, addressType, ports, index]);
  return `${service.metadata.name ?? ""}-${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
}

function slice(service: Service, name: string, group: Group, changedAt: string | undefined): EndpointSlice {
  const { namespace, uid = "", name: serviceName = "", labels } = service.metadata;
  const headless = service.spec?.clusterIP === "None";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...labels,
        [serviceNameLabel]: serviceName,
        [managedByLabel]: managedBy,
        ...(headless ? { [headlessLabel]: "" } : {}),
      },
      ...(changedAt === undefined ? {} : { annotations: { [triggerTimeAnnotation]: changedAt } }),
      ownerReferences: [
        { apiVersion: "v1", kind: "Service", name: serviceName, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    addressType: group.addressType,
    endpoints: group.endpoints,
    ports: [...group.ports],
  };
}

/** Undefined when there is no news: the time of the newest change alone is none. */
function patchOf(old: EndpointSlice, wanted: EndpointSlice): object | undefined {
  const content = ({ metadata, endpoints, ports }: EndpointSlice): object => ({
    metadata: { labels: metadata.labels },
    endpoints: endpoints ?? [],
    ports: ports ?? [],
  });
  const diff = mergeDiff(content(old), content(wanted));
  const { annotations } = wanted.metadata;
  return diff && { ...diff, metadata: { ...(diff["metadata"] as object | undefined), annotations } };
}

/** When the newest change happened that the slices tell of: what programming latency is measured from. */
function lastChange(service: Service, pods: readonly Pod[]): string | undefined {
  const times = pods.flatMap(({ metadata, status }) => [
    deletedAt(metadata),
    status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime,
  ]);
  const known = [service.metadata.creationTimestamp, ...times].filter((time) => time !== undefined);
  return known.sort((a, b) => a.localeCompare(b)).at(-1);
}

/** The deletionTimestamp is when the grace time will be over. */
function deletedAt({ deletionTimestamp, deletionGracePeriodSeconds = 0 }: ObjectMeta): string | undefined {
  if (deletionTimestamp === undefined) return undefined;
  return timestamp(Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000);
}
