import { expect, it } from "vitest";
import { linkOf, linkPath, networkLink, subnetworkLink } from "./links.ts";
import { settings } from "./testing/values.ts";

const shared = { ...settings, networkProject: "net" };
const api = "https://www.googleapis.com/compute/v1";

it.each([
  [linkOf({ kind: "address", name: "a" }, shared), `${api}/projects/shop/regions/europe-west1/addresses/a`],
  [linkOf({ kind: "healthCheck", name: "a" }, shared), `${api}/projects/shop/regions/europe-west1/healthChecks/a`],
  [
    linkOf({ kind: "backendService", name: "a" }, shared),
    `${api}/projects/shop/regions/europe-west1/backendServices/a`,
  ],
  [
    linkOf({ kind: "forwardingRule", name: "a" }, shared),
    `${api}/projects/shop/regions/europe-west1/forwardingRules/a`,
  ],
  [linkOf({ kind: "firewall", name: "a" }, shared), `${api}/projects/net/global/firewalls/a`],
  [
    linkOf({ kind: "endpointGroup", name: "a", zone: "europe-west1-b" }, shared),
    `${api}/projects/shop/zones/europe-west1-b/networkEndpointGroups/a`,
  ],
  [networkLink(shared), `${api}/projects/net/global/networks/default`],
  [subnetworkLink("lbs", shared), `${api}/projects/net/regions/europe-west1/subnetworks/lbs`],
])("links to %s", (link, expected) => {
  expect(link).toBe(expected);
});

it.each([
  "https://www.googleapis.com/compute/v1/projects/p/global/networks/n",
  "https://compute.googleapis.com/compute/v1/projects/p/global/networks/n",
  "https://www.googleapis.com/compute/beta/projects/p/global/networks/n",
  "http://127.0.0.1:9100/compute/v1/projects/p/global/networks/n",
  "compute/v1/projects/p/global/networks/n",
  "projects/p/global/networks/n",
])("knows the same resource in %s", (link) => {
  expect(linkPath(link)).toBe("projects/p/global/networks/n");
});
