// Two proxies on one node, each with chains and Services of its own: neither touches what the other has written.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { flavours, host } from "../kernel/testing/machine.ts";
import { cleanUp } from "./cleanup.ts";
import type { NodeSettings } from "./node-facts.ts";
import type { NodeProxy } from "./node-proxy.ts";
import { chainNames } from "./plan/index.ts";
import { flavourExec, kernelProxy } from "./testing/kernel-proxy.ts";
import { type Member, Network } from "./testing/network.ts";
import { frontend, podAddress, type ScenarioService, scenarioCluster } from "./testing/scenario-cluster.ts";

const signal = new AbortController().signal;
const here = { ready: true };
const name = "service.kubernetes.io/service-proxy-name";
const labels = { [name]: "mine" };
const local = { externalTrafficPolicy: "Local" };
const ranges = { loadBalancerSourceRanges: ["192.0.2.0/28", "fd00:c::/122"] };

/** What each of the two serves. */
const kinds: readonly ScenarioService[] = [
  { endpoints: { "pod-1": here } },
  { endpoints: { "pod-1": here, far: here }, spec: local },
  { endpoints: {} },
  { endpoints: { "pod-2": here }, spec: { ...ranges, sessionAffinity: "ClientIP" } },
];
// Numbers 1 to 4 without the label, 5 to 8 with it.
const services = [...kinds, ...kinds.map((kind) => ({ ...kind, labels }))];
const proxies = { KUBE: {}, BERTH: { serviceProxyName: "mine", chains: chainNames("BERTH") } } as const;
type Prefix = keyof typeof proxies;
const offsets: Readonly<Record<Prefix, number>> = { KUBE: 0, BERTH: 4 };

describe.each(flavours)("with iptables-%s", (flavour) => {
  const network = new Network(host);
  const restores: string[] = [];
  const inside = network.exec("node");
  const exec = flavourExec(inside, flavour, (restore) => restores.push(restore));
  const state = scenarioCluster(services);

  beforeAll(() => network.create(signal));
  afterAll(() => network[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const prefix of ["KUBE", "BERTH"] as const) await start(prefix);
    restores.length = 0;
  });

  async function start(prefix: Prefix, own: Partial<NodeSettings> = {}): Promise<NodeProxy> {
    const proxy = kernelProxy(exec, state, { ...proxies[prefix], ...own });
    for (const key of state.serviceKeys()) proxy.serviceChanged(key);
    await proxy.sync(signal);
    return proxy;
  }

  /** Every chain and rule in which chains of this proxy occur; what it shares with kubelet is nobody's. */
  async function rulesOf(prefix: Prefix): Promise<string[]> {
    const lines: string[] = [];
    for (const program of ["iptables", "ip6tables"]) {
      const { stdout } = await inside.run(`${program}-${flavour}-save`, [], { signal });
      lines.push(...stdout.split("\n").filter((line) => new RegExp(`(:|-A |-j )${prefix}-(?!FIREWALL)`).test(line)));
    }
    return lines;
  }

  async function ask(from: Member, to: "ClusterIP" | "VIP" | "NodePort", number: number, v6: boolean): Promise<string> {
    const where =
      to === "NodePort"
        ? { address: v6 ? "fd00:c::1" : "192.0.2.1", port: 30_000 + number }
        : { address: frontend(to, number, v6), port: 80 };
    const answer = await network.ask(from, { protocol: "TCP", ...where });
    const [who = "", address = ""] = answer.split(" ");
    if (address === "") return who;
    const pod = (["pod-1", "pod-2"] as const).find((one) => podAddress(one, v6) === address);
    const client = [`192.0.2.2`, "fd00:c::2"].includes(address) ? "client" : "node";
    return `${who} ${pod ?? client}`;
  }

  /** Masqueraded or not, refused, filtered: as if each proxy were alone. */
  async function expectServed(...prefixes: readonly Prefix[]): Promise<void> {
    const lines = [
      ["pod-2", "ClusterIP", 1, "pod-1 pod-2"],
      ["pod-1", "ClusterIP", 1, "pod-1 node"],
      ["client", "NodePort", 1, "pod-1 node"],
      ["client", "VIP", 1, "pod-1 node"],
      ["client", "VIP", 2, "pod-1 client"],
      ["client", "NodePort", 3, "ECONNREFUSED"],
      ["pod-2", "ClusterIP", 3, "ECONNREFUSED"],
      ["client", "VIP", 4, "pod-2 node"],
    ] as const;
    const asked = prefixes.flatMap((prefix) =>
      [false, true].flatMap((v6) =>
        // A refusal over IPv6 is heard at the second SYN only, a second later: the first one's still holds the socket.
        lines
          .filter(([, , , wanted]) => !v6 || wanted !== "ECONNREFUSED")
          .map(async ([from, to, number, wanted]) => {
            const what = `${prefix}: ${from} -> ${to} ${number} (IPv${v6 ? 6 : 4})`;
            return [`${what}: ${await ask(from, to, number + offsets[prefix], v6)}`, `${what}: ${wanted}`];
          }),
      ),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(([got]) => got)).toEqual(answers.map(([, wanted]) => wanted));
  }

  it("each serves its own Services", async () => {
    await expectServed("KUBE", "BERTH");
    const dropped = [4, 8].map((number) => ask("pod-1", "VIP", number, false));
    expect(await Promise.all(dropped)).toEqual(["TIMEOUT", "TIMEOUT"]);
    expect((await rulesOf("KUBE")).some((line) => line.includes("ns/s5"))).toBe(false);
    expect((await rulesOf("BERTH")).some((line) => line.includes("ns/s1"))).toBe(false);
  });

  // The first POSTROUTING chain takes the mark away and masquerades, which ends the table; with another bit each sees its
  // own alone.
  it.each([14, 15])("a packet is masqueraded once, also when one marks with bit %i", async (masqueradeBit) => {
    await start("BERTH", { masqueradeBit });
    const masqueraded = async (): Promise<number> => {
      const { stdout } = await inside.run(`iptables-${flavour}-save`, ["-c", "-t", "nat"], { signal });
      const counts = stdout.matchAll(/^\[(\d+):\d+\] -A (?:KUBE|BERTH)-POSTROUTING .*-j MASQUERADE/gm);
      return [...counts].reduce((sum, [, packets]) => sum + Number(packets), 0);
    };
    for (const number of [1, 5]) {
      const before = await masqueraded();
      expect(await ask("client", "NodePort", number, false)).toBe("pod-1 node");
      expect((await masqueraded()) - before).toBe(1);
    }
  });

  it("each finds its rules in place when it starts again, and writes nothing", async () => {
    const before = [await rulesOf("KUBE"), await rulesOf("BERTH")];
    for (const prefix of ["BERTH", "KUBE"] as const) await start(prefix);
    expect(restores).toEqual([]);
    expect([await rulesOf("KUBE"), await rulesOf("BERTH")]).toEqual(before);
  });

  it("a Service goes from one to the other with its label", async () => {
    const both = [await start("KUBE"), await start("BERTH")];
    const service = state.services.get("ns/s1")!;
    const others = (await rulesOf("BERTH")).length;
    for (const [metadata, count] of [
      [{ ...service.metadata, labels }, 1],
      [service.metadata, 0],
    ] as const) {
      state.services.set("ns/s1", { ...service, metadata });
      for (const proxy of both) {
        proxy.serviceChanged("ns/s1");
        await proxy.sync(signal);
      }
      expect(await ask("client", "VIP", 1, false)).toBe("pod-1 node");
      expect((await rulesOf("BERTH")).length > others).toBe(count === 1);
    }
    await expectServed("KUBE");
  });

  it.each([
    ["KUBE", "BERTH"],
    ["BERTH", "KUBE"],
  ] as const)("the clean-up of %s leaves all of %s", async (gone, left) => {
    const before = await rulesOf(left);
    const scope = { flavours: [flavour], chainPrefix: gone };
    expect(await cleanUp(inside, ["IPv4", "IPv6"], signal, scope)).toMatchObject({ kept: [], failed: [] });
    expect(await rulesOf(gone)).toEqual([]);
    expect(await rulesOf(left)).toEqual(before);
    await expectServed(left);
    // Back again, now above the other one.
    await start(gone);
    expect(await rulesOf(left)).toEqual(before);
    await expectServed("KUBE", "BERTH");
  });

  it("what one has lost it writes again, and nothing else", async () => {
    const before = await rulesOf("KUBE");
    await inside.run(`iptables-${flavour}`, ["-t", "nat", "-F", "BERTH-SERVICES"], { signal });
    await start("BERTH");
    expect(restores).toHaveLength(1);
    expect(restores[0]).not.toMatch(/KUBE-/);
    expect(await rulesOf("KUBE")).toEqual(before);
  });
});
