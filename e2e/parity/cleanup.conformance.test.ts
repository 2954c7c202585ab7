import { afterAll, beforeAll, expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { flavours } from "../tools/iptables-flavour.ts";
import { Cluster } from "./cluster.ts";
import { differencesOf } from "./differences.ts";
import type { Rules } from "./node-rules.ts";
import { probedServices } from "./probes.ts";
import { proxyNames, stopProxy } from "./proxies.ts";
import { podPrefixes, Stage } from "./stage.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
let cluster: Cluster;

beforeAll(async () => {
  cluster = await Cluster.start(probedServices, signal);
});
afterAll(() => cluster[Symbol.asyncDispose]());

const pairs = proxyNames.flatMap((ran) => proxyNames.map((cleaner) => ({ ran, cleaner })));

it.each(flavours)(
  "either cleans up after either, and leaves what kube-proxy leaves after itself: %s",
  async (flavour) => {
    await using stage = await Stage.start(cluster, host, flavour, signal);
    let expected: Rules | undefined;
    for (const { ran, cleaner } of pairs) {
      await using proxy = await stage.run(ran, [podPrefixes, "--iptables-localhost-nodeports=true"], signal);
      await stopProxy(proxy);
      await stage.cleanUp(cleaner);
      const left = await stage.rules(signal);
      expected ??= left;
      expect({ ran, cleaner, differences: differencesOf(expected, left) }).toEqual({ ran, cleaner, differences: [] });
    }
    // What is kubelet's as well stays.
    const chains = Object.values(expected ?? {}).flatMap((text) =>
      [...text.matchAll(/^:(KUBE-\S+)/gm)].map(([, chain]) => chain),
    );
    expect(new Set(chains)).toEqual(new Set(["KUBE-FIREWALL"]));
  },
);
