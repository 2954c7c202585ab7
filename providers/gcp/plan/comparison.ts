import { assertNever } from "../../../src/base/index.ts";
import { type Cidr, formatCidr, formatIp, parseCidr, parseIp } from "../../../src/net/index.ts";
import type { FieldDiff } from "../../../src/provider/index.ts";
import { linkPath } from "../links.ts";
import type { BackendService, Firewall, FirewallTraffic, ForwardingRule, HealthCheck, Resource } from "../resources.ts";

/** What has to be done to a resource that exists. */
export type Change = "none" | "globalAccess" | "update" | "replace";

export interface Comparison {
  readonly change: Change;
  readonly diff: readonly FieldDiff[];
}

type Fields = Readonly<Record<string, string | undefined>>;

/** Compares what is wanted with what is there: all that we set, in one spelling. */
export function compare(wanted: Resource, found: Resource): Comparison {
  const [to, from] = [fieldsOf(wanted), fieldsOf(found)];
  const diff = Object.keys({ ...to, ...from })
    .map((path) => ({ path, from: from[path], to: to[path] }))
    .filter((field) => field.from !== field.to && !isTuned(wanted, field));
  return { change: changeOf(wanted, diff), diff };
}

/** What cannot be changed in a resource. Of a rule nothing can, but who reaches it. */
const fixed: Readonly<Partial<Record<Resource["kind"], readonly string[]>>> = {
  backendService: ["loadBalancingScheme"],
  firewall: ["network", "direction"],
};

function changeOf({ kind }: Resource, diff: readonly FieldDiff[]): Change {
  if (diff.length === 0) return "none";
  if (kind === "forwardingRule")
    return diff.every(({ path }) => path === "allowGlobalAccess") ? "globalAccess" : "replace";
  return diff.some(({ path }) => fixed[kind]?.includes(path)) ? "replace" : "update";
}

const tunable = ["checkIntervalSec", "timeoutSec", "healthyThreshold", "unhealthyThreshold"] as const;

/** Somebody made a health check more patient than we do, by hand: that stays, as with Google's own controllers. */
function isTuned({ kind }: Resource, { path, from, to }: FieldDiff): boolean {
  return kind === "healthCheck" && tunable.some((field) => field === path) && Number(from) > Number(to);
}

/** What is wanted, as patient as somebody made the health check that is there. */
export function asPatient(wanted: Resource, found: Resource): Resource {
  if (wanted.kind !== "healthCheck" || found.kind !== "healthCheck") return wanted;
  const tuned = tunable.map((field) => [field, Math.max(wanted[field], found[field])]);
  return { ...wanted, ...Object.fromEntries(tuned) };
}

function fieldsOf(resource: Resource): Fields {
  switch (resource.kind) {
    // Its name says all of it; the group's network is the adapter's own.
    case "address":
    case "endpointGroup":
    case "instanceGroup":
      return {};
    case "healthCheck":
      return healthCheckFields(resource);
    case "firewall":
      return firewallFields(resource);
    case "backendService":
      return backendServiceFields(resource);
    case "forwardingRule":
      return ruleFields(resource);
    default:
      return assertNever(resource, "resource");
  }
}

function healthCheckFields(check: HealthCheck): Fields {
  return {
    description: check.description,
    type: check.type,
    port: `${check.httpHealthCheck?.port}`,
    requestPath: check.httpHealthCheck?.requestPath,
    checkIntervalSec: `${check.checkIntervalSec}`,
    timeoutSec: `${check.timeoutSec}`,
    healthyThreshold: `${check.healthyThreshold}`,
    unhealthyThreshold: `${check.unhealthyThreshold}`,
  };
}

function firewallFields(firewall: Firewall): Fields {
  return {
    description: firewall.description,
    network: linkPath(firewall.network),
    direction: firewall.direction,
    priority: `${firewall.priority}`,
    disabled: `${firewall.disabled}`,
    sourceRanges: listText(firewall.sourceRanges.map(prefixText)),
    destinationRanges: listText(firewall.destinationRanges.map(prefixText)),
    targetTags: listText(firewall.targetTags),
    sourceTags: listText(firewall.sourceTags ?? []),
    sourceServiceAccounts: listText(firewall.sourceServiceAccounts ?? []),
    targetServiceAccounts: listText(firewall.targetServiceAccounts ?? []),
    allowed: listText(firewall.allowed.map(trafficText)),
    denied: listText(firewall.denied.map(trafficText)),
  };
}

function trafficText({ IPProtocol, ports = [] }: FirewallTraffic): string {
  return `${IPProtocol}:${listText(ports)}`;
}

function backendServiceFields(service: BackendService): Fields {
  return {
    description: service.description,
    loadBalancingScheme: service.loadBalancingScheme,
    protocol: service.protocol,
    sessionAffinity: service.sessionAffinity,
    drainingTimeoutSec: `${service.connectionDraining.drainingTimeoutSec}`,
    healthChecks: listText(service.healthChecks.map(linkPath)),
    backends: listText(service.backends.map(({ group, balancingMode }) => `${linkPath(group)} ${balancingMode}`)),
    // Google Cloud names others for what has none.
    localityLbPolicy: service.localityLbPolicy?.startsWith("WEIGHTED_") ? service.localityLbPolicy : undefined,
  };
}

function ruleFields(rule: ForwardingRule): Fields {
  return {
    IPAddress: addressText(rule.IPAddress),
    IPProtocol: rule.IPProtocol,
    loadBalancingScheme: rule.loadBalancingScheme,
    backendService: linkPath(rule.backendService),
    ports: listText(rule.ports ?? []),
    portRange: rule.portRange,
    allPorts: `${rule.allPorts ?? false}`,
    networkTier: rule.loadBalancingScheme === "EXTERNAL" ? rule.networkTier : undefined,
    subnetwork: rule.subnetwork === undefined ? undefined : linkPath(rule.subnetwork),
    allowGlobalAccess: `${rule.allowGlobalAccess ?? false}`,
  };
}

/** The address alone, in one spelling. */
export function addressText(text: string): string {
  const ip = parseIp(text.replace(/\/\d+$/, ""));
  return ip === undefined ? text : formatIp(ip);
}

/** An address alone is the prefix of itself. */
export function prefixOf(text: string): Cidr | undefined {
  const ip = parseIp(text);
  return ip === undefined ? parseCidr(text) : { base: ip, prefix: ip.family === "IPv4" ? 32 : 128 };
}

function prefixText(text: string): string {
  const prefix = prefixOf(text);
  return prefix === undefined ? text : formatCidr(prefix);
}

function listText(items: readonly string[]): string {
  return items.toSorted().join(",");
}
