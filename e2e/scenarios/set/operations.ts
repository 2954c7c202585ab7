import { expect } from "vitest";
import type { Part } from "../../drivers/driver.ts";
import { release } from "../../drivers/pods.ts";
import type { Scene, Way } from "./scene.ts";

/** Long enough for every load balancer to look away from a pod that ends. */
const env = { ECHO_DRAIN_MS: "8000" };

/** What an administrator does while traffic flows: no request may fail. */
export const operations = {
  "a rolling update under traffic": async (scene: Scene): Promise<string> => {
    const ways = await stage(scene);
    return await scene.undisturbed(ways, async () => {
      await scene.kubectl(["rollout", "restart", "deployment/web"]);
      await scene.rolledOut("web");
    });
  },

  "the drain of a node under traffic": async (scene: Scene): Promise<string> => {
    const ways = await stage(scene);
    const node = last(scene);
    return await scene.undisturbed(ways, async () => {
      await drain(scene, node);
      expect((await scene.podsOf("web")).filter((pod) => pod.node === node)).toEqual([]);
      await scene.driver.kubectl(["uncordon", node]);
      await scene.rolledOut("web");
    });
  },

  "the deletion of a drained node under traffic, and its return": async (scene: Scene): Promise<string> => {
    const { power, nodes, families } = scene.driver;
    const ways = await stage(scene);
    const node = last(scene);
    const all = nodes.length * families.length;
    return await scene.undisturbed(ways, async () => {
      await drain(scene, node);
      await scene.driver.kubectl(["delete", "node", node]);
      await scene.addresses("by-nodes", all - families.length);
      await targets(scene, "by-proxy", nodes.length - 1);
      await power?.off(node);
      await power?.on(node);
      await scene.addresses("by-nodes", all);
      await targets(scene, "by-proxy", nodes.length);
      await scene.answered(scene.driver.outside, "http", nodes.at(-1)?.addresses[0] ?? "", 80);
    });
  },

  "a restart of each agent under traffic": async (scene: Scene): Promise<string> =>
    await restarts(
      scene,
      scene.driver.nodes.map(({ name }) => ({ what: "agent", node: name })),
    ),

  "a restart of each kubelet under traffic": async (scene: Scene): Promise<string> =>
    await restarts(
      scene,
      scene.driver.nodes.map(({ name }) => ({ what: "kubelet", node: name })),
    ),

  "a restart of the controllers under traffic": async (scene: Scene): Promise<string> =>
    await restarts(scene, [{ what: "controller" }, { what: "proxy controller" }]),

  "a restart of the API server under traffic": async (scene: Scene): Promise<string> =>
    await restarts(scene, [{ what: "apiserver" }]),

  "helm upgrade and roll-back under traffic": async (scene: Scene): Promise<string> => {
    const { release: chart } = scene.driver;
    if (chart === undefined) throw new Error("Berth was not installed by helm");
    const ways = await stage(scene);
    const upgraded = { ...chart.values, logLevel: "debug" };
    const upgrade = await scene.undisturbed(ways, async () => {
      await chart.helm(["upgrade", ...release], upgraded);
    });
    const [name = ""] = release;
    const back = await scene.undisturbed(ways, async () => {
      await chart.helm(["rollback", name, "--namespace=kube-system", "--wait", "--timeout=5m"]);
    });
    await changesArrive(scene);
    return `upgrade: ${upgrade}; roll-back: ${back}`;
  },
};

/** Pods on every node behind load balancers of both classes; the ways to them. */
async function stage(scene: Scene): Promise<readonly Way[]> {
  const { inside, outside, nodes, families } = scene.driver;
  const strategy = { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } };
  await scene.pods("web", 3, { env, strategy });
  const type = { type: "LoadBalancer" };
  const { spec } = await scene.service("by-nodes", "web", { ...type, loadBalancerClass: "berth.dev/node" });
  await scene.service("by-proxy", "web", { ...type, loadBalancerClass: "berth.dev/proxy" });
  const [node = ""] = await scene.addresses("by-nodes", nodes.length * families.length);
  const [proxy = ""] = await scene.addresses("by-proxy", families.length);
  return [
    { name: "class node", client: outside, host: node, port: 80 },
    { name: "class proxy", client: outside, host: proxy, port: 80 },
    { name: "ClusterIP", client: inside, host: spec.clusterIPs[0] ?? "", port: 80 },
  ];
}

/** Restarts the parts one after the other under traffic; after each, what users change arrives. */
async function restarts(scene: Scene, parts: readonly Part[]): Promise<string> {
  const ways = await stage(scene);
  const text = await scene.undisturbed(ways, async () => {
    for (const part of parts) await scene.driver.restart(part);
  });
  await changesArrive(scene);
  return text;
}

/** New pods start on every node, and new Services of both classes lead to them. */
async function changesArrive(scene: Scene): Promise<void> {
  const { outside, nodes, families } = scene.driver;
  await scene.pods("late", nodes.length);
  const ports = [{ name: "http", port: 8098, targetPort: 8080, protocol: "TCP" }];
  const counts = { node: nodes.length * families.length, proxy: families.length };
  for (const [name, count] of Object.entries(counts)) {
    const spec = { type: "LoadBalancer", loadBalancerClass: `berth.dev/${name}`, ports };
    await scene.service(`new-${name}`, "late", spec);
    for (const ip of await scene.addresses(`new-${name}`, count)) await scene.answered(outside, "http", ip, 8098);
  }
}

/** Resolves when a load balancer sends to so many nodes. */
async function targets(scene: Scene, name: string, count: number): Promise<void> {
  const record = ["get", "loadbalancerrecord", name, "--output=jsonpath={.status.targets.total}"];
  await scene.eventually(async () => expect(await scene.kubectl(record)).toBe(`${count}`));
}

function last(scene: Scene): string {
  return scene.driver.nodes.at(-1)?.name ?? "";
}

async function drain(scene: Scene, node: string): Promise<void> {
  await scene.driver.kubectl(["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=120s"]);
}
