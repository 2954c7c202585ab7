// What the API refuses, each rule with its source; what is in quotation marks is said in compute.proto. Without any of
// them an acceptance test of the adapter fails (e2e/tools/fake-gce-rules.ts): what nobody would notice is no rule here.
import { addressRules } from "./address-rules.ts";
import { type Body, collectionOf, groupsOf, pathOf, referencesOf } from "./body.ts";
import { groupRules } from "./group-rules.ts";
import { type Change, changes, type Rule, reads, writes } from "./rule.ts";

const proto = "compute.proto";
const peers = "ingress-gce and cloud-provider-gcp rely on it";
const otherType = `${proto}, BackendService: "created for one type of load balancer cannot be used with another"`;

/** In the order in which they are asked. */
export const rules: readonly Rule[] = [
  {
    id: "projects exist",
    source: peers,
    on: [`insert,${reads}`, 404, "notFound"],
    against: ({ path, world: { place } }) => {
      const [, project = ""] = path.split("/");
      const isKnown = [place.project, place.networkProject].includes(project);
      return !isKnown && `The resource 'projects/${project}' was not found`;
    },
  },
  {
    id: "regions and zones exist",
    source: "inspec/inspec-gcp#301: Unknown zone",
    on: [`insert,${reads}`],
    against: ({ path, world: { place } }) => {
      const [, kind, name = ""] = /\/(region|zone)s\/([^/]+)/.exec(path) ?? [];
      const isKnown = kind === "zone" ? name.startsWith(`${place.region}-`) : name === place.region;
      return kind !== undefined && !isKnown && `Invalid value for field '${kind}': '${name}'. Unknown ${kind}.`;
    },
  },
  {
    id: "exists",
    source: peers,
    on: ["insert", 409, "alreadyExists"],
    against: ({ before, path, world }) =>
      (before !== undefined || world.isChanging(path)) && `The resource '${path}' already exists`,
  },
  {
    id: "name",
    source: `${proto}, name: "match the regular expression \`[a-z]([-a-z0-9]*[a-z0-9])?\`"`,
    on: ["insert"],
    against: ({ path }) => {
      const name = path.split("/").at(-1) ?? "";
      return !/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name) && `Invalid value for field 'resource.name': '${name}'.`;
    },
  },
  {
    id: "quota",
    source: "kubernetes/test-infra: FIREWALLS exceeded",
    on: ["insert", 403, "quotaExceeded"],
    against: ({ collection, world: { quotas, resources } }) => {
      const limit = quotas.get(collection) ?? Number.POSITIVE_INFINITY;
      const count = [...resources.keys()].filter((other) => collectionOf(other) === collection).length;
      const metric = collection.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
      return count >= limit && `Quota '${metric}' exceeded.  Limit: ${limit}.0 globally.`;
    },
  },
  {
    id: "missing",
    source: peers,
    on: [changes, 404, "notFound"],
    against: ({ before, path }) => before === undefined && `The resource '${path}' was not found`,
  },
  {
    id: "one operation at a time",
    source: "kubernetes/ingress-gce#396",
    on: [changes, 400, "resourceNotReady"],
    against: ({ path, world }) => world.isChanging(path) && `The resource '${path}' is not ready`,
  },
  {
    id: "fingerprint",
    source: `${proto}, BackendService.fingerprint: "the request will fail with error 412 conditionNotMet"`,
    on: ["update,patch backendServices", 412, "conditionNotMet"],
    against: ({ before, asked: { fingerprint } }) => fingerprint !== before?.["fingerprint"] && "Invalid fingerprint.",
  },
  {
    id: "in use",
    source: peers,
    on: ["delete", 400, "resourceInUseByAnotherResource"],
    against: ({ path, collection, body, world }) => {
      const atIt = collection === "addresses" ? world.rulesAt(body["address"]) : [];
      const user = world.usersOf(path)[0] ?? atIt[0]?.["selfLink"];
      return user !== undefined && `The resource '${path}' is already being used by '${pathOf(user)}'`;
    },
  },
  {
    id: "references",
    source: peers,
    on: [writes, 404, "notFound"],
    against: ({ body, world }) => {
      const missing = referencesOf(body).find((path) => !world.resources.has(path));
      return missing !== undefined && `The resource '${missing}' was not found`;
    },
  },
  {
    id: "full links of groups",
    source: `${proto}, Backend.group: "Partial URLs are not supported"`,
    on: [`${writes} backendServices`],
    against: ({ asked }) => {
      const wrong = groupsOf(asked).find((group) => !group.startsWith("https://"));
      return wrong !== undefined && `Invalid value for field 'resource.backends[0].group': '${wrong}'.`;
    },
  },
  {
    id: "one health check",
    source: `${proto}, BackendService.health_checks: "zonal NEG backends must have a health check"`,
    on: [`${writes} backendServices`],
    against: ({ body: { healthChecks } }) =>
      (healthChecks as Body[] | undefined)?.length !== 1 && "Invalid value for field 'resource.healthChecks'.",
  },
  {
    id: "scheme stays",
    source: otherType,
    on: ["update,patch backendServices"],
    against: (change) => isOther(change, "loadBalancingScheme") && "Load balancing scheme cannot be changed.",
  },
  {
    id: "protocol of what is served stays",
    source: peers,
    on: ["update,patch backendServices"],
    against: (change) => {
      const isServed = change.world.usersOf(change.path).length > 0;
      return isServed && isOther(change, "protocol") && "Protocol cannot be changed while a rule refers to it.";
    },
  },
  {
    id: "rule fits backend service",
    source: otherType,
    on: ["insert forwardingRules"],
    against: ({ body, world }) => {
      const service = world.resources.get(pathOf(body["backendService"])) ?? {};
      const isOfScheme = service["loadBalancingScheme"] === body["loadBalancingScheme"];
      const isOfProtocol = ["UNSPECIFIED", body["IPProtocol"]].includes(service["protocol"]);
      return !(isOfScheme && isOfProtocol) && "Forwarding rule and backend service do not match.";
    },
  },
  {
    id: "ports",
    source: `${proto}, ForwardingRule: "a list of up to five ports"; "The ports, portRange, and allPorts fields are mutually exclusive"`,
    on: ["insert forwardingRules"],
    against: ({ body: { ports, portRange, allPorts, IPProtocol } }) => {
      const ways = [ports, portRange, allPorts].filter((way) => way !== undefined && way !== false);
      if (ways.length !== 1) return "Exactly one of ports, portRange and allPorts must be given.";
      if (Array.isArray(ports) && ports.length > 5) return "Too many ports specified. Maximum is 5.";
      return IPProtocol === "L3_DEFAULT" && allPorts !== true && "L3_DEFAULT needs allPorts.";
    },
  },
  {
    id: "rules do not overlap",
    source: `${proto}, ForwardingRule.port_range: "cannot have overlapping portRanges"`,
    on: ["insert forwardingRules"],
    against: ({ body, world }) => {
      const clash = world.rulesAt(body["IPAddress"]).find((rule) => overlaps(rule, body));
      const text = "Forwarding rule's port range is conflicting with forwarding rule";
      return clash !== undefined && `${text} '${String(clash["name"])}'`;
    },
  },
  {
    id: "global access is for internal rules",
    source: `${proto}, ForwardingRule: "clients can access the internal passthrough Network Load Balancers"`,
    on: [`${writes} forwardingRules`],
    against: ({ body: { loadBalancingScheme, allowGlobalAccess } }) =>
      loadBalancingScheme === "EXTERNAL" && allowGlobalAccess !== undefined && "Invalid field 'allowGlobalAccess'.",
  },
  {
    id: "one side of a firewall",
    source: "terraform-provider-google, google_compute_firewall: exactly one of allow and deny",
    on: [`${writes} firewalls`],
    against: ({ body: { allowed, denied } }) => {
      const sides = [allowed, denied].filter((side) => Array.isArray(side) && side.length > 0);
      return sides.length !== 1 && "Exactly one of allowed and denied must be given.";
    },
  },
  ...addressRules,
  ...groupRules,
];

function isOther({ before, body }: Change, field: string): boolean {
  return before?.[field] !== body[field];
}

/** Whether two rules at one address would both take a packet. */
function overlaps(one: Body, other: Body): boolean {
  if (one["IPProtocol"] !== other["IPProtocol"]) return false;
  return portsOf(one).some(([first, last]) => portsOf(other).some(([from, to]) => first <= to && from <= last));
}

function portsOf({ ports, portRange = "1-65535" }: Body): readonly (readonly [number, number])[] {
  return ((ports ?? [portRange]) as readonly string[]).map((text) => {
    const [first = 0, last = first] = text.split("-").map(Number);
    return [first, last];
  });
}
