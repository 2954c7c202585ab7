// What the API refuses, each rule with its source; what is in quotation marks is said in compute.proto. Without any of
// them an acceptance test of the adapter fails (e2e/tools/fake-gce-rules.ts): what nobody would notice is no rule here.
import { groupRules } from "./group-rules.ts";
import { Refusal } from "./refusal.ts";
import { instancesOf, type Rule, when, zoneOf } from "./rule.ts";
import { type Body, bare, collectionOf, pathOf, referencesOf } from "./world.ts";

const proto = "compute.proto";
const peers = "ingress-gce and cloud-provider-gcp rely on it";

/** In the order in which they are asked. */
export const rules: readonly Rule[] = [
  {
    id: "exists",
    source: peers,
    enforce: ({ method, path, world }) =>
      when(
        method === "insert" && (world.resources.has(path) || world.isChanging(path)),
        409,
        "alreadyExists",
        `The resource '${path}' already exists`,
      ),
  },
  {
    id: "missing",
    source: peers,
    enforce: ({ method, path, world }) =>
      when(method !== "insert" && !world.resources.has(path), 404, "notFound", `The resource '${path}' was not found`),
  },
  {
    id: "one operation at a time",
    source: "kubernetes/ingress-gce#396",
    enforce: ({ path, world }) =>
      when(world.isChanging(path), 400, "resourceNotReady", `The resource '${path}' is not ready`),
  },
  {
    id: "name",
    source: `${proto}, name: "match the regular expression \`[a-z]([-a-z0-9]*[a-z0-9])?\`"`,
    enforce: ({ method, path }) => {
      const name = path.split("/").at(-1) ?? "";
      const fits = name.length <= 63 && /^[a-z]([-a-z0-9]*[a-z0-9])?$/.test(name);
      return when(method === "insert" && !fits, 400, "invalid", `Invalid value for field 'resource.name': '${name}'.`);
    },
  },
  {
    id: "fingerprint",
    source: `${proto}, BackendService.fingerprint: "the request will fail with error 412 conditionNotMet"`,
    enforce: ({ method, path, before, asked }) =>
      when(
        method === "update" &&
          collectionOf(path) === "backendServices" &&
          asked["fingerprint"] !== before?.["fingerprint"],
        412,
        "conditionNotMet",
        "Invalid fingerprint.",
      ),
  },
  {
    id: "references",
    source: peers,
    enforce: ({ method, body, world }) => {
      if (method === "delete") return undefined;
      const missing = referencesOf(body).find((link) => !world.resources.has(pathOf(link)));
      return when(missing !== undefined, 404, "notFound", `The resource '${pathOf(missing)}' was not found`);
    },
  },
  {
    id: "in use",
    source: peers,
    enforce: ({ method, path, body, world }) => {
      if (method !== "delete") return undefined;
      const atIt = collectionOf(path) === "addresses" ? world.rulesAt(String(body["address"])) : [];
      const user = world.usersOf(path)[0] ?? atIt[0]?.["selfLink"];
      return when(
        user !== undefined,
        400,
        "resourceInUseByAnotherResource",
        `The resource '${path}' is already being used by '${pathOf(user)}'`,
      );
    },
  },
  {
    id: "full links of groups",
    source: `${proto}, Backend.group: "Partial URLs are not supported"`,
    enforce: ({ body }) => {
      const groups = ((body["backends"] ?? []) as readonly Body[]).map(({ group }) => String(group));
      const wrong = groups.find((group) => !group.startsWith("https://"));
      return when(
        wrong !== undefined,
        400,
        "invalid",
        `Invalid value for field 'resource.backends[0].group': '${wrong}'.`,
      );
    },
  },
  {
    id: "one health check",
    source: `${proto}, BackendService.health_checks: "zonal NEG backends must have a health check"`,
    enforce: ({ method, path, body }) =>
      when(
        method !== "delete" &&
          collectionOf(path) === "backendServices" &&
          ((body["healthChecks"] ?? []) as readonly unknown[]).length !== 1,
        400,
        "invalid",
        "Invalid value for field 'resource.healthChecks': must have exactly one.",
      ),
  },
  {
    id: "scheme stays",
    source: `${proto}, BackendService: "created for one type of load balancer cannot be used with another"`,
    enforce: ({ method, path, before, body }) =>
      when(
        method === "update" &&
          collectionOf(path) === "backendServices" &&
          before?.["loadBalancingScheme"] !== body["loadBalancingScheme"],
        400,
        "invalid",
        "Load balancing scheme cannot be changed.",
      ),
  },
  {
    id: "protocol of what is served stays",
    source: peers,
    enforce: ({ method, path, before, body, world }) =>
      when(
        method === "update" &&
          collectionOf(path) === "backendServices" &&
          before?.["protocol"] !== body["protocol"] &&
          world.usersOf(path).length > 0,
        400,
        "invalid",
        "Protocol of a backend service cannot be changed while a forwarding rule refers to it.",
      ),
  },
  {
    id: "rule fits backend service",
    source: `${proto}, BackendService: "created for one type of load balancer cannot be used with another"`,
    enforce: ({ method, path, body, world }) => {
      if (method !== "insert" || collectionOf(path) !== "forwardingRules") return undefined;
      const service = world.resources.get(pathOf(body["backendService"])) ?? {};
      const { protocol } = service;
      const fits =
        service["loadBalancingScheme"] === body["loadBalancingScheme"] &&
        (protocol === "UNSPECIFIED" || protocol === body["IPProtocol"]);
      return when(!fits, 400, "invalid", "Forwarding rule and backend service do not match.");
    },
  },
  {
    id: "ports",
    source: `${proto}, ForwardingRule: "a list of up to five ports"; "The ports, portRange, and allPorts fields are mutually exclusive"`,
    enforce: ({ method, path, body }) => {
      if (method !== "insert" || collectionOf(path) !== "forwardingRules") return undefined;
      const { ports = [], portRange, allPorts, IPProtocol } = body as { readonly ports?: readonly string[] } & Body;
      const ways = [ports.length > 0, portRange !== undefined, allPorts === true].filter(Boolean).length;
      if (ways !== 1) return new Refusal(400, "invalid", "Exactly one of ports, portRange and allPorts must be given.");
      if (ports.length > 5) return new Refusal(400, "invalid", "Too many ports specified. Maximum is 5.");
      return when(IPProtocol === "L3_DEFAULT" && allPorts !== true, 400, "invalid", "L3_DEFAULT needs allPorts.");
    },
  },
  {
    id: "rules do not overlap",
    source: `${proto}, ForwardingRule.port_range: "cannot have overlapping portRanges"`,
    enforce: ({ method, path, body, world }) => {
      if (method !== "insert" || collectionOf(path) !== "forwardingRules") return undefined;
      const clash = world.rulesAt(String(body["IPAddress"])).find((rule) => overlaps(rule, body));
      return when(
        clash !== undefined,
        400,
        "invalid",
        `Forwarding rule's port range is conflicting with forwarding rule '${String(clash?.["name"])}'`,
      );
    },
  },
  {
    id: "global access is for internal rules",
    source: `${proto}, ForwardingRule: "clients can access the internal passthrough Network Load Balancers"`,
    enforce: ({ path, body }) =>
      when(
        collectionOf(path) === "forwardingRules" &&
          body["loadBalancingScheme"] === "EXTERNAL" &&
          body["allowGlobalAccess"] !== undefined,
        400,
        "invalid",
        "Invalid value for field 'resource.allowGlobalAccess'.",
      ),
  },
  {
    id: "subnetworks exist",
    source: `${proto}, ForwardingRule: "a subnetwork must be specified if the network is in custom subnet mode or when creating external forwarding rule with IPv6"`,
    enforce: ({ method, path, body, world }) => {
      const { project, networkProject = project, region, network, subnetworks } = world.place;
      if (method !== "insert") return undefined;
      const needsOne =
        collectionOf(path) === "networkEndpointGroups" ||
        body["addressType"] === "INTERNAL" ||
        (collectionOf(path) === "forwardingRules" &&
          (body["loadBalancingScheme"] === "INTERNAL" || body["ipVersion"] === "IPV6"));
      const given = body["subnetwork"] === undefined ? undefined : pathOf(body["subnetwork"]);
      const known = subnetworks.map((name) => `projects/${networkProject}/regions/${region}/subnetworks/${name}`);
      if (needsOne && given === undefined) return new Refusal(400, "required", "A subnetwork must be specified.");
      if (given !== undefined && !known.includes(given))
        return new Refusal(404, "notFound", `The resource '${given}' was not found`);
      const wrong =
        body["network"] !== undefined &&
        pathOf(body["network"]) !== `projects/${networkProject}/global/networks/${network}`;
      return when(wrong, 404, "notFound", `The resource '${pathOf(body["network"])}' was not found`);
    },
  },
  {
    id: "addresses are held once",
    source: "cloud-provider-gcp, holdAddress: 409 for a taken internal address, 400 external, 412 external IPv6",
    enforce: ({ method, path, body, world }) => {
      if (method !== "insert" || collectionOf(path) !== "addresses") return undefined;
      const taken = [...world.resources].some(
        ([other, found]) => collectionOf(other) === "addresses" && bare(found["address"]) === bare(body["address"]),
      );
      if (!taken) return undefined;
      if (body["addressType"] === "INTERNAL")
        return new Refusal(
          409,
          "IP_IN_USE_BY_ANOTHER_RESOURCE",
          `IP '${String(body["address"])}' is already being used.`,
        );
      const status = body["ipVersion"] === "IPV6" ? 412 : 400;
      return new Refusal(status, "invalid", "Specified IP address is in-use and would result in a conflict.");
    },
  },
  {
    id: "tier of address and rule",
    source: `${proto}, ForwardingRule.network_tier: "must be equal to the networkTier of the Address"`,
    enforce: ({ method, path, body, world }) => {
      if (method !== "insert" || collectionOf(path) !== "forwardingRules" || body["loadBalancingScheme"] === "INTERNAL")
        return undefined;
      const held = [...world.resources].find(
        ([other, found]) => collectionOf(other) === "addresses" && bare(found["address"]) === bare(body["IPAddress"]),
      );
      const tier = held?.[1]["networkTier"] as string | undefined;
      return when(
        held !== undefined && tier !== body["networkTier"],
        400,
        "invalid",
        `The network tier of external IP is ${tier}, that of Address must be the same.`,
      );
    },
  },
  {
    id: "machines of groups exist",
    source: peers,
    enforce: ({ method, path, asked, world }) => {
      if (!comes(method)) return undefined;
      const zone = zoneOf(path);
      const instances = instancesOf(asked);
      const missing = instances.find((instance) => !world.machines.has(`${zone}/${instance}`));
      if (instances.length > (method === "addInstances" ? 1000 : 500))
        return new Refusal(400, "invalid", "Too many members in one request.");
      return when(
        missing !== undefined,
        400,
        "invalid",
        `The resource 'projects/${world.place.project}/zones/${zone}/instances/${missing}' was not found`,
      );
    },
  },
  ...groupRules,
  {
    id: "one side of a firewall",
    source: "terraform-provider-google, google_compute_firewall: exactly one of allow and deny",
    enforce: ({ method, path, body }) => {
      const sides = ["allowed", "denied"].filter((side) => ((body[side] ?? []) as readonly unknown[]).length > 0);
      return when(
        method !== "delete" && collectionOf(path) === "firewalls" && sides.length !== 1,
        400,
        "invalid",
        "Exactly one of allowed and denied must be given.",
      );
    },
  },
  {
    id: "quota",
    source: "kubernetes/test-infra: FIREWALLS exceeded",
    enforce: ({ method, path, world }) => {
      const collection = collectionOf(path);
      const limit = world.quotas.get(collection);
      if (method !== "insert" || limit === undefined) return undefined;
      const count = [...world.resources.keys()].filter((other) => collectionOf(other) === collection).length;
      const metric = collection.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
      return when(count >= limit, 403, "quotaExceeded", `Quota '${metric}' exceeded.  Limit: ${limit}.0 globally.`);
    },
  },
];

function comes(method: string): boolean {
  return method === "attachNetworkEndpoints" || method === "addInstances";
}

/** Whether two rules at one address would both take a packet. */
function overlaps(one: Body, other: Body): boolean {
  if (one["IPProtocol"] !== other["IPProtocol"]) return false;
  const [a, b] = [portsOf(one), portsOf(other)];
  return a.some(([first, last]) => b.some(([from, to]) => first <= to && from <= last));
}

function portsOf({ ports, portRange }: Body): readonly (readonly [number, number])[] {
  const texts = (ports as readonly string[] | undefined) ?? [(portRange as string | undefined) ?? "1-65535"];
  return texts.map((text) => {
    const [first = 0, last = first] = text.split("-").map(Number);
    return [first, last] as const;
  });
}
