import { afterAll, beforeAll, expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { flavours } from "../tools/iptables-flavour.ts";
import { changes } from "./changes.ts";
import { Cluster } from "./cluster.ts";
import { flagSets, noLocalhost, sysctls } from "./flag-sets.ts";
import { Justified } from "./justified.ts";
import { creation, largeService, services } from "./objects.ts";
import { Pair } from "./pair.ts";
import { requireKubeProxy } from "./proxies.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
const justified = new Justified();
const accept = (difference: string): boolean => justified.accepts(difference);
let cluster: Cluster;

/** A cluster with Services of every kind. */
async function startCluster(): Promise<Cluster> {
  const started = await Cluster.start(signal);
  for (const service of services) await started.perform(creation(service), signal);
  return started;
}

beforeAll(async () => {
  requireKubeProxy();
  cluster = await startCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

it.each(flagSets)("has kube-proxy's rules for every kind of Service: $flavour $flags", async ({ flavour, flags }) => {
  await using pair = await Pair.start(cluster, { host, flavour, flags }, signal);
  expect(await pair.differences(accept, signal)).toEqual([]);
  for (const name of sysctls) {
    const [kubeProxy, agent] = await pair.sysctl(name, signal);
    expect(`${name} = ${agent}`).toBe(`${name} = ${kubeProxy}`);
  }
});

it("leaves out comments where kube-proxy does, for more than 1,000 endpoints", async () => {
  await using large = await Cluster.start(signal);
  await large.perform(creation(largeService), signal);
  await using pair = await Pair.start(large, { host, flavour: "legacy", flags: [noLocalhost] }, signal);
  expect(await pair.differences(accept, signal)).toEqual([]);
});

it.each(flavours)("has them after each change: %s", async (flavour) => {
  await using changing = await startCluster();
  await using pair = await Pair.start(changing, { host, flavour, flags: [noLocalhost] }, signal);
  for (const { what, requests } of changes) {
    await changing.perform(requests, signal);
    expect({ what, differences: await pair.differences(accept, signal) }).toEqual({ what, differences: [] });
  }
});

it("needs every justification", () => {
  expect(justified.unused()).toEqual([]);
});
