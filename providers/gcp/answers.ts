import { assertNever } from "../../src/base/index.ts";
import type { Answer } from "./client.ts";
import { lastPart } from "./links.ts";
import type {
  Address,
  BackendService,
  Endpoint,
  EndpointGroup,
  Firewall,
  FirewallTraffic,
  ForwardingRule,
  HealthCheck,
  Resource,
  ResourceKind,
} from "./resources.ts";

/** A resource as the API tells of it, or undefined for one of another sort under the same roof. */
export function resourceOf(kind: ResourceKind, answer: Answer): Resource | undefined {
  switch (kind) {
    case "address":
      return addressOf(answer);
    case "healthCheck":
      return healthCheckOf(answer);
    case "firewall":
      return firewallOf(answer);
    case "backendService":
      return backendServiceOf(answer);
    case "forwardingRule":
      return ruleOf(answer);
    case "endpointGroup":
      return endpointGroupOf(answer);
    case "instanceGroup":
      return {
        kind: "instanceGroup",
        ...common(answer),
        ...present(answer, "network", "size"),
        zone: lastPart(textOf(answer, "zone")),
      };
    default:
      return assertNever(kind, "kind");
  }
}

/** The members of a page of a group's list. */
export function endpointsOf(page: Answer): readonly Endpoint[] {
  return items(page, "items").flatMap((item) => {
    const { instance } = (item["networkEndpoint"] as Answer | undefined) ?? item;
    return typeof instance === "string" ? [{ instance: lastPart(instance) }] : [];
  });
}

/** What the probes say of each machine; one that answers in one family of two alone is not healthy. */
export function healthOfMembers(answer: Answer): ReadonlyMap<string, boolean> {
  const health = new Map<string, boolean>();
  for (const { instance, healthState, ipv6HealthState } of items(answer, "healthStatus")) {
    if (typeof instance !== "string") continue;
    const states = [healthState, ipv6HealthState].filter((state) => state !== undefined && state !== "");
    const name = lastPart(instance);
    const isHealthy = states.length > 0 && states.every((state) => state === "HEALTHY");
    health.set(name, isHealthy && health.get(name) !== false);
  }
  return health;
}

/** What a page of a list holds, in whatever zones. */
export function itemsOf(kind: ResourceKind, page: Answer): readonly Answer[] {
  if (kind !== "endpointGroup" && kind !== "instanceGroup") return items(page, "items");
  const zones = (page["items"] ?? {}) as Readonly<Record<string, Answer>>;
  const name = kind === "endpointGroup" ? "networkEndpointGroups" : "instanceGroups";
  return Object.values(zones).flatMap((zone) => items(zone, name));
}

function addressOf(answer: Answer): Address {
  return {
    kind: "address",
    ...common(answer),
    ...present(answer, "address", "networkTier", "subnetwork", "ipVersion", "ipv6EndpointType"),
    addressType: answer["addressType"] as Address["addressType"],
    users: texts(answer, "users"),
  };
}

function healthCheckOf(answer: Answer): HealthCheck {
  const { port, requestPath } = (answer["httpHealthCheck"] ?? {}) as Partial<HealthCheck["httpHealthCheck"]>;
  return {
    kind: "healthCheck",
    ...common(answer),
    ...present(answer, "type", "checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold"),
    httpHealthCheck: { port, requestPath },
  } as HealthCheck;
}

function firewallOf(answer: Answer): Firewall {
  return {
    kind: "firewall",
    ...common(answer),
    network: answer["network"] as string,
    direction: answer["direction"] as Firewall["direction"],
    priority: (answer["priority"] as number | undefined) ?? 1000,
    disabled: answer["disabled"] === true,
    sourceRanges: texts(answer, "sourceRanges"),
    destinationRanges: texts(answer, "destinationRanges"),
    targetTags: texts(answer, "targetTags"),
    sourceTags: texts(answer, "sourceTags"),
    sourceServiceAccounts: texts(answer, "sourceServiceAccounts"),
    targetServiceAccounts: texts(answer, "targetServiceAccounts"),
    allowed: items(answer, "allowed").map(trafficOf),
    denied: items(answer, "denied").map(trafficOf),
  };
}

function trafficOf(answer: Answer): FirewallTraffic {
  const ports = texts(answer, "ports");
  return {
    IPProtocol: answer["IPProtocol"] as FirewallTraffic["IPProtocol"],
    ...(ports.length > 0 && { ports: ports.map(singlePort) }),
  };
}

function backendServiceOf(answer: Answer): BackendService {
  const draining = answer["connectionDraining"] as Answer | undefined;
  return {
    kind: "backendService",
    ...common(answer),
    ...present(answer, "localityLbPolicy", "fingerprint"),
    loadBalancingScheme: answer["loadBalancingScheme"] as BackendService["loadBalancingScheme"],
    protocol: answer["protocol"] as BackendService["protocol"],
    sessionAffinity: (answer["sessionAffinity"] as BackendService["sessionAffinity"] | undefined) ?? "NONE",
    connectionDraining: { drainingTimeoutSec: (draining?.["drainingTimeoutSec"] as number | undefined) ?? 0 },
    healthChecks: texts(answer, "healthChecks"),
    backends: items(answer, "backends").map(
      ({ group, balancingMode }) => ({ group, balancingMode }) as BackendService["backends"][number],
    ),
  };
}

/** One that leads to something else, such as a target pool, is never ours. */
function ruleOf(answer: Answer): ForwardingRule {
  const ports = texts(answer, "ports");
  return {
    kind: "forwardingRule",
    ...common(answer),
    ...present(answer, "IPAddress", "IPProtocol", "loadBalancingScheme", "networkTier"),
    ...present(answer, "network", "subnetwork", "ipVersion"),
    backendService: (answer["backendService"] as string | undefined) ?? "",
    ...(ports.length > 0 && { ports }),
    ...portRangeOf(answer, ports),
    ...(answer["allPorts"] === true && { allPorts: true }),
    allowGlobalAccess: answer["allowGlobalAccess"] === true,
  } as ForwardingRule;
}

/** Some answers tell of listed ports as a range as well. */
function portRangeOf(answer: Answer, ports: readonly string[]): { readonly portRange?: string } {
  const { portRange } = answer;
  return ports.length > 0 || typeof portRange !== "string" || portRange === "" ? {} : { portRange };
}

function endpointGroupOf(answer: Answer): EndpointGroup | undefined {
  if (answer["networkEndpointType"] !== "GCE_VM_IP") return undefined;
  return {
    kind: "endpointGroup",
    ...common(answer),
    ...present(answer, "networkEndpointType", "network", "subnetwork", "size"),
    zone: lastPart(textOf(answer, "zone")),
  } as EndpointGroup;
}

function common(answer: Answer): { readonly name: string; readonly description: string } {
  return { name: textOf(answer, "name"), description: textOf(answer, "description") };
}

/** Those of the fields that are set. */
function present(answer: Answer, ...names: readonly string[]): Answer {
  return Object.fromEntries(names.flatMap((name) => (answer[name] === undefined ? [] : [[name, answer[name]]])));
}

function items(answer: Answer, name: string): readonly Answer[] {
  return (answer[name] as readonly Answer[] | undefined) ?? [];
}

function texts(answer: Answer, name: string): readonly string[] {
  return (answer[name] as readonly string[] | undefined) ?? [];
}

/** `80-80` is `80`. */
function singlePort(text: string): string {
  const [first, last] = text.split("-");
  return first !== undefined && first === last ? first : text;
}

function textOf(answer: Answer, name: string): string {
  return (answer[name] as string | undefined) ?? "";
}
