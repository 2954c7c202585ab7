import { UsageError } from "../../src/base/index.ts";
import { type Cidr, parseCidr } from "../../src/net/index.ts";
import type { ProviderContext, ProviderFlag } from "../../src/provider/index.ts";
import type { Backends, Settings } from "./settings.ts";

export const flags: readonly ProviderFlag[] = [
  {
    flag: "--gcp-l4-project <id>",
    description: "project of nodes and load balancers (default: $GOOGLE_CLOUD_PROJECT)",
  },
  { flag: "--gcp-l4-region <name>", description: "region of nodes and load balancers" },
  {
    flag: "--gcp-l4-network-project <id>",
    description: "project of the network, its subnetworks and firewalls (default: that of the nodes)",
  },
  { flag: "--gcp-l4-network <name>", description: "VPC network of the nodes (default: default)" },
  {
    flag: "--gcp-l4-subnetwork <name>",
    description: "subnetwork of the nodes and of internal load balancers (default: that with the network's name)",
  },
  {
    flag: "--gcp-l4-backends <kind>",
    description:
      "endpoint-groups (default), for each load balancer, or instance-groups, one per zone that all of them share",
  },
  {
    flag: "--gcp-l4-node-tags <tags>",
    description:
      "network tags of the nodes, by commas, for firewall rules (default: rules for all machines of the network)",
  },
  { flag: "--gcp-l4-disable-firewalls <bool>", description: "true: somebody else lets traffic and probes in" },
  { flag: "--gcp-l4-probe-ranges <cidrs>", description: "where health probes come from (default: Google's ranges)" },
  {
    flag: "--gcp-l4-internal-ranges <cidrs>",
    description: "who reaches an internal load balancer without source ranges (default: private addresses)",
  },
  {
    flag: "--gcp-l4-endpoint <url>",
    description: "the API, if elsewhere; over plain http it gets no credentials (default: $BERTH_GCP_ENDPOINT)",
  },
  {
    flag: "--gcp-l4-allow-custom-endpoint <bool>",
    description: "true: another endpoint over https gets the credentials",
  },
];

/** https://cloud.google.com/load-balancing/docs/health-check-concepts: those of passthrough load balancers. */
const googleProbes =
  "35.191.0.0/16,130.211.0.0/22,209.85.152.0/22,209.85.204.0/22,2600:1901:8001::/48,2600:2d00:1:b029::/64";
/** RFC 1918, and what Google gives to internal IPv6 subnetworks. */
const privateRanges = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fd20::/20";
const resourceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;
/** Old projects have that of a domain before it. */
const projectId = /^([a-z0-9.-]+:)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

type Told = Pick<ProviderContext, "flags" | "environment">;

/** Throws UsageError. */
export function settingsOf({ flags: given, environment }: Told): Settings {
  const text = (word: string): string | undefined => given[`gcp-l4-${word}`];
  const project = nameOf("project", text("project") ?? environment["GOOGLE_CLOUD_PROJECT"], projectId);
  const network = nameOf("network", text("network") ?? "default", resourceName);
  return {
    project,
    region: nameOf("region", text("region"), resourceName),
    networkProject: nameOf("network-project", text("network-project") ?? project, projectId),
    network,
    subnetwork: nameOf("subnetwork", text("subnetwork") ?? network, resourceName),
    backends: backendsOf(text("backends")),
    nodeTags: partsOf(text("node-tags") ?? "").map((tag) => nameOf("node-tags", tag, resourceName)),
    disableFirewalls: truthOf("disable-firewalls", text("disable-firewalls")),
    probeRanges: prefixesOf("probe-ranges", text("probe-ranges") ?? googleProbes),
    internalRanges: prefixesOf("internal-ranges", text("internal-ranges") ?? privateRanges),
  };
}

/** Undefined: where Google has it. Throws UsageError, also for one that must not see credentials and would. */
export function endpointOf({ flags: given, environment }: Told): URL | undefined {
  const where = "--gcp-l4-endpoint";
  const text = given["gcp-l4-endpoint"] ?? environment["BERTH_GCP_ENDPOINT"];
  const allowed = truthOf("allow-custom-endpoint", given["gcp-l4-allow-custom-endpoint"]);
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/")
    throw new UsageError(`${where}: ${JSON.stringify(text)} is no URL of a host; give http(s)://HOST:PORT`);
  if (url.protocol === "https:" && !allowed)
    throw new UsageError(
      `${where}: ${url.origin} would get the credentials; set --gcp-l4-allow-custom-endpoint true if it may`,
    );
  return url;
}

function backendsOf(text: string | undefined): Backends {
  if (text === undefined || text === "endpoint-groups") return "endpoint-groups";
  if (text === "instance-groups") return text;
  const choice = "neither endpoint-groups nor instance-groups; give one of them";
  throw new UsageError(`--gcp-l4-backends: ${JSON.stringify(text)} is ${choice}`);
}

function nameOf(word: string, text: string | undefined, form: RegExp): string {
  if (text === undefined) throw new UsageError(`--gcp-l4-${word}: missing; give one`);
  if (form.test(text)) return text;
  const message = `${JSON.stringify(text)} is no name in Google Cloud; give lower-case letters, digits and dashes`;
  throw new UsageError(`--gcp-l4-${word}: ${message}`);
}

function truthOf(word: string, text: string | undefined): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "true") return true;
  throw new UsageError(`--gcp-l4-${word}: ${JSON.stringify(text)} is neither true nor false; give one of them`);
}

function prefixesOf(word: string, text: string): readonly Cidr[] {
  return partsOf(text).map((part) => {
    const prefix = parseCidr(part);
    if (prefix !== undefined) return prefix;
    throw new UsageError(`--gcp-l4-${word}: ${JSON.stringify(part)} is no prefix; give ADDRESS/BITS, as 10.0.0.0/8`);
  });
}

function partsOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
