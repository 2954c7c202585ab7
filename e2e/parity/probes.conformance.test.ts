import { afterAll, beforeAll, expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { flavours } from "../tools/iptables-flavour.ts";
import { Cluster } from "./cluster.ts";
import { outcome, probedServices, probes } from "./probes.ts";
import { stopProxy } from "./proxies.ts";
import { podPrefixes, Stage } from "./stage.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
const flags = [podPrefixes, "--iptables-localhost-nodeports=true"];
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(probedServices, signal);
});
afterAll(() => cluster[Symbol.asyncDispose]());

it.each(flavours)("answers every question as kube-proxy does: %s", async (flavour) => {
  await using stage = await Stage.start(cluster, host, flavour, signal);
  const results = [];
  for (const name of ["kube-proxy", "berth agent"] as const) {
    await using proxy = await stage.run(name, flags, signal);
    const answers = await stage.ask(probes);
    await stopProxy(proxy);
    await stage.cleanUp("kube-proxy");
    results.push(probes.map((probe, i) => outcome(probe, answers[i] ?? [])));
  }
  const [kubeProxy, agent] = results;
  expect(agent).toEqual(kubeProxy);
  expect(new Set(kubeProxy?.map(kind))).toEqual(new Set(["answer", "refusal", "silence"]));
});

/** What was found at all: a probe that finds one thing only shows nothing. */
function kind(line: string): string {
  return line.endsWith(": silence") ? "silence" : line.endsWith(": ECONNREFUSED") ? "refusal" : "answer";
}
