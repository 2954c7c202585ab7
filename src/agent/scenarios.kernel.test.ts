// kube-proxy's scenarios with real packets: who is answered by whom, and what address the pod sees. Each line holds on
// both backends of iptables, over IPv4 and IPv6, TCP and UDP.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../base/index.ts";
import { execOk } from "../kernel/index.ts";
import { flavours, host } from "../kernel/testing/machine.ts";
import { parseCidr } from "../net/index.ts";
import { nullLogger } from "../telemetry/index.ts";
import type { NodeSettings } from "./node-facts.ts";
import { flavourExec, kernelProxy } from "./testing/kernel-proxy.ts";
import { type Member, Network } from "./testing/network.ts";
import { frontend, podAddress, type ScenarioService, scenarioCluster } from "./testing/scenario-cluster.ts";
import { removeVipRoutes, VipRoutes } from "./vip-routes.ts";

const signal = new AbortController().signal;
const here = { ready: true };
const local = { externalTrafficPolicy: "Local" };
const leaving = { ready: false, serving: true, terminating: true };
const gone = { ready: false, serving: false, terminating: true };

const ranges = { loadBalancerSourceRanges: ["192.0.2.0/28", "fd00:c::/122"] };
const onNodePorts = { "berth.dev/source-ranges-on-node-ports": "true" };

// Numbered from 1.
const services: readonly ScenarioService[] = [
  /* 1 */ { endpoints: { "pod-1": here } },
  /* 2 */ { endpoints: { far: here } },
  /* 3 */ { endpoints: { "pod-1": here, far: here }, spec: local },
  /* 4 */ { endpoints: { far: here }, spec: local },
  /* 5 */ { endpoints: { far: here }, spec: { internalTrafficPolicy: "Local" } },
  /* 6 */ { endpoints: {} },
  /* 7 */ { endpoints: { "pod-1": here }, spec: ranges },
  /* 8 */ { endpoints: { "pod-1": gone, far: leaving } },
  /* 9 */ { endpoints: { "pod-1": leaving, "pod-2": gone, far: here }, spec: local },
  /* 10 */ { endpoints: { "pod-2": { ...here, zones: ["zone-a"] }, far: { ...here, zones: ["zone-b"] } } },
  /* 11 */ { endpoints: { "pod-1": here }, ipMode: "Proxy", vips: ["203.0.113.99", "fd00:cb::99"] },
  /* 12 */ { endpoints: { "pod-1": here, "pod-2": here, far: here }, spec: { sessionAffinity: "ClientIP" } },
  /* 13 */ { endpoints: { "pod-1": here }, spec: { loadBalancerSourceRanges: ["nonsense"] } },
  /* 14 */ { endpoints: { "pod-1": here }, spec: ranges, annotations: onNodePorts },
  /* 15 */ { endpoints: { "pod-1": here, far: here }, spec: { ...local, ...ranges }, annotations: onNodePorts },
];

/** `who -> to N`, and who answers with what source; `-`: nobody, and the packet is dropped. */
type Line = readonly [from: string, to: string, number: number, answer: string];

const base: readonly Line[] = [
  ["pod-2", "ClusterIP", 1, "pod-1 pod-2"],
  ["pod-2", "ClusterIP", 2, "far pod-2"],
  ["node", "ClusterIP", 1, "pod-1 node"],
  ["node", "ClusterIP", 2, "far node"],
  ["client", "ClusterIP", 1, "pod-1 node"],
  ["pod-1", "ClusterIP", 1, "pod-1 node"],
  ["client", "NodePort", 1, "pod-1 node"],
  ["client", "NodePort", 2, "far node"],
  ["client", "second NodePort", 1, "pod-1 node"],
  ["pod-2", "NodePort", 1, "pod-1 node"],
  ["node", "NodePort", 2, "far node"],
  ["client", "VIP", 1, "pod-1 node"],
  ["pod-2", "VIP", 2, "far node"],
  ["node", "VIP", 1, "pod-1 node"],
  ["client", "external IP", 1, "pod-1 node"],
  // Policy Local keeps the client's address; what comes from within goes round as through the load balancer.
  ["client", "NodePort", 3, "pod-1 client"],
  ["client", "VIP", 3, "pod-1 client"],
  ["client", "external IP", 3, "pod-1 client"],
  ["pod-2", "VIP", 4, "far pod-2"],
  ["pod-2", "NodePort", 4, "far pod-2"],
  ["node", "VIP", 4, "far node"],
  ["node", "NodePort", 4, "far node"],
  ["pod-2", "ClusterIP", 4, "far pod-2"],
  ["client", "NodePort", 4, "-"],
  ["client", "VIP", 4, "-"],
  ["pod-2", "ClusterIP", 5, "-"],
  ["client", "NodePort", 5, "far node"],
  ["pod-2", "ClusterIP", 6, "ECONNREFUSED"],
  ["client", "NodePort", 6, "ECONNREFUSED"],
  ["client", "VIP", 6, "ECONNREFUSED"],
  ["client", "external IP", 6, "ECONNREFUSED"],
  ["node", "NodePort", 6, "ECONNREFUSED"],
  ["client", "VIP", 7, "pod-1 node"],
  ["stranger", "VIP", 7, "-"],
  ["pod-2", "VIP", 7, "-"],
  ["stranger", "NodePort", 7, "pod-1 node"],
  ["stranger", "external IP", 7, "pod-1 node"],
  ["client", "VIP", 13, "-"],
  // Where a Service asks for it, source ranges hold for NodePorts as well, and for them alone among what they did not.
  ["client", "NodePort", 14, "pod-1 node"],
  ["client", "second NodePort", 14, "pod-1 node"],
  ["node", "NodePort", 14, "pod-1 node"],
  ["stranger", "NodePort", 14, "-"],
  ["stranger", "second NodePort", 14, "-"],
  ["pod-2", "NodePort", 14, "-"],
  ["pod-2", "ClusterIP", 14, "pod-1 pod-2"],
  ["stranger", "external IP", 14, "pod-1 node"],
  ["client", "NodePort", 15, "pod-1 client"],
  ["stranger", "NodePort", 15, "-"],
  ["node", "localhost NodePort", 14, "ECONNREFUSED"],
  ["pod-2", "ClusterIP", 8, "far pod-2"],
  ["client", "VIP", 8, "far node"],
  ["client", "VIP", 9, "pod-1 client"],
  ["pod-2", "ClusterIP", 9, "far pod-2"],
  ["pod-1", "ClusterIP", 10, "pod-2 pod-1"],
  ["node", "localhost NodePort", 1, "ECONNREFUSED"],
];

const sets: readonly (readonly [name: string, settings: Partial<NodeSettings>, lines: readonly Line[]])[] = [
  ["by default", {}, base],
  [
    "with masqueradeAll",
    { masqueradeAll: true },
    [
      ["pod-2", "ClusterIP", 1, "pod-1 node"],
      ["client", "VIP", 3, "pod-1 client"],
    ],
  ],
  [
    "that cannot tell pods",
    { localTraffic: { mode: "ClusterCIDR", cidrs: new Map() } },
    [
      ["pod-2", "ClusterIP", 2, "far pod-2"],
      ["pod-2", "VIP", 4, "-"],
      ["node", "VIP", 4, "far node"],
    ],
  ],
  [
    "that tells pods by their bridge",
    { localTraffic: { mode: "BridgeInterface", name: "br0" } },
    [
      ["pod-2", "ClusterIP", 2, "far pod-2"],
      ["pod-2", "VIP", 4, "far pod-2"],
      ["client", "ClusterIP", 1, "pod-1 node"],
      ["node", "ClusterIP", 2, "far node"],
    ],
  ],
  [
    "that tells pods by their interfaces' names",
    { localTraffic: { mode: "InterfaceNamePrefix", prefix: "b" } },
    [
      ["pod-2", "ClusterIP", 2, "far pod-2"],
      ["pod-2", "VIP", 4, "far pod-2"],
      ["client", "ClusterIP", 1, "pod-1 node"],
    ],
  ],
  [
    "with NodePorts on its first address and on localhost",
    {
      localhostNodePorts: true,
      nodePortAddresses: ["192.0.2.1/32", "127.0.0.0/8", "fd00:c::1/128"].flatMap((text) => parseCidr(text) ?? []),
    },
    [
      ["client", "NodePort", 1, "pod-1 node"],
      ["client", "second NodePort", 1, "ECONNREFUSED"],
    ],
  ],
];

describe.each(flavours)("with iptables-%s", (flavour) => {
  const network = new Network(host);
  const exec = flavourExec(network.exec("node"), flavour);

  beforeAll(() => network.create(signal));
  afterAll(() => network[Symbol.asyncDispose]());

  it.each(sets)("a node %s", async (_name, settings, lines) => {
    await sync(settings);
    const kinds = [false, true].flatMap((v6) => (["TCP", "UDP"] as const).map((protocol) => ({ v6, protocol })));
    // What is dropped is waited for: all side by side.
    const asked = kinds.flatMap(({ v6, protocol }) =>
      lines.map(async (line) => {
        const [from, to, number, wanted] = line;
        const what = `${from} -> ${to} ${number} (${protocol}, IPv${v6 ? 6 : 4})`;
        return { wanted: `${what}: ${wanted}`, got: `${what}: ${await ask(line, protocol, v6)}` };
      }),
    );
    const answers = await Promise.all(asked);
    expect(answers.map(({ got }) => got)).toEqual(answers.map(({ wanted }) => wanted));
  });

  it("answers the same on load balancers' addresses that are its own, and probes of them on other ports", async () => {
    const state = scenarioCluster(services, ["gcp-l4.berth.dev/resources"]);
    const families = ["IPv4", "IPv6"] as const;
    const node = network.exec("node");
    const common = { logger: nullLogger, clock: systemClock, random: () => 0 };
    const routes = new VipRoutes({ ...common, mode: "auto", state, families, exec: node });
    await sync({});
    for (const key of state.serviceKeys()) routes.serviceChanged(key);
    await routes.sync();
    await network.serve("node", 10_256);
    const probes = [1, 4, 6, 7, 13].map((number) => ["stranger", "VIP", number, "node stranger"] as const);
    const lines = base.filter(([, to]) => to === "VIP");
    try {
      for (const v6 of [false, true]) {
        const address = frontend("VIP", 1, v6);
        expect(await execOk(node, "ip", ["route", "get", address], { signal })).toMatch(/^local /);
        const asked = [
          ...lines.flatMap((line) => (["TCP", "UDP"] as const).map((protocol) => ({ line, protocol, port: 80 }))),
          ...probes.map((line) => ({ line, protocol: "TCP" as const, port: 10_256 })),
        ].map(async ({ line, protocol, port }) => {
          const what = `${line.slice(0, 3).join(" ")} (${protocol} ${port}, IPv${v6 ? 6 : 4})`;
          return [`${what}: ${line[3]}`, `${what}: ${await ask(line, protocol, v6, port)}`] as const;
        });
        const answers = await Promise.all(asked);
        expect(answers.map(([, got]) => got)).toEqual(answers.map(([wanted]) => wanted));
      }
    } finally {
      for (const family of families) await removeVipRoutes(node, family, signal);
    }
  });

  it("answers on localhost as well, over IPv4 and only where it was asked to", async () => {
    await execOk(network.exec("node"), "sysctl", ["-qw", "net.ipv4.conf.all.route_localnet=1"], { signal });
    await sync({ localhostNodePorts: true });
    for (const protocol of ["TCP", "UDP"] as const) {
      expect(await ask(["node", "localhost NodePort", 1], protocol, false)).toBe("pod-1 node");
      expect(await ask(["node", "localhost NodePort", 1], protocol, true)).toBe("ECONNREFUSED");
    }
  });

  it("leaves a load balancer alone that is elsewhere", async () => {
    await sync({});
    for (const v6 of [false, true]) {
      const address = frontend("VIP", 99, v6);
      expect(await network.ask("pod-2", { protocol: "TCP", address, port: 8080 })).toBe(
        `client ${podAddress("pod-2", v6)}`,
      );
    }
  });

  it("keeps a client with its pod, and spreads clients evenly without affinity", async () => {
    await sync({});
    const answers = async (number: number): Promise<Set<string>> => {
      const all = Array.from({ length: 30 }, () => ask(["pod-2", "ClusterIP", number], "TCP", false));
      return new Set(await Promise.all(all));
    };
    expect((await answers(12)).size).toBe(1);
    expect(await answers(3)).toEqual(new Set(["pod-1 pod-2", "far pod-2"]));
  });

  async function sync(settings: Partial<NodeSettings>): Promise<void> {
    const state = scenarioCluster(services);
    const proxy = kernelProxy(exec, state, settings);
    for (const key of state.serviceKeys()) proxy.serviceChanged(key);
    await proxy.sync(signal);
    // Flows of the settings before would go on as they began.
    await network.exec("node").run("conntrack", ["-F"], { signal });
  }

  async function ask(
    [from, to, number]: readonly [string, string, number, ...unknown[]],
    protocol: "TCP" | "UDP",
    v6: boolean,
    port?: number,
  ): Promise<string> {
    const answer = await network.ask(from === "stranger" ? "client" : (from as Member), {
      protocol,
      ...target(to, number, v6),
      ...(port !== undefined && { port }),
      ...(from === "stranger" && { from: v6 ? "fd00:c::82" : "192.0.2.130" }),
    });
    const [who = "", address] = answer.split(" ");
    if (address === undefined) return who === "TIMEOUT" ? "-" : who;
    return `${who} ${nameOf(address)}`;
  }
});

function target(to: string, number: number, v6: boolean): { address: string; port: number } {
  const nodePort = 30000 + number;
  switch (to) {
    case "NodePort":
      return { address: v6 ? "fd00:c::1" : "192.0.2.1", port: nodePort };
    case "second NodePort":
      return { address: v6 ? "fd00:c::9" : "192.0.2.9", port: nodePort };
    case "localhost NodePort":
      return { address: v6 ? "::1" : "127.0.0.1", port: nodePort };
    default:
      return { address: frontend(to as "VIP", number, v6), port: 80 };
  }
}

function nameOf(address: string): string {
  for (const pod of ["pod-1", "pod-2", "far"] as const)
    if ([podAddress(pod, false), podAddress(pod, true)].includes(address)) return pod;
  if (/^(10\.244\.[12]\.1|fd00:244:[12]::1|192\.0\.2\.[19]|fd00:c::[19])$/.test(address)) return "node";
  return (
    { "192.0.2.2": "client", "fd00:c::2": "client", "192.0.2.130": "stranger", "fd00:c::82": "stranger" }[address] ??
    address
  );
}
