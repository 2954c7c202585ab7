// What the API refuses of addresses, and of where they are.
import { type Body, pathOf } from "./body.ts";
import type { Rule } from "./rule.ts";
import type { World } from "./world.ts";

const proto = "compute.proto";
const held = "cloud-provider-gcp, holdAddress";
const inUse = "Specified IP address is in-use and would result in a conflict.";

export const addressRules: readonly Rule[] = [
  {
    id: "subnetworks are named",
    source: `${proto}, ForwardingRule: "a subnetwork must be specified if the network is in custom subnet mode or when creating external forwarding rule with IPv6"`,
    on: ["insert", 400, "required"],
    against: ({ collection, body: { addressType, loadBalancingScheme, ipVersion, subnetwork } }) => {
      const needsOne: Readonly<Record<string, boolean>> = {
        addresses: addressType === "INTERNAL",
        forwardingRules: loadBalancingScheme === "INTERNAL" || ipVersion === "IPV6",
        networkEndpointGroups: true,
      };
      return needsOne[collection] === true && subnetwork === undefined && "A subnetwork must be specified.";
    },
  },
  {
    id: "networks and subnetworks exist",
    source: "cloudfoundry/bosh-bootloader#166: a subnetwork of another region",
    on: ["insert", 404, "notFound"],
    against: ({ body, world }) => {
      const given = [body["subnetwork"], body["network"]].filter((link) => link !== undefined).map(pathOf);
      const wrong = given.find((path) => !world.networks.includes(path));
      return wrong !== undefined && `The resource '${wrong}' was not found`;
    },
  },
  {
    id: "internal addresses are held once",
    source: `${held}: 409`,
    on: ["insert addresses", 409, "IP_IN_USE_BY_ANOTHER_RESOURCE"],
    against: ({ body, world }) =>
      isTaken(world, body, "INTERNAL") && `IP '${String(body["address"])}' is already being used.`,
  },
  {
    id: "external addresses are held once",
    source: `${held}: 400`,
    on: ["insert addresses"],
    against: ({ body, world }) => isTaken(world, body, "IPv4") && inUse,
  },
  {
    id: "external IPv6 addresses are held once",
    source: `${held}: 412`,
    on: ["insert addresses", 412, "conditionNotMet"],
    against: ({ body, world }) => isTaken(world, body, "IPv6") && inUse,
  },
  {
    id: "external addresses are given",
    source: "hashicorp/terraform-provider-google#9565: none but what is served already can be asked for",
    on: ["insert addresses"],
    against: ({ body: { addressType, address }, world }) => {
      const isChosen = addressType === "EXTERNAL" && address !== undefined;
      return isChosen && !isOurs(world, address) && "Invalid value for field 'resource.address'.";
    },
  },
  {
    id: "external rules are at addresses that are held",
    source: "hashicorp/terraform#19231: Invalid IP address specified",
    on: ["insert forwardingRules"],
    against: ({ body: { loadBalancingScheme, IPAddress: ip }, world }) => {
      const isChosen = loadBalancingScheme === "EXTERNAL" && ip !== undefined;
      return (
        isChosen && !isOurs(world, ip) && "Invalid value for field 'resource.IPAddress'. Invalid IP address specified."
      );
    },
  },
  {
    id: "tier of address and rule",
    source: `${proto}, ForwardingRule.network_tier: "must be equal to the networkTier of the Address"`,
    on: ["insert forwardingRules"],
    against: ({ body: { networkTier, IPAddress }, world }) => {
      const [held] = world.reservationsOf(IPAddress);
      const text = `The network tier of external IP is ${String(networkTier)}, that of Address must be the same.`;
      return held !== undefined && held["networkTier"] !== networkTier && text;
    },
  },
];

function isTaken(world: World, { addressType, address }: Body, kind: "INTERNAL" | "IPv4" | "IPv6"): boolean {
  const family = String(address).includes(":") ? "IPv6" : "IPv4";
  return kind === (addressType === "INTERNAL" ? addressType : family) && world.reservationsOf(address).length > 0;
}

function isOurs(world: World, ip: unknown): boolean {
  return world.reservationsOf(ip).length + world.rulesAt(ip).length > 0;
}
