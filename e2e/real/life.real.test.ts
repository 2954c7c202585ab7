// Berth in a cluster that has kube-proxy: beside it, in its place node by node and back, alone, and gone again. Each test
// goes on where the one before it has ended.
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { chartPath } from "../../hack/chart/helm.ts";
import { merged, type Tree } from "../../hack/chart/merged.ts";
import { explained } from "../drivers/collect.ts";
import { release, startClient } from "../drivers/pods.ts";
import { RealDriver } from "../drivers/real.ts";
import { Scene } from "../scenarios/set/scene.ts";
import { apiServerOf } from "./addresses.ts";
import { kubeProxyImage } from "./images.ts";
import type { RealNode } from "./node.ts";

const system = "--namespace=kube-system";
const patience = "--timeout=120s";
const { signal } = new AbortController();
let driver: RealDriver;
let scene: Scene;
/** Of each node, before anything ran on it but kubelet. */
let cleanRules: readonly string[];

beforeAll(async () => {
  driver = await RealDriver.bare(kubeProxyImage);
  cleanRules = await Promise.all(driver.nodes.map(ruleNames));
}, 600_000);
afterAll(async () => await driver?.[Symbol.asyncDispose]());

let isOver = false;

/** A step of the life, which ends with the first that fails; its figures in words are printed. */
function step(name: string, play: () => Promise<string>): void {
  it(name, async ({ skip }) => {
    if (isOver) skip("a step before it failed");
    isOver = true;
    console.log(`real: ${name}: ${await explained(driver, `life/${name.replaceAll(/\W+/g, "-")}`, play)}`);
    isOver = false;
  });
}

/** What a service proxy may leave on a node: names of chains and tables, and addresses that were made local. */
async function ruleNames(node: RealNode): Promise<string> {
  const said = async (program: string, ...args: readonly string[]): Promise<string> =>
    (await node.exec.run(program, args, { signal })).stdout;
  const saves = ["iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save", "ip6tables-legacy-save"];
  const rules = (await Promise.all(saves.map((program) => said(program)))).join("\n");
  const chains = [...new Set(rules.match(/^:KUBE-\S+/gm))].toSorted();
  const tables = (await said("nft", "list", "tables")).match(/^table \S+ (kube-proxy|berth)$/gm) ?? [];
  const routes = (await said("ip", "route", "show", "table", "all")).match(/^local .*proto \d+.*$/gm) ?? [];
  return [...chains, ...tables, ...routes].join("\n");
}

async function helm(args: readonly string[], values?: object): Promise<string> {
  return await driver.cluster.helm(args, values);
}

function valuesOf(...more: readonly Tree[]): Tree {
  return merged([driver.release.values as Tree, { controller: { defaultProvider: "node" } }, ...more]);
}

async function addressesOf(name: string): Promise<readonly string[]> {
  const all = driver.nodes.flatMap(({ addresses }) => addresses);
  return await scene.addresses(name, all.length);
}

/** The pod of a DaemonSet on a node, once it is ready. */
async function readyOn(node: string, label: string): Promise<void> {
  await scene.eventually(async () => {
    const which = ["pods", system, `--selector=${label}`, `--field-selector=spec.nodeName=${node}`];
    const ready = await driver.kubectl([
      "get",
      ...which,
      '--output=jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{end}',
    ]);
    if (ready !== "True") throw new Error(`${label} on ${node}: ready is ${ready || "nobody"}`);
  });
}

/** On nodes without the label of the agent. */
async function applyKubeProxy(): Promise<void> {
  const { plan } = driver.cluster;
  const text = await readFile(new URL("manifests/kube-proxy.yaml", import.meta.url), "utf8");
  const filled = text.replace("API_SERVER", apiServerOf(plan)).replace("CLUSTER_CIDRS", plan.clusterCidrs.join(","));
  await driver.kubectl(["apply", "--filename=-"], filled);
}

/** One node after the other. */
async function giveAllToAgents(): Promise<void> {
  for (const { name } of driver.nodes) {
    await driver.kubectl(["label", "node", name, "berth.dev/agent=yes"]);
    await readyOn(name, agentLabel);
  }
}

async function giveAllToKubeProxy(): Promise<void> {
  for (const { name } of driver.nodes) {
    await driver.kubectl(["label", "node", name, "berth.dev/agent-"]);
    await readyOn(name, proxyLabel);
  }
}

/** Throws when the controller has anything to say of the Service while something is done. */
async function unwritten(name: string, work: () => Promise<string>): Promise<string> {
  const version = ["get", `service/${name}`, "--output=jsonpath={.metadata.resourceVersion}"];
  const before = await scene.kubectl(version);
  const said = await work();
  expect(await scene.kubectl(version)).toBe(before);
  return said;
}

const agentLabel = "app.kubernetes.io/component=agent";
const proxyLabel = "k8s-app=kube-proxy";

step("load balancers alone beside kube-proxy answer on all nodes", async () => {
  await applyKubeProxy();
  await driver.kubectl(["rollout", "status", "daemonset/kube-proxy", patience, system]);
  await driver.kubectl(["rollout", "status", "deployment/coredns", patience, system]);
  await startClient((args, stdin) => driver.kubectl(args, stdin), driver.nodes[0]?.name ?? "");
  scene = await Scene.open(driver, "life");
  await scene.pods("web", 3);
  await scene.service("web", "web", { type: "LoadBalancer" });
  await helm(["install", ...release], valuesOf({ agent: { enabled: false } }));
  const addresses = await addressesOf("web");
  for (const address of addresses) await scene.answered(driver.outside, "http", address, 80);
  return `${addresses.length} addresses`;
});

step("a second release is refused, and named", async () => {
  const said = await helm(["install", "other", chartPath, system], valuesOf({ agent: { enabled: false } })).then(
    () => "it was installed",
    String,
  );
  expect(said).toMatch(/invalid ownership metadata.*"other".*"berth"/s);
  return "Helm names the release that has the objects";
});

step("agents take kube-proxy's place node by node, and give it back, and no request fails", async () => {
  const agent = { nodeSelector: { "berth.dev/agent": "yes" } };
  const config = { nodesWithoutAgent: "Include" };
  await helm(["upgrade", ...release], valuesOf({ agent, controller: { config } }));
  await scene.kubectl(["wait", "service/web", "--for=condition=berth.dev/Degraded=False", patience]);
  const { spec } = await scene.view("web");
  const [clusterIP = ""] = spec.clusterIPs;
  const nodePort = spec.ports.find(({ name }) => name === "http")?.nodePort ?? 0;
  const [, second, third] = driver.nodes;
  const ways = [
    { name: "inside, ClusterIP", client: driver.inside, host: clusterIP, port: 80 },
    { name: "outside, load balancer", client: driver.outside, host: second?.addresses[0] ?? "", port: 80 },
    { name: "outside, NodePort", client: driver.outside, host: third?.addresses[0] ?? "", port: nodePort },
  ];
  const thereAndBack = async (): Promise<void> => {
    await giveAllToAgents();
    await giveAllToKubeProxy();
  };
  return await unwritten("web", () => scene.undisturbed(ways, thereAndBack));
});

/** Requests to the ClusterIP while something is done; the figures. */
async function undisturbedInside(work: () => Promise<void>): Promise<string> {
  const [host = ""] = (await scene.view("web")).spec.clusterIPs;
  return await scene.undisturbed([{ name: "inside, ClusterIP", client: driver.inside, host, port: 80 }], work);
}

step("a migration ends with an upgrade that says nothing of it, and no request fails", async () => {
  const end = async (): Promise<void> => {
    await giveAllToAgents();
    await helm(["upgrade", ...release], valuesOf());
    await driver.kubectl(["delete", "daemonset/kube-proxy", system, "--wait"]);
  };
  return await unwritten("web", () => undisturbedInside(end));
});

step("uninstalled without its hooks it leaves everything to kube-proxy, and no request fails", async () => {
  const traffic = await undisturbedInside(async () => {
    await helm(["uninstall", "berth", system, "--no-hooks", "--wait"]);
    await applyKubeProxy();
    await giveAllToKubeProxy();
  });
  await driver.kubectl(["delete", "daemonset/kube-proxy", system, "--wait"]);
  return traffic;
});

step("installed in kube-proxy's place it takes over rules, load balancers and finalizers as they are", async () => {
  const traffic = await undisturbedInside(async () => {
    await helm(["install", ...release], valuesOf({ uninstall: { timeout: "20s" } }));
  });
  await scene.service("second", "web", { type: "LoadBalancer", ports: [{ name: "http", port: 81, targetPort: 8080 }] });
  for (const address of await addressesOf("second")) await scene.answered(driver.outside, "http", address, 81);
  return traffic;
});

step("an uninstall that cannot take down a load balancer says why, and removes nothing", async () => {
  await scene.kubectl(["annotate", "service", "second", "berth.dev/paused=true"]);
  const said = await helm(["uninstall", "berth", system]).then(() => "it was uninstalled", String);
  expect(said).toMatch(/not given up within 20s: life\/second \(.*; mend what it says and run it again/);
  expect(
    await driver.kubectl(["get", "daemonset/berth-agent", system, "--output=jsonpath={.status.numberReady}"]),
  ).toBe(`${driver.nodes.length}`);
  const { status } = await scene.view("second");
  expect(status.loadBalancer.ingress).toHaveLength(driver.nodes.flatMap(({ addresses }) => addresses).length);
  await scene.kubectl(["annotate", "service", "second", "berth.dev/paused-"]);
  return said.split("\n").find((line) => line.includes("not given up")) ?? "";
});

step("uninstalled it leaves nothing but the definitions", async () => {
  await helm(["uninstall", "berth", system]);
  await driver.kubectl(["wait", "--for=delete", patience, "namespace/berth-node-lease"]);
  for (const [index, node] of driver.nodes.entries()) expect(await ruleNames(node)).toBe(cleanRules[index]);
  const services = await driver.kubectl(["get", "services", "--all-namespaces", "--output=json"]);
  expect(services).not.toMatch(/berth\.dev|load-balancer-cleanup/);
  for (const name of ["web", "second"]) expect((await scene.view(name)).status.loadBalancer).toEqual({});
  expect(await driver.kubectl(["get", "leases", system, "--output=name"])).not.toContain("berth");
  const kinds =
    "clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,configmaps,daemonsets,deployments,jobs,poddisruptionbudgets,loadbalancerclasses,loadbalancerrecords,namespaces";
  expect(await driver.kubectl(["get", kinds, "--all-namespaces", "--output=name"])).not.toMatch(/\/berth/);
  await driver.kubectl(["wait", "--for=delete", patience, "pod", system, "--selector=app.kubernetes.io/name=berth"]);
  for (const { exec } of driver.nodes)
    expect((await exec.run("ss", ["-Htlnu"], { signal })).stdout).not.toMatch(/:102(49|56)\b/);
  const definitions = await driver.kubectl(["get", "crd", "--output=name"]);
  expect(definitions.match(/berth\.dev$/gm)).toHaveLength(3);
  return "no rules, listeners, finalizers, status, Lease or objects on any node or in the API";
});

step("uninstalled with crds.keep=false it leaves no definitions either", async () => {
  await helm(["install", ...release], valuesOf({ crds: { keep: false } }));
  await addressesOf("web");
  await helm(["uninstall", "berth", system]);
  await scene.eventually(async () => {
    const left = await driver.kubectl(["get", "crd", "--output=name"]);
    if (left.includes("berth.dev")) throw new Error(`there are ${left}`);
  });
  for (const [index, node] of driver.nodes.entries()) expect(await ruleNames(node)).toBe(cleanRules[index]);
  return "no definitions";
});
