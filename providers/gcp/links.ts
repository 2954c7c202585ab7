import type { Ref } from "./resources.ts";
import type { Settings } from "./settings.ts";

const api = "https://www.googleapis.com/compute/v1/";

/** Where a resource is, as other resources refer to it. */
export function linkOf(ref: Ref, { project, region, networkProject }: Settings): string {
  const { kind, name, zone } = ref;
  if (kind === "firewall") return `${api}projects/${ref.project ?? networkProject}/global/firewalls/${name}`;
  if (kind === "endpointGroup") return `${api}projects/${project}/zones/${zone}/networkEndpointGroups/${name}`;
  if (kind === "instanceGroup") return `${api}projects/${project}/zones/${zone}/instanceGroups/${name}`;
  return `${api}projects/${project}/regions/${region}/${collections[kind]}/${name}`;
}

const collections = {
  address: "addresses",
  healthCheck: "healthChecks",
  backendService: "backendServices",
  forwardingRule: "forwardingRules",
} as const;

export function networkLink({ networkProject, network }: Settings): string {
  return `${api}projects/${networkProject}/global/networks/${network}`;
}

export function subnetworkLink(name: string, { networkProject, region }: Settings): string {
  return `${api}projects/${networkProject}/regions/${region}/subnetworks/${name}`;
}

export function instanceLink(zone: string, name: string, { project }: Settings): string {
  return `${api}projects/${project}/zones/${zone}/instances/${name}`;
}

/** The name at the end of a link. */
export function lastPart(link: string): string {
  return link.slice(link.lastIndexOf("/") + 1);
}

/** A link without what differs between hosts and versions of the API: `projects/...`. */
export function linkPath(link: string): string {
  return link.replace(/^(https?:\/\/[^/]+\/)?(compute\/[^/]+\/)?/, "");
}
