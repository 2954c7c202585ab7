import { expect } from "vitest";
import type { Page } from "../../tools/fetch-all.ts";
import { service } from "./objects.ts";
import type { Scene } from "./scene.ts";

const count = 500;
const kubectls = 5;

/** Many Services at once. */
export const scale = {
  "500 Services, each of which answers": async (scene: Scene): Promise<string> => {
    const { inside, footprint } = scene.driver;
    await scene.pods("web", 3);
    const names = Array.from({ length: count }, (_, index) => `service-${index + 1}`);
    const started = performance.now();
    // By several at a time: each kubectl holds itself to 50 requests a second.
    const shares = [...Map.groupBy(names, (_, index) => index % kubectls).values()];
    await Promise.all(shares.map((share) => scene.apply(...share.map((name) => service(name, "web")))));
    const applied = performance.now();
    const ips = (await scene.kubectl(["get", "services", "--output=jsonpath={.items[*].spec.clusterIP}"])).split(" ");
    const urls = ips.map((ip) => `http://${ip}/`);
    await scene.eventually(async () => {
      const pages = JSON.parse(await inside.run("fetch-all.ts", urls)) as readonly Page[];
      expect(pages.filter(({ status }) => status !== 200).map(({ url }) => url)).toEqual([]);
    });
    const seconds = [applied - started, performance.now() - applied].map((ms) => (ms / 1000).toFixed(1));
    const took = `${urls.length} Services applied in ${seconds[0]} s, all of them answered ${seconds[1]} s later`;
    return footprint === undefined ? took : `${took}; ${await footprint.measure()}`;
  },
};
