// Who may receive a packet, said once more from the meaning of the API fields and as plainly as possible: no chains,
// no rules, nothing of the code that it judges.
import type { EndpointSlice, Service, ServicePort } from "../../../api/index.ts";
import type { Expectation, SentPacket, World } from "./world.ts";

interface Endpoint {
  readonly name: string;
  readonly ip: string;
  readonly node: string | undefined;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zones: readonly string[];
  readonly nodes: readonly string[];
}

interface Claim {
  readonly service: Service;
  readonly port: ServicePort;
  readonly kind: "ClusterIP" | "external IP" | "load balancer" | "NodePort";
}

export function expectation(world: World, packet: SentPacket): Expectation {
  const claim = claimOf(world, packet);
  if (claim === undefined) return { kind: "left alone" };
  const { service, port, kind } = claim;
  const all = endpointsOf(world, service, port, packet);
  const usable = pick(all);
  const here = pick(all.filter(({ node }) => node === world.node.metadata.name));
  if (usable.length === 0) {
    // In kube-proxy's layout the node's own packets to addresses elsewhere pass no rule that refuses external traffic.
    if (kind !== "ClusterIP" && isOnNode(world, packet.source) && !isOnNode(world, packet.destination))
      return { kind: "left alone" };
    const offered = kind !== "NodePort" || offersNodePorts(world, packet.destination);
    return { kind: offered ? "REJECT" : "closed" };
  }
  if (kind === "NodePort" && !offersNodePorts(world, packet.destination)) {
    // The refusal of a policy without local endpoints does not ask for the address.
    return { kind: service.spec?.externalTrafficPolicy === "Local" && here.length === 0 ? "closed" : "left alone" };
  }
  const everywhere = nearest(usable, world);
  const fromNode = isOnNode(world, packet.source);
  const fromPod = isPod(world, packet);
  if (kind === "ClusterIP") {
    const local = service.spec?.internalTrafficPolicy === "Local";
    const others = world.settings.masqueradeAll || fromPod === false;
    return reach(local ? here : everywhere, packet, others);
  }
  const filtered = kind === "load balancer" || (kind === "NodePort" && filtersNodePorts(service));
  if (filtered && !admits(world, service, packet)) return { kind: "DROP" };
  if (service.spec?.externalTrafficPolicy !== "Local") return reach(everywhere, packet, true);
  if (fromPod === true) return reach(everywhere, packet, false);
  if (fromNode) return reach(everywhere, packet, true);
  return reach(here, packet, false);
}

/** Each of them with the same chance; a pod that reaches itself sees another source in any case. */
function reach(endpoints: readonly Endpoint[], { source }: SentPacket, masqueraded: boolean): Expectation {
  if (endpoints.length === 0) return { kind: "DROP" };
  return {
    kind: "endpoints",
    masqueraded: new Map(endpoints.map(({ name, ip }) => [name, masqueraded || ip === source])),
  };
}

/**
 * Whose packet it is. What the API server has assigned goes before what was asked for; then the older Service has it,
 * then the one with the smaller UID. Nobody has the API server's own address and port.
 */
function claimOf(world: World, packet: SentPacket): Claim | undefined {
  const claims = world.services
    .filter((service) => isServed(world, service))
    .flatMap((service) =>
      (service.spec?.ports ?? [])
        .filter((port) => (port.protocol ?? "TCP") === packet.protocol && hasFamily(service, packet.destination))
        .flatMap((port) => kindsOf(world, service, port, packet).map((kind): Claim => ({ service, port, kind }))),
    );
  const order = ({ kind, service }: Claim): string => {
    const assigned = kind === "ClusterIP" || kind === "NodePort";
    return `${assigned ? 0 : 1} ${service.metadata.creationTimestamp} ${service.metadata.uid}`;
  };
  return claims.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))[0];
}

function kindsOf(world: World, { spec, status }: Service, port: ServicePort, packet: SentPacket): Claim["kind"][] {
  const { destination } = packet;
  const kinds: Claim["kind"][] = [];
  if (port.nodePort === packet.port && isOnNode(world, destination)) kinds.push("NodePort");
  if (port.port !== packet.port) return kinds;
  const [cluster, external] = [[spec?.clusterIP, ...(spec?.clusterIPs ?? [])], spec?.externalIPs ?? []];
  if (cluster.some((text) => same(text, destination))) kinds.push("ClusterIP");
  // A public address of the node, which its cloud translates into the first of its own, is asked for as the public one.
  const reach = (text: string | undefined): boolean =>
    [text, translated(world, text)].some((address) => same(address, destination)) &&
    ![text, translated(world, text)].some((address) => isApiServer(world, address, packet.port));
  const allowed = external.filter((text) => world.settings.externalIps.some((range) => within(text, range)));
  if (allowed.some(reach)) kinds.push("external IP");
  if (virtualIps(status).some(reach)) kinds.push("load balancer");
  return kinds;
}

function translated({ node }: World, address: string | undefined): string | undefined {
  const all = node.status?.addresses ?? [];
  const isPublic = all.some((each) => each.type === "ExternalIP" && same(each.address, address));
  return isPublic
    ? all.find((each) => each.type === "InternalIP" && familyOf(each.address) === familyOf(address ?? ""))?.address
    : undefined;
}

function isApiServer({ apiServers }: World, address: string | undefined, port: number): boolean {
  return apiServers.some((each) => same(each.address, address) && each.port === port);
}

function isServed({ settings }: World, { metadata, spec }: Service): boolean {
  return (
    spec?.type !== "ExternalName" &&
    (spec?.clusterIP ?? "") !== "" &&
    spec?.clusterIP !== "None" &&
    metadata.labels?.["service.kubernetes.io/service-proxy-name"] === settings.serviceProxyName
  );
}

function hasFamily({ spec }: Service, address: string): boolean {
  const families = spec?.ipFamilies ?? [];
  const wanted = families.length > 0 ? families : [familyOf(spec?.clusterIP ?? "")];
  return wanted.includes(familyOf(address));
}

function virtualIps(status: Service["status"]): (string | undefined)[] {
  return (status?.loadBalancer?.ingress ?? []).filter(({ ipMode }) => ipMode !== "Proxy").map(({ ip }) => ip);
}

/** All endpoints of the port; of several copies of one the best, and of equals that in the first slice. */
function endpointsOf(world: World, service: Service, port: ServicePort, packet: SentPacket): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const slice of world.slices.filter((each) => belongs(each, service, packet.destination)))
    for (const { name, port: number, protocol = "TCP" } of slice.ports ?? []) {
      if (name !== (port.name ?? "") || protocol !== packet.protocol || !number) continue;
      for (const { addresses, conditions, nodeName, hints } of slice.endpoints ?? []) {
        const ip = plain(addresses[0] ?? "");
        if (familyOf(ip) !== slice.addressType) continue;
        const endpoint: Endpoint = {
          name: ip.includes(":") ? `[${ip}]:${number}` : `${ip}:${number}`,
          ip,
          node: nodeName,
          ready: conditions?.ready ?? true,
          serving: conditions?.serving ?? true,
          terminating: conditions?.terminating ?? false,
          zones: (hints?.forZones ?? []).map((zone) => zone.name),
          nodes: (hints?.forNodes ?? []).map((node) => node.name),
        };
        const other = found.get(endpoint.name);
        if (other === undefined || worth(endpoint) > worth(other)) found.set(endpoint.name, endpoint);
      }
    }
  return [...found.values()];
}

/** To stay counts most, then to be ready, then to serve. */
function worth({ ready, serving, terminating }: Endpoint): number {
  return Number(!terminating) * 4 + Number(ready) * 2 + Number(serving);
}

function belongs(slice: EndpointSlice, service: Service, destination: string): boolean {
  const { labels, namespace } = slice.metadata;
  return (
    labels?.["kubernetes.io/service-name"] === service.metadata.name &&
    namespace === service.metadata.namespace &&
    labels?.["service.kubernetes.io/headless"] === undefined &&
    slice.addressType === familyOf(destination)
  );
}

/** The ready ones; without any, those that end but still serve (KEP-1669). */
function pick(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const ready = endpoints.filter((endpoint) => endpoint.ready);
  return ready.length > 0 ? ready : endpoints.filter(({ serving, terminating }) => serving && terminating);
}

/** Those hinted to this node, or else to its zone, if every ready one has a hint (KEP-3015, KEP-2433). */
function nearest(usable: readonly Endpoint[], { node }: World): readonly Endpoint[] {
  if (!usable.every(({ ready }) => ready)) return usable;
  const ways: readonly [hints: (endpoint: Endpoint) => readonly string[], mine: string | undefined][] = [
    [({ nodes }) => nodes, node.metadata.name],
    [({ zones }) => zones, node.metadata.labels?.["topology.kubernetes.io/zone"]],
  ];
  for (const [hints, mine] of ways) {
    if (mine === undefined || mine === "" || usable.some((endpoint) => hints(endpoint).length === 0)) continue;
    const near = usable.filter((endpoint) => hints(endpoint).includes(mine));
    if (near.length > 0) return near;
  }
  return usable;
}

/** Who writes neither true nor false wants a filter. */
function filtersNodePorts({ metadata }: Service): boolean {
  return (metadata.annotations?.["berth.dev/source-ranges-on-node-ports"] ?? "false") !== "false";
}

/**
 * Whether the load balancer's source ranges let the sender in. A family without ranges is open; what is no range lets
 * nobody in, whatever family it was meant for.
 */
function admits(world: World, service: Service, { source, destination }: SentPacket): boolean {
  const family = familyOf(destination);
  const ranges = (service.spec?.loadBalancerSourceRanges ?? []).map((text) => text.trim());
  const own = ranges.filter((range) => familyOf(range) === family);
  const none = ranges.filter((range) => familyOf(range) === "");
  if (own.some((range) => range.endsWith("/0")) || own.length + none.length === 0) return true;
  // The node may have the load balancer's address as its own and so as its source.
  const node = mainAddress(world, family);
  const nodeIsIn = node !== undefined && own.some((range) => within(node, range));
  const itself = virtualIps(service.status).some((vip) => same(vip, source));
  return own.some((range) => within(source, range)) || (nodeIsIn && itself);
}

function mainAddress({ node }: World, family: string): string | undefined {
  const addresses = (node.status?.addresses ?? []).filter(({ address }) => familyOf(address) === family);
  const byType = (wanted: string): string | undefined => addresses.find(({ type }) => type === wanted)?.address;
  return byType("InternalIP") ?? byType("ExternalIP");
}

function offersNodePorts(world: World, destination: string): boolean {
  const { nodePortAddresses: wanted, localhostNodePorts } = world.settings;
  const loopback = destination === "::1" || destination.startsWith("127.");
  if (loopback && (destination === "::1" || !localhostNodePorts)) return false;
  if (wanted === "primary") return same(mainAddress(world, familyOf(destination)), destination);
  const own = wanted.filter((range) => familyOf(range) === familyOf(destination));
  return own.length === 0 || own.some((range) => within(destination, range));
}

/** Undefined when the node cannot tell. */
function isPod({ node, settings }: World, { source, interface: input }: SentPacket): boolean | undefined {
  const { localTraffic } = settings;
  if (localTraffic.mode === "BridgeInterface") return input === localTraffic.name;
  if (localTraffic.mode === "InterfaceNamePrefix") return input?.startsWith(localTraffic.prefix) === true;
  const cidrs = localTraffic.mode === "NodeCIDR" ? (node.spec?.podCIDRs ?? []) : [...localTraffic.cidrs.values()];
  const cidr = cidrs.find((text) => familyOf(text) === familyOf(source));
  return cidr === undefined ? undefined : within(source, cidr);
}

function isOnNode({ addresses }: World, address: string): boolean {
  return address.startsWith("127.") || address === "::1" || addresses.some((own) => same(own, address));
}

function familyOf(text: string): string {
  return text.includes(":") ? "IPv6" : /^\d+(\.\d+){3}(\/\d+)?$/.test(text) ? "IPv4" : "";
}

/** Without leading zeros, which old objects may have. */
function plain(text: string): string {
  return text.includes(":")
    ? text
    : text
        .split(".")
        .map((part) => `${Number(part)}`)
        .join(".");
}

function same(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && plain(a) === plain(b);
}

/** Bit by bit. */
function within(address: string, range: string): boolean {
  const [base = "", length = ""] = range.split("/");
  return (
    familyOf(base) !== "" &&
    familyOf(base) === familyOf(address) &&
    bits(address).startsWith(bits(base).slice(0, Number(length)))
  );
}

function bits(address: string): string {
  if (!address.includes(":"))
    return address
      .split(".")
      .map((part) => Number(part).toString(2).padStart(8, "0"))
      .join("");
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...middle, ...right]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, "0"))
    .join("");
}
