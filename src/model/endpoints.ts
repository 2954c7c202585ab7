import { type Endpoint, type EndpointSlice, headlessLabel, type Protocol } from "../api/index.ts";
import { type Family, withPort } from "../net/index.ts";
import { canonicalAddress } from "./addresses.ts";
import { isPortNumber } from "./writable.ts";

/** One address and port behind a Service port, with what its slice says about it. */
export interface ServiceEndpoint {
  /** In canonical form. */
  readonly address: string;
  readonly port: number;
  readonly node: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  /** Who should use it (KEP-2433, KEP-4444 and KEP-3015); empty when the slice gives no hint. */
  readonly hints: { readonly zones: readonly string[]; readonly nodes: readonly string[] };
}

type EndpointPort = NonNullable<EndpointSlice["ports"]>[number];

/** The node for which endpoints are chosen. */
export interface NodePlace {
  readonly name: string;
  readonly zone: string | undefined;
}

/** Which endpoints a node may use for a Service port, by traffic policy. */
export interface EndpointChoice {
  /** For policy Cluster. */
  readonly cluster: readonly ServiceEndpoint[];
  /** For policy Local: those on this node. */
  readonly local: readonly ServiceEndpoint[];
  /** Whether any node has an endpoint that can take traffic. */
  readonly any: boolean;
}

export function endpointName(endpoint: ServiceEndpoint): string {
  return withPort(endpoint.address, endpoint.port);
}

/**
 * The endpoints of one named port in one family, sorted by `address:port`. A port without any name, not even an empty
 * one, belongs to no Service: the API server gives each at least the empty one. An endpoint may be in several slices
 * while it moves between them: the copy in the better state wins.
 */
export function endpointsOf(
  slices: readonly EndpointSlice[],
  family: Family,
  portName: string,
  protocol: Protocol,
): readonly ServiceEndpoint[] {
  return mergeEndpoints(
    slices.filter(({ addressType }) => addressType === family),
    (port) => port.name === portName && (port.protocol ?? "TCP") === protocol,
  );
}

/** Every endpoint of every port, whatever its name. */
export function allEndpoints(slices: readonly EndpointSlice[]): readonly ServiceEndpoint[] {
  return mergeEndpoints(slices, () => true);
}

function mergeEndpoints(
  slices: readonly EndpointSlice[],
  wanted: (port: EndpointPort) => boolean,
): readonly ServiceEndpoint[] {
  const found = new Map<string, ServiceEndpoint>();
  for (const slice of slices.toSorted((a, b) => compare(a.metadata.name ?? "", b.metadata.name ?? ""))) {
    const { addressType } = slice;
    if (slice.metadata.labels?.[headlessLabel] !== undefined || !isFamily(addressType)) continue;
    const ports = (slice.ports ?? []).flatMap((port) => (isPortNumber(port.port) && wanted(port) ? [port.port] : []));
    for (const endpoint of slice.endpoints ?? []) {
      // Only the first address counts (kubernetes/kubernetes#106267).
      const address = canonicalAddress(endpoint.addresses?.[0], addressType);
      if (address === undefined) continue;
      for (const port of ports) {
        const name = withPort(address, port);
        const entry = readEndpoint(endpoint, address, port);
        const before = found.get(name);
        if (before === undefined || rank(entry) > rank(before)) found.set(name, entry);
      }
    }
  }
  return [...found].sort(([a], [b]) => compare(a, b)).map(([, entry]) => entry);
}

function isFamily(addressType: string): addressType is Family {
  return addressType === "IPv4" || addressType === "IPv6";
}

function readEndpoint({ conditions, hints, nodeName }: Endpoint, address: string, port: number): ServiceEndpoint {
  const { ready, serving, terminating } = conditions ?? {};
  return {
    address,
    port,
    node: nodeName,
    ready: ready ?? true,
    serving: serving ?? true,
    terminating: terminating ?? false,
    hints: readHints(hints),
  };
}

/** One for all endpoints without hints: there may be many thousands. */
const noHints: ServiceEndpoint["hints"] = { zones: [], nodes: [] };

function readHints(hints: Endpoint["hints"]): ServiceEndpoint["hints"] {
  const { forZones, forNodes } = hints ?? {};
  return (forZones ?? []).length + (forNodes ?? []).length === 0
    ? noHints
    : { zones: forZones?.map(({ name }) => name) ?? [], nodes: forNodes?.map(({ name }) => name) ?? [] };
}

function rank({ ready, serving, terminating }: ServiceEndpoint): number {
  return (terminating ? 0 : 4) + (ready ? 2 : 0) + (serving ? 1 : 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Ready endpoints, and only when there are none those that end but still serve (KEP-1669), for each policy apart.
 * Hints narrow policy Cluster when every ready endpoint has them and one names this node, or else its zone.
 */
export function chooseEndpoints(endpoints: readonly ServiceEndpoint[], node: NodePlace): EndpointChoice {
  const ready = those(endpoints, (endpoint) => endpoint.ready);
  const ending = those(endpoints, (endpoint) => endpoint.serving && endpoint.terminating);
  const local = (list: readonly ServiceEndpoint[]): readonly ServiceEndpoint[] =>
    those(list, (endpoint) => endpoint.node === node.name);
  const localReady = local(ready);
  return {
    cluster: ready.length > 0 ? hinted(ready, node) : ending,
    local: localReady.length > 0 ? localReady : local(ending),
    any: ready.length > 0 || ending.length > 0,
  };
}

/** All or none of a list is no list of its own: there are some of these for each port of each Service. */
function those(
  list: readonly ServiceEndpoint[],
  wanted: (endpoint: ServiceEndpoint) => boolean,
): readonly ServiceEndpoint[] {
  if (list.every(wanted)) return list;
  return list.some(wanted) ? list.filter(wanted) : noEndpoints;
}

const noEndpoints: readonly ServiceEndpoint[] = [];

function hinted(ready: readonly ServiceEndpoint[], { name, zone }: NodePlace): readonly ServiceEndpoint[] {
  if (ready.every(({ hints }) => hints.nodes.length > 0)) {
    const here = ready.filter(({ hints }) => hints.nodes.includes(name));
    if (here.length > 0) return here;
  }
  if (zone !== undefined && zone !== "" && ready.every(({ hints }) => hints.zones.length > 0)) {
    const near = ready.filter(({ hints }) => hints.zones.includes(zone));
    if (near.length > 0) return near;
  }
  return ready;
}

/**
 * The nodes that can take traffic for a Service of policy Local: those with ready endpoints, and only when there are
 * none those whose endpoints end but still serve, as on the node itself.
 */
export function endpointNodes(slices: readonly EndpointSlice[]): ReadonlySet<string> {
  const all = allEndpoints(slices);
  const on = (those: readonly ServiceEndpoint[]): ReadonlySet<string> =>
    new Set(those.flatMap(({ node }) => node ?? []));
  const ready = on(all.filter((endpoint) => endpoint.ready));
  return ready.size > 0 ? ready : on(all.filter(({ serving, terminating }) => serving && terminating));
}
