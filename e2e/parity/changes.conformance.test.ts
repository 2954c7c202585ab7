import { expect, it } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { flavours } from "../tools/iptables-flavour.ts";
import { changes } from "./changes.ts";
import { Cluster } from "./cluster.ts";
import { noLocalhost } from "./flag-sets.ts";
import { afterChanges, Justified, timeless } from "./justified.ts";
import { services } from "./objects.ts";
import { Pair } from "./pair.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();

it.each(flavours)("has kube-proxy's rules after each change: %s", async (flavour) => {
  const justified = new Justified([...timeless, ...afterChanges]);
  await using cluster = await Cluster.start(services, signal);
  await using pair = await Pair.start(cluster, { host, flavour, flags: [noLocalhost] }, signal);
  for (const { what, requests } of changes) {
    await cluster.perform(requests, signal);
    expect({ what, differences: await pair.differences(justified, signal) }).toEqual({ what, differences: [] });
  }
  expect(justified.unused()).toEqual([]);
});
