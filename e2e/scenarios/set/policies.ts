import { expect } from "vitest";
import type { Page } from "../../tools/fetch-all.ts";
import { expectAll, perPod, type Scene, thrownDice } from "./scene.ts";

/** Fields of Services that say who serves whom. */
export const policies = {
  "externalTrafficPolicy Local: only nodes with a pod serve, seen by the client's address; healthCheckNodePort says which":
    async (scene: Scene): Promise<string> => {
      const { nodes, outside, families } = scene.driver;
      const [here, there] = nodes;
      await scene.pods("web", 1, { node: here?.name ?? "" });
      const policy = { type: "LoadBalancer", externalTrafficPolicy: "Local" };
      const { spec } = await scene.service("web", "web", { ...policy, loadBalancerClass: "berth.dev/node" });
      expect(await scene.addresses("web", families.length)).toEqual(here?.addresses);
      const own = await outside.addresses();
      const nodePort = spec.ports.find(({ name }) => name === "http")?.nodePort ?? 0;
      for (const [family, ip] of (here?.addresses ?? []).entries())
        for (const port of [80, nodePort])
          expect((await scene.answered(outside, "http", ip, port)).client).toBe(own[family]);
      for (const ip of there?.addresses ?? []) await scene.unanswered(outside, "http", ip, nodePort);
      const checks = nodes.map(({ addresses: [ip = ""] }) => `http://${ip}:${spec.healthCheckNodePort}/`);
      await scene.eventually(async () => {
        const pages = JSON.parse(await outside.run("fetch-all.ts", checks)) as readonly Page[];
        expect(pages.map(({ status }) => status)).toEqual(nodes.map((node) => (node === here ? 200 : 503)));
      });
      return `${checks.length} health checks, 1 node serves`;
    },

  "externalTrafficPolicy Local of class proxy: the load balancer finds the node with the pod, and follows it": async (
    scene: Scene,
  ): Promise<string> => {
    const { nodes, outside, families } = scene.driver;
    const policy = { type: "LoadBalancer", externalTrafficPolicy: "Local", loadBalancerClass: "berth.dev/proxy" };
    await scene.pods("web", 1, { node: nodes[0]?.name ?? "" });
    await scene.service("web", "web", policy);
    const [ip = ""] = await scene.addresses("web", families.length);
    await scene.answered(outside, "http", ip, 80);
    await scene.pods("web", 1, { node: nodes[1]?.name ?? "" });
    await scene.eventually(async () => expectAll(await outside.ask("http", ip, 80, 10), await perPod(scene, "web")));
    return "10 questions to the pod that moved, 0 failed";
  },

  "internalTrafficPolicy Local: a pod is served by its own node, or by nobody": async (
    scene: Scene,
  ): Promise<string> => {
    const { nodes, inside } = scene.driver;
    await scene.pods("here", 1, { node: nodes[0]?.name ?? "" });
    await scene.pods("there", 1, { node: nodes[1]?.name ?? "" });
    const policy = { internalTrafficPolicy: "Local" };
    for (const pod of ["here", "there"]) await label(scene, pod, "both");
    const both = await scene.service("both", "", { ...policy, selector: { group: "both" } });
    const there = await scene.service("there", "there", policy);
    for (const ip of both.spec.clusterIPs) {
      await scene.answered(inside, "http", ip, 80);
      expectAll(await inside.ask("http", ip, 80, thrownDice), await perPod(scene, "here"));
    }
    for (const ip of there.spec.clusterIPs) await scene.unanswered(inside, "http", ip, 80);
    return `${thrownDice * both.spec.clusterIPs.length} questions, 0 to another node`;
  },

  "trafficDistribution: pods of the client's zone, or node, come first": async (scene: Scene): Promise<string> => {
    const { nodes, inside } = scene.driver;
    for (const { name } of nodes) {
      await scene.pods(name, 1, { node: name });
      await label(scene, name, "all");
    }
    const home = await perPod(scene, nodes[0]?.name ?? "");
    for (const trafficDistribution of ["PreferSameZone", "PreferSameNode"]) {
      const name = trafficDistribution.toLowerCase();
      const { spec } = await scene.service(name, "", { trafficDistribution, selector: { group: "all" } });
      for (const ip of spec.clusterIPs)
        await scene.eventually(async () => expectAll(await inside.ask("http", ip, 80, 20), home));
    }
    // When none is near, those far away do.
    await scene.kubectl(["scale", "--replicas=0", `deployment/${nodes[0]?.name ?? ""}`]);
    const { spec } = await scene.view("prefersamenode");
    for (const ip of spec.clusterIPs)
      await scene.eventually(async () => {
        const [answer] = await inside.ask("http", ip, 80);
        expect(home).not.toContain(answer?.pod ?? home[0]);
      });
    return "20 questions each, 0 to another zone or node";
  },

  "sessionAffinity ClientIP: a client stays with its pod": async (scene: Scene): Promise<string> => {
    const { nodes, inside, outside } = scene.driver;
    await scene.pods("web", 3);
    const { spec } = await scene.service("web", "web", { type: "NodePort", sessionAffinity: "ClientIP" });
    const nodePort = spec.ports.find(({ name }) => name === "http")?.nodePort ?? 0;
    const ways = [
      ...spec.clusterIPs.map((ip) => [inside, ip, 80] as const),
      ...(nodes[1]?.addresses ?? []).map((ip) => [outside, ip, nodePort] as const),
    ];
    for (const [client, ip, port] of ways) {
      const { pod = "" } = await scene.answered(client, "http", ip, port);
      expectAll(await client.ask("http", ip, port, thrownDice), [pod]);
    }
    return `${thrownDice * ways.length} questions, 0 to another pod`;
  },

  "loadBalancerSourceRanges: only clients in a range are let in, of either class": async (
    scene: Scene,
  ): Promise<string> => {
    const { nodes, outside, families } = scene.driver;
    await scene.pods("web", 2);
    const mine = (await outside.addresses()).map((ip) => `${ip}/${ip.includes(":") ? 128 : 32}`);
    const others = families.map((family) => (family === "IPv4" ? "198.51.100.0/24" : "2001:db8::/32"));
    const counts = { node: nodes.length * families.length, proxy: families.length };
    for (const [name, count] of Object.entries(counts)) {
      const spec = { type: "LoadBalancer", loadBalancerClass: `berth.dev/${name}` };
      await scene.service(name, "web", { ...spec, loadBalancerSourceRanges: [...mine, ...others] });
      const ips = await scene.addresses(name, count);
      for (const ip of ips) await scene.answered(outside, "http", ip, 80);
      await scene.service(name, "web", { ...spec, loadBalancerSourceRanges: others });
      await Promise.all(ips.map((ip) => scene.unanswered(outside, "http", ip, 80)));
    }
    return `${counts.node + counts.proxy} addresses`;
  },
};

/** Lets the pods of an app be found by the label `group` too. */
async function label(scene: Scene, app: string, group: string): Promise<void> {
  await scene.kubectl(["label", "pods", `--selector=app=${app}`, `group=${group}`, "--overwrite"]);
}
