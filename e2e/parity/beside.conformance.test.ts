import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { systemExec } from "../../src/kernel/index.ts";
import { flavours } from "../tools/iptables-flavour.ts";
import { Cluster } from "./cluster.ts";
import { servicePath } from "./objects.ts";
import { probedServices } from "./probes.ts";
import { stopProxy } from "./proxies.ts";
import { podPrefixes, Stage } from "./stage.ts";

const host = systemExec({ PATH: process.env["PATH"] });
const { signal } = new AbortController();
let cluster: Cluster;

const proxyName = "service.kubernetes.io/service-proxy-name";
const [moving, ...others] = probedServices.map(({ name }) => name);
const label = (name: string, value: string | null) =>
  cluster.perform(
    [
      {
        kind: "request",
        method: "PATCH",
        path: servicePath({ name }),
        body: { metadata: { labels: { [proxyName]: value } } },
      },
    ],
    signal,
  );

beforeAll(async () => {
  cluster = await Cluster.start(probedServices, signal);
});
afterAll(() => cluster[Symbol.asyncDispose]());

it.each(flavours)(
  "the agent runs beside a kube-proxy with chains and Services of its own, and neither disturbs the other: %s",
  async (flavour) => {
    await using stage = await Stage.start(cluster, host, flavour, signal);
    await label(moving ?? "", "mine");
    /** Lines of chains of one of the two, in both families. */
    const linesOf = async (prefix: "KUBE" | "BERTH"): Promise<string[]> => {
      const text = Object.values(await stage.rules(signal)).join("\n");
      const own = new RegExp(`(^:|^-A |-j )${prefix}-(?!FIREWALL)`);
      // The sentinel moves with each start of a proxy.
      return text.split("\n").filter((line) => own.test(line) && !line.includes("sentinel"));
    };
    const serves = async (prefix: "KUBE" | "BERTH", name: string): Promise<boolean> =>
      (await linesOf(prefix)).some((line) => line.includes(`shop/${name}:`));
    const patience = { timeout: 30_000, interval: 100 };

    await using kubeProxy = await stage.run("kube-proxy", [podPrefixes], signal);
    const alone = (await linesOf("KUBE")).filter((line) => !/^:|-SEP-/.test(line)).sort();
    expect(alone.length).toBeGreaterThan(100);
    const flags = [
      podPrefixes,
      "--service-proxy-name=mine",
      "--iptables-chain-prefix=BERTH",
      "--healthz-bind-address=127.0.0.1:20256",
      "--metrics-bind-address=127.0.0.1:20249",
    ];
    await using agent = await stage.run("berth agent", flags, signal);
    await vi.waitFor(async () => expect(await serves("BERTH", moving ?? "")).toBe(true), patience);
    expect((await linesOf("KUBE")).filter((line) => !/^:|-SEP-/.test(line)).sort()).toEqual(alone);
    for (const name of others) expect([name, await serves("BERTH", name)]).toEqual([name, false]);

    for (const [value, server, left] of [
      [null, "KUBE", "BERTH"],
      ["mine", "BERTH", "KUBE"],
    ] as const) {
      await label(moving ?? "", value);
      await vi.waitFor(async () => {
        expect(await serves(server, moving ?? "")).toBe(true);
        expect(await serves(left, moving ?? "")).toBe(false);
      }, patience);
    }
    expect([kubeProxy.running, agent.running]).toEqual([true, true]);

    // Either's clean-up of kube-proxy's chains leaves those of the agent.
    const before = await linesOf("BERTH");
    await stopProxy(kubeProxy);
    for (const cleaner of ["kube-proxy", "berth agent"] as const) {
      await stage.cleanUp(cleaner);
      expect(await linesOf("KUBE")).toEqual([]);
      expect(await linesOf("BERTH")).toEqual(before);
    }
    await stopProxy(agent);
    await label(moving ?? "", null);
  },
);
