import { expect } from "vitest";
import { perPod, type Scene } from "./scene.ts";

/** Names that the cluster's DNS gives, which pods reach by its ClusterIP. */
export const names = {
  "DNS by its ClusterIP: names of Services, of the pods of a headless one, of an ExternalName": async (
    scene: Scene,
  ): Promise<string> => {
    const { inside, families } = scene.driver;
    const resolve = async (kind: "a" | "aaaa" | "cname", name: string): Promise<readonly string[]> => {
      const text = await inside.run("resolve.ts", [kind, `${name}.${scene.namespace}.svc.cluster.local`]);
      return JSON.parse(text) as readonly string[];
    };
    await scene.pods("web", 3);
    const { spec } = await scene.service("web", "web");
    await scene.service("headless", "web", { clusterIP: "None" });
    await scene.service("elsewhere", "", {
      type: "ExternalName",
      externalName: "example.org",
      selector: undefined,
      ports: undefined,
      ipFamilyPolicy: undefined,
    });
    const pods = (await scene.podsOf("web")).map(({ ips }) => ips);
    for (const [index, family] of families.entries()) {
      const kind = family === "IPv4" ? "a" : "aaaa";
      await scene.eventually(async () => expect(await resolve(kind, "web")).toEqual([spec.clusterIPs[index]]));
      const each = pods.map((ips) => ips[index] ?? "").toSorted();
      await scene.eventually(async () => expect(await resolve(kind, "headless")).toEqual(each));
    }
    await scene.eventually(async () => expect(await resolve("cname", "elsewhere")).toEqual(["example.org"]));
    const { pod } = await scene.answered(inside, "http", `web.${scene.namespace}`, 80);
    expect(await perPod(scene, "web")).toContain(pod);
    return `${2 * families.length + 1} names resolve, and one is asked`;
  },
};
