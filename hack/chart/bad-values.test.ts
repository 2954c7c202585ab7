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
