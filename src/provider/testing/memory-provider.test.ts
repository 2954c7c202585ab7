import { describe } from "vitest";
import type { DesiredLoadBalancer, LbIdentity, NodeTarget } from "../../model/index.ts";
import { parseIp } from "../../net/index.ts";
import { describeConformance, type ServiceDesired } from "./conformance.ts";
import { MemoryProvider, World } from "./memory-provider.ts";
import { ScopedProvider } from "./scoped-provider.ts";

const id: LbIdentity = { clusterId: "cluster-1", uid: "uid-1", namespace: "default", name: "web" };
const http = { name: "http", protocol: "TCP", port: 80, nodePort: 30_080 } as const;
const dns = { name: "dns", protocol: "UDP", port: 53, nodePort: 30_053 } as const;

function wish(lb: Partial<DesiredLoadBalancer>, ...nodes: readonly string[]): ServiceDesired {
  return {
    kind: "service",
    lb: {
      id,
      families: ["IPv4"],
      ports: [http],
      externalTrafficPolicy: "Cluster",
      sessionAffinity: { kind: "None" },
      sourceRanges: [],
      healthCheck: { protocol: "HTTP", port: 10_256, path: "/healthz" },
      requestedAddresses: [],
      addresses: [parseIp("192.0.2.1")!],
      annotations: {},
      loadBalancerClass: "berth.dev/proxy",
      createdAt: "2026-01-01T00:00:00Z",
      scheme: undefined,
      retain: false,
      ...lb,
    },
    nodes: nodes.map((name): NodeTarget => ({ name, addresses: [] })),
  };
}

describe.each([
  ["the memory provider", MemoryProvider],
  ["the scoped provider", ScopedProvider],
])("conformance", (name, Provider) => {
  describeConformance(name, {
    async newBed() {
      const world = new World();
      return {
        adapter: async (fence = () => undefined) => new Provider(world, { fence }),
        fingerprint: async () => world.fingerprint(),
        begun: () => world.mutations.length,
        async occupy({ uid }) {
          const foreign = { ...id, clusterId: "cluster-2" };
          world.objects.set(`${uid}/address`, { kind: "address", id: foreign, value: "192.0.2.9" });
        },
        async retain() {
          for (const name of world.objects.keys()) world.retained.add(name);
        },
        async [Symbol.asyncDispose]() {},
      };
    },
    wishes: {
      "one port": wish({}, "node1", "node2"),
      "two ports": wish({ ports: [http, dns] }, "node1", "node2"),
      "another node": wish({}, "node2", "node3"),
      "no node": wish({}),
    },
  });
});
