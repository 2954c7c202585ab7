import { expect } from "vitest";
import type { Client } from "../../drivers/client.ts";
import { echoPorts } from "./objects.ts";
import { expectAll, perPod, type Scene, thrownDice } from "./scene.ts";

/** Each type of Service does what its user expects. */
export const types = {
  "ClusterIP: a pod reaches every pod, over TCP and UDP and each family, seen as itself": async (
    scene: Scene,
  ): Promise<string> => {
    const { inside } = scene.driver;
    await scene.pods("web", 3);
    const { spec } = await scene.service("web", "web");
    const own = await inside.addresses();
    let asked = 0;
    for (const [family, ip] of spec.clusterIPs.entries())
      for (const [protocol, port] of services) {
        const answers = await everyPodAnswers(scene, inside, protocol, ip, port);
        expect(new Set(answers.map(({ client }) => client))).toEqual(new Set([own[family]]));
        asked += answers.length;
      }
    return `${asked} questions, 0 failed`;
  },

  "a pod that is the only one behind its Service reaches itself through it": async (scene: Scene): Promise<string> => {
    const { inside } = scene.driver;
    const [own = ""] = await inside.addresses();
    await scene.driver.kubectl(["label", "pod", "client", "alone=yes", "--overwrite"]);
    const ports = [{ name: "http", port: 80, targetPort: echoPorts.http, protocol: "TCP" }];
    const alone = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "alone" },
      spec: { selector: { alone: "yes" }, ports },
    };
    await scene.driver.kubectl(["apply", "--filename=-"], JSON.stringify(alone));
    const get = ["get", "service", "alone", "--output=jsonpath={.spec.clusterIP}"];
    const answer = await scene.answered(inside, "http", await scene.driver.kubectl(get), 80);
    expect(answer.pod).toBe("client");
    // The kernel drops a packet whose sender and receiver are one: the node stands in between.
    expect(answer.client).not.toBe(own);
    await scene.driver.kubectl(["delete", "service", "alone"]);
    return "answered";
  },

  "NodePort: each address of each node answers, outside and inside": async (scene: Scene): Promise<string> => {
    const { inside, outside, nodes } = scene.driver;
    await scene.pods("web", 2);
    const { spec } = await scene.service("web", "web", { type: "NodePort" });
    const pods = await perPod(scene, "web");
    const addresses = nodes.flatMap((node) => node.addresses);
    for (const ip of addresses)
      for (const client of [inside, outside])
        for (const { name, nodePort } of spec.ports) {
          const { pod } = await scene.answered(client, name === "udp" ? "udp" : "http", ip, nodePort);
          expect(pods).toContain(pod);
        }
    return `${addresses.length} addresses answer over TCP and UDP`;
  },

  "LoadBalancer of class node: a client outside reaches every pod, and so does a pod": async (
    scene: Scene,
  ): Promise<string> => {
    const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/node", allocateLoadBalancerNodePorts: false };
    const expected = scene.driver.nodes.length * scene.driver.families.length;
    return await loadBalancer(scene, spec, expected);
  },

  "LoadBalancer of class proxy: a client outside reaches every pod, and so does a pod": async (
    scene: Scene,
  ): Promise<string> => {
    const spec = { type: "LoadBalancer", loadBalancerClass: "berth.dev/proxy" };
    return await loadBalancer(scene, spec, scene.driver.families.length);
  },

  "externalIPs: packets to the address are answered, outside and inside": async (scene: Scene): Promise<string> => {
    const { inside, outside, nodes } = scene.driver;
    await scene.pods("web", 2);
    // One that leads to a node, as somebody's router would have it.
    const externalIPs = nodes[1]?.addresses ?? [];
    const ports = [{ name: "http", port: 8099, targetPort: echoPorts.http, protocol: "TCP" }];
    await scene.service("web", "web", { externalIPs, ports });
    const pods = await perPod(scene, "web");
    for (const ip of externalIPs)
      for (const client of [inside, outside])
        expect(pods).toContain((await scene.answered(client, "http", ip, 8099)).pod);
    return `${externalIPs.length} addresses answer`;
  },

  "without endpoints a connection is refused at once, over every way in": async (scene: Scene): Promise<string> => {
    const { inside, outside, nodes, families } = scene.driver;
    const { spec } = await scene.service("empty", "nobody", {
      type: "LoadBalancer",
      loadBalancerClass: "berth.dev/proxy",
    });
    const ingress = await scene.addresses("empty", families.length);
    const nodePort = spec.ports.find(({ name }) => name === "http")?.nodePort ?? 0;
    const ways: readonly (readonly [Client, string, number])[] = [
      ...spec.clusterIPs.map((ip) => [inside, ip, 80] as const),
      ...ingress.map((ip) => [outside, ip, 80] as const),
      ...(nodes[0]?.addresses ?? []).map((ip) => [outside, ip, nodePort] as const),
    ];
    for (const [client, ip, port] of ways)
      await scene.eventually(async () =>
        expect(await client.ask("http", ip, port)).toEqual([{ error: "ECONNREFUSED" }]),
      );
    return `${ways.length} ways in refuse`;
  },
};

const services = [
  ["http", 80],
  ["udp", 5353],
] as const;

/** Both clients reach every pod of the load balancer, which has so many addresses. */
async function loadBalancer(scene: Scene, spec: Readonly<Record<string, unknown>>, count: number): Promise<string> {
  const { inside, outside } = scene.driver;
  await scene.pods("web", 2);
  await scene.service("web", "web", spec);
  const [first = "", ...others] = await scene.addresses("web", count);
  const pods = await perPod(scene, "web");
  let asked = 0;
  for (const [protocol, port] of services) {
    asked += (await everyPodAnswers(scene, outside, protocol, first, port)).length;
    for (const ip of others) expect(pods).toContain((await scene.answered(outside, protocol, ip, port)).pod);
    expect(pods).toContain((await scene.answered(inside, protocol, first, port)).pod);
  }
  return `${count} addresses, ${asked} questions at the first, 0 failed`;
}

/** Enough questions that none of the pods is missed by chance; each is answered, and each pod answers. */
async function everyPodAnswers(
  scene: Scene,
  client: Client,
  protocol: "http" | "udp",
  host: string,
  port: number,
): ReturnType<Client["ask"]> {
  await scene.answered(client, protocol, host, port);
  const answers = await client.ask(protocol, host, port, thrownDice);
  expectAll(answers, await perPod(scene, "web"));
  return answers;
}
