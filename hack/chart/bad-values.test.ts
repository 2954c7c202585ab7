// Every value of a wrong type, and every combination that could not work, is refused by helm with a message that names
// the value.
import { expect, it } from "vitest";
import { besideKubeProxy } from "./cases.ts";
import { HelmError, render } from "./helm.ts";
import { merged } from "./merged.ts";
import { isSection, type Json, type Values } from "./value.ts";
import { values as table } from "./values.ts";

/** What helm says, on one line. */
function refusal(values: object): string {
  try {
    render({ values });
  } catch (error) {
    if (error instanceof HelmError) return error.message.replaceAll(/\s+/g, " ");
    throw error;
  }
  return "";
}

/** Objects one in another, with a value at the end of the path. */
function at(path: readonly string[], value: Json): { [name: string]: Json } {
  const [name = "", ...below] = path;
  return { [name]: below.length === 0 ? value : at(below, value) };
}

function pathsOf(values: Values, above: readonly string[] = []): readonly (readonly string[])[] {
  return Object.entries(values).flatMap(([name, entry]) =>
    isSection(entry) ? [[...above, name], ...pathsOf(entry.values, [...above, name])] : [[...above, name]],
  );
}

/** As `/agent/apiServer/host`, which is how Helm names a value in what its schema refuses. */
const pointer = (path: readonly string[]): string => `/${path.join("/")}`;

it("names every value of a wrong type, in one message", () => {
  const leaves = pathsOf(table).filter((path) => !isSectionAt(path));
  expect(leaves.length).toBeGreaterThan(40);
  // A list of lists is nothing that any value may be.
  const said = refusal(merged(leaves.map((path) => at(path, [[]]))));
  expect(leaves.filter((path) => !said.includes(`at '${pointer(path)}`))).toEqual([]);
});

it("names every section that holds what it has not", () => {
  const sections = pathsOf(table).filter(isSectionAt);
  expect(sections.length).toBeGreaterThan(10);
  const said = refusal(merged(sections.map((path) => at([...path, "nothing"], 1))));
  const named = (path: readonly string[]): string =>
    `at '${pointer(path)}': additional properties 'nothing' not allowed`;
  expect(sections.filter((path) => !said.includes(named(path)))).toEqual([]);
});

it.each(["agent", "controller", "metrics"])("names the section %s that is none", (name) => {
  expect(refusal({ [name]: 1 })).toContain(`at '/${name}': got number, want object`);
});

function isSectionAt(path: readonly string[]): boolean {
  return pathsOf(table).some((other) => other.length > path.length && path.every((name, i) => other[i] === name));
}

const fine = { apiServer: { host: "192.0.2.10" } };
const project = { project: "shop", region: "europe-west1" };
const noAgent = { enabled: false };

it.each<[what: string, values: object, message: string]>([
  ["an unknown value", { agents: {} }, "additional properties 'agents' not allowed"],
  ["a word that is none", { agent: fine, logLevel: "loud" }, "at '/logLevel': value must be one of"],
  ["a port beyond all", { agent: { apiServer: { host: "a", port: 70_000 } } }, "at '/agent/apiServer/port': maximum"],
  ["a URL for a host", { agent: { apiServer: { host: "https://a:6443" } } }, "at '/agent/apiServer/host'"],
  ["a short digest", { agent: { ...fine, image: { digest: "sha256:1" } } }, "at '/agent/image/digest'"],
  ["no replicas", { agent: fine, controller: { replicas: 0 } }, "at '/controller/replicas': minimum"],
  [
    "a toleration of no kind",
    { agent: { ...fine, tolerations: [{ effect: "Never" }] } },
    "at '/agent/tolerations/0/effect'",
  ],
  ["an unknown field of the agent", { agent: { ...fine, config: { clusterCidr: "" } } }, "at '/agent/config'"],
  ["a field that the agent ignores", { agent: { ...fine, config: { ipvs: {} } } }, "at '/agent/config'"],
  [
    "a field of the wrong type",
    { agent: { ...fine, config: { conntrack: { min: "1" } } } },
    "at '/agent/config/conntrack/min'",
  ],
  [
    "no duration",
    { agent: { ...fine, config: { iptables: { syncPeriod: "5" } } } },
    "at '/agent/config/iptables/syncPeriod'",
  ],
  [
    "an address without a port",
    { agent: { ...fine, config: { healthzBindAddress: "::" } } },
    "at '/agent/config/healthzBindAddress'",
  ],
  ["a port that is none", { agent: { ...fine, config: { healthzBindAddress: "0.0.0.0:99999" } } }, "no port 99999"],
  [
    "one port for two",
    { agent: { ...fine, config: { metricsBindAddress: "127.0.0.1:10256" } } },
    "agent.config.metricsBindAddress: its port is that of agent.config.healthzBindAddress, 10256",
  ],
  [
    "a mode of others",
    { agent: { ...fine, config: { mode: "ipvs" } } },
    "at '/agent/config/mode': value must be one of",
  ],
  [
    "an address for a prefix",
    { agent: { ...fine, config: { clusterCIDR: "10.244.0.0" } } },
    "/agent/config/clusterCIDR",
  ],
  [
    "a bit that no mark has",
    { agent: { ...fine, config: { iptables: { masqueradeBit: 40 } } } },
    "at '/agent/config/iptables/masqueradeBit': maximum: got 40, want 31",
  ],
  [
    "places that are none",
    { agent: { ...fine, config: { nodePortAddresses: ["eth0"] } } },
    "at '/agent/config/nodePortAddresses/0'",
  ],
  ["ports in words", { agent: fine, reservedPorts: "ssh" }, "at '/reservedPorts'"],
  ["addresses in words", { agent: { ...fine, allowExternalIPs: "some" } }, "at '/agent/allowExternalIPs'"],
  ["an address that is none", { agent: { apiServer: { host: "192.0.2.256" } } }, 'agent.apiServer.host: "192.0.2.256"'],
  ["all nodes at once and more", { agent: { ...fine, maxUnavailable: "300%" } }, "at '/agent/maxUnavailable'"],
  [
    "a quantity in words",
    { agent: { ...fine, resources: { requests: { cpu: "lots" } } } },
    "at '/agent/resources/requests/cpu'",
  ],
  ["a label that is none", { agent: { ...fine, podLabels: { team: "my team" } } }, "at '/agent/podLabels/team'"],
  [
    "a label of the chart's",
    { agent: fine, controller: { podLabels: { "app.kubernetes.io/component": "mine" } } },
    "controller.podLabels: app.kubernetes.io/component is the chart's own",
  ],
  [
    "an annotation of the chart's",
    { agent: { ...fine, podAnnotations: { "checksum/config": "mine" } } },
    "agent.podAnnotations: checksum/config is the chart's own",
  ],
  ["a URL for a registry", { agent: fine, image: { registry: "https://example.com" } }, "at '/image/registry'"],
  [
    "a Secret of no name",
    { agent: fine, image: { pullSecrets: [{ name: "My Secret" }] } },
    "/image/pullSecrets/0/name",
  ],
  [
    "a rate in words",
    { agent: fine, controller: { config: { providerRate: ["write=ten"] } } },
    "at '/controller/config/providerRate/0'",
  ],
  [
    "pools that are addresses",
    { agent: fine, controller: { config: { addressPool: ["192.0.2.1"] } } },
    "at '/controller/config/addressPool/0'",
  ],
  [
    "what the chart says itself",
    { agent: fine, controller: { config: { namespace: "a" } } },
    "at '/controller/config': additional properties 'namespace'",
  ],
  [
    "a policy that is none",
    { agent: fine, controller: { config: { nodePorts: "Maybe" } } },
    "at '/controller/config/nodePorts'",
  ],
  [
    "nothing to run",
    { agent: noAgent, controller: { enabled: false } },
    "agent.enabled, controller.enabled: both are false",
  ],
  ["a tag that is no version", { agent: fine, image: { tag: "latest" } }, 'image.tag: "latest"'],
  ["no way to the API server", {}, "agent.apiServer.host: empty"],
  [
    "only its ClusterIP by name",
    { agent: { apiServer: { host: "kubernetes.default.svc" } } },
    'agent.apiServer.host: "kubernetes.default.svc"',
  ],
  [
    "a proxy name alone",
    { agent: { ...besideKubeProxy, chainPrefix: "" } },
    "agent.chainPrefix: empty beside agent.serviceProxyName",
  ],
  [
    "kube-proxy's chains",
    { agent: { ...besideKubeProxy, chainPrefix: "KUBE" } },
    "agent.chainPrefix: KUBE is that of kube-proxy",
  ],
  [
    "kube-proxy's health port",
    { agent: { ...besideKubeProxy, config: { metricsBindAddress: "127.0.0.1:1" } } },
    "agent.config.healthzBindAddress: port 10256",
  ],
  [
    "kube-proxy's metrics port",
    { agent: { ...besideKubeProxy, config: { healthzBindAddress: "0.0.0.0:1" } } },
    "agent.config.metricsBindAddress: port 10249",
  ],
  ["no provider", { agent: noAgent, controller: { providers: [] } }, "controller.providers: empty"],
  [
    "a provider of another version",
    { agent: noAgent, controller: { providers: ["node", "magic"] } },
    'controller.providers: "magic" is unknown to this version; there are aws-nlb, gcp-l4, node, proxy',
  ],
  ["a provider twice", { agent: noAgent, controller: { providers: ["node", "node"] } }, "at '/controller/providers'"],
  [
    "a provider that runs elsewhere",
    { agent: noAgent, controller: { providers: ["proxy"] } },
    'controller.providers: "proxy" does not run in the cluster: its balancers are processes',
  ],
  [
    "a setting of a cloud that is not there",
    { agent: noAgent, aws: { region: "eu-west-1" } },
    "aws.region: given, but controller.providers has no aws-nlb",
  ],
  [
    "credentials of a cloud that is not there",
    { agent: noAgent, gcp: { credentials: { secret: "key" } } },
    "gcp.credentials.secret: given, but controller.providers has no gcp-l4",
  ],
  ["a region that is none", { agent: noAgent, aws: { region: "Ireland" } }, "at '/aws/region'"],
  ["a VPC that is none", { agent: noAgent, aws: { vpcID: "main" } }, "at '/aws/vpcID'"],
  ["a role that is none", { agent: noAgent, aws: { roleARN: "berth" } }, "at '/aws/roleARN'"],
  [
    "two identities in AWS",
    {
      agent: noAgent,
      controller: { providers: ["aws-nlb"] },
      aws: { roleARN: "arn:aws:iam::123456789012:role/berth", credentials: { secret: "keys" } },
    },
    "aws.credentials.secret: given beside aws.roleARN",
  ],
  [
    "an endpoint that would see credentials",
    { agent: noAgent, controller: { providers: ["aws-nlb"] }, aws: { endpoint: "https://aws.example.com" } },
    'aws.endpoint: "https://aws.example.com" would get what the real credentials allow; set aws.allowCustomEndpoint=true',
  ],
  [
    "Google Cloud without a project",
    { agent: noAgent, controller: { providers: ["gcp-l4"] }, gcp: { region: "europe-west1" } },
    "gcp.project: empty; the provider gcp-l4 needs it",
  ],
  [
    "Google Cloud without a region",
    { agent: noAgent, controller: { providers: ["gcp-l4"] }, gcp: { project: "shop" } },
    "gcp.region: empty; the provider gcp-l4 needs it",
  ],
  ["a tag that is none", { agent: noAgent, gcp: { nodeTags: ["Node"] } }, "at '/gcp/nodeTags/0'"],
  ["a range that is none", { agent: noAgent, gcp: { probeRanges: ["10.0.0.0"] } }, "at '/gcp/probeRanges/0'"],
  [
    "two identities in Google Cloud",
    {
      agent: noAgent,
      controller: { providers: ["gcp-l4"] },
      gcp: { ...project, serviceAccount: "berth@shop.iam.gserviceaccount.com", credentials: { secret: "key" } },
    },
    "gcp.credentials.secret: given beside gcp.serviceAccount",
  ],
  ["an uninstall at once", { agent: fine, uninstall: { timeout: "0s" } }, 'uninstall.timeout: "0s" leaves no time'],
  ["no time to uninstall in", { agent: fine, uninstall: { timeout: "soon" } }, "at '/uninstall/timeout'"],
  [
    "a default that is no provider",
    { agent: noAgent, controller: { defaultProvider: "proxy" } },
    'controller.defaultProvider: "proxy" is none of controller.providers',
  ],
  [
    "a second owner without a class",
    { agent: fine, controller: { config: { ownUnclassed: true } } },
    "at '/controller/config': additional properties 'ownUnclassed'",
  ],
  [
    "node ports without the right",
    { agent: fine, controller: { config: { nodePorts: "Ensure" } } },
    "controller.config.nodePorts: Ensure",
  ],
  [
    "monitors of what nobody reaches",
    { agent: fine, metrics: { monitors: { enabled: true } } },
    "metrics.monitors.enabled: metrics answer on loopback only",
  ],
  [
    "monitors of loopback",
    {
      agent: { ...fine, config: { metricsBindAddress: "127.0.0.1:10249" } },
      metrics: { expose: true, monitors: { enabled: true } },
    },
    'agent.config.metricsBindAddress: "127.0.0.1:10249" is on loopback',
  ],
])("%s", (_, values, message) => {
  expect(refusal(values)).toContain(message);
});

it("takes what a ConfigMap of kube-proxy says, and lists of both families", () => {
  const config = {
    mode: "",
    detectLocalMode: "",
    clusterCIDR: "10.244.0.0/16,fd00:10:244::/56",
    nodePortAddresses: ["primary"],
    healthzBindAddress: "[::]:10256",
    metricsBindAddress: "192.0.2.1:10249",
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "24h0m0s" },
  };
  const agent = { apiServer: { host: "2001:db8::10" }, allowExternalIPs: "203.0.113.0/24, 2001:db8::/64", config };
  expect(refusal({ agent, reservedPorts: "22, 30000-32767" })).toBe("");
});
