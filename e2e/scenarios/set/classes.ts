import { expect } from "vitest";
import { perPod, type Scene } from "./scene.ts";

/** Load balancers of the classes that run here. */
export const classes = {
  "two classes at once, each with addresses of its own": async (scene: Scene): Promise<string> => {
    const { nodes, outside, families } = scene.driver;
    await scene.pods("web", 2);
    const type = { type: "LoadBalancer" };
    await scene.service("by-nodes", "web", { ...type, loadBalancerClass: "berth.dev/node" });
    await scene.service("by-proxy", "web", { ...type, loadBalancerClass: "berth.dev/proxy" });
    const all = nodes.flatMap(({ addresses }) => addresses);
    const byNodes = await scene.addresses("by-nodes", all.length);
    const byProxy = await scene.addresses("by-proxy", families.length);
    expect(byNodes.toSorted()).toEqual(all.toSorted());
    expect(byProxy.filter((ip) => all.includes(ip))).toEqual([]);
    const pods = await perPod(scene, "web");
    for (const ip of [...byNodes, ...byProxy])
      for (const [protocol, port] of [
        ["http", 80],
        ["udp", 5353],
      ] as const)
        expect(pods).toContain((await scene.answered(outside, protocol, ip, port)).pod);
    return `${byNodes.length} addresses of nodes and ${byProxy.length} of a load balancer answer over TCP and UDP`;
  },
};
