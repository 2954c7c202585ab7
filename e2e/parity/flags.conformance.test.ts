import { afterAll, beforeAll, expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { Cluster } from "./cluster.ts";
import { flagSets, noLocalhost, sysctls } from "./flag-sets.ts";
import { Justified, timeless } from "./justified.ts";
import { largeService, services } from "./objects.ts";
import { Pair } from "./pair.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
const justified = new Justified(timeless);
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(services, signal);
});
afterAll(() => cluster[Symbol.asyncDispose]());

it.each(flagSets)("has kube-proxy's rules for every kind of Service: %s %s", async (flavour, flags) => {
  await using pair = await Pair.start(cluster, { host, flavour, flags: flags.split(" ") }, signal);
  expect(await pair.differences(justified, signal)).toEqual([]);
  for (const name of sysctls) {
    const [kubeProxy, agent] = await pair.sysctl(name, signal);
    expect(`${name} = ${agent}`).toBe(`${name} = ${kubeProxy}`);
  }
});

it("needs every justification", () => expect(justified.unused()).toEqual([]));

it("leaves out comments where kube-proxy does, for more than 1,000 endpoints", async () => {
  await using large = await Cluster.start([largeService], signal);
  // kube-proxy leaves chains that went out of use where they are for a sync period, in a cluster as large as this.
  const flags = [noLocalhost, "--iptables-sync-period=1s", "--iptables-min-sync-period=200ms"];
  await using pair = await Pair.start(large, { host, flavour: "legacy", flags }, signal);
  expect(await pair.differences(new Justified([]), signal)).toEqual([]);
});
