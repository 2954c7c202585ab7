import type { EndpointSlice, Service } from "../../api/index.ts";
import { node, type SliceEndpoint } from "../../model/testing/objects.ts";
import { MemoryState } from "./state.ts";

/** A dual-stack Service of scenarios: number N has 10.96.0.N, fd00:96::N, NodePort 30000+N and VIPs of its own. */
export interface ScenarioService {
  /** By pod: `pod-1` and `pod-2` are here, `far` is not; with what its slice says of it. */
  readonly endpoints: Readonly<Partial<Record<"pod-1" | "pod-2" | "far", Omit<SliceEndpoint, "ip" | "node">>>>;
  readonly spec?: Partial<NonNullable<Service["spec"]>>;
  readonly ipMode?: "VIP" | "Proxy";
  /** Of the Service. */
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** Instead of those of its own. */
  readonly vips?: readonly string[];
}

const podNumbers = { "pod-1": "1.2", "pod-2": "1.3", far: "2.2" } as const;

export function podAddress(pod: keyof typeof podNumbers, v6: boolean): string {
  const [network = "", host = ""] = podNumbers[pod].split(".");
  return v6 ? `fd00:244:${network}::${host}` : `10.244.${network}.${host}`;
}

/** What the Services answer on, by number. */
export function frontend(kind: "ClusterIP" | "VIP" | "external IP", number: number, v6: boolean): string {
  const [v4Prefix, v6Prefix] = {
    ClusterIP: ["10.96.0.", "fd00:96::"],
    VIP: ["203.0.113.", "fd00:cb::"],
    "external IP": ["198.51.100.", "fd00:ee::"],
  }[kind];
  return `${v6 ? v6Prefix : v4Prefix}${number}`;
}

/** A cluster with these Services, numbered from 1 and each with these finalizers, as node-a sees it. */
export function scenarioCluster(services: readonly ScenarioService[], finalizers: readonly string[] = []): MemoryState {
  const state = new MemoryState();
  state.nodeObject = node("node-a");
  for (const [index, each] of services.entries()) {
    const number = index + 1;
    const key = `ns/s${number}`;
    const service = serviceOf(number, each);
    state.services.set(key, { ...service, metadata: { ...service.metadata, finalizers: [...finalizers] } });
    state.allSlices.set(
      key,
      [false, true].map((v6) => sliceOf(number, each, v6)),
    );
  }
  return state;
}

function serviceOf(number: number, { spec = {}, ipMode, annotations, labels, vips }: ScenarioService): Service {
  const both = [false, true];
  const clusterIPs = both.map((v6) => frontend("ClusterIP", number, v6));
  const ingress = vips ?? both.map((v6) => frontend("VIP", number, v6));
  return {
    metadata: {
      namespace: "ns",
      name: `s${number}`,
      uid: `s${number}`,
      ...(annotations && { annotations }),
      ...(labels && { labels }),
    },
    spec: {
      type: "LoadBalancer",
      clusterIP: clusterIPs[0] ?? "",
      clusterIPs,
      ipFamilies: ["IPv4", "IPv6"],
      externalIPs: both.map((v6) => frontend("external IP", number, v6)),
      ports: [
        { name: "tcp", port: 80, nodePort: 30000 + number, protocol: "TCP" },
        { name: "udp", port: 80, nodePort: 30000 + number, protocol: "UDP" },
      ],
      ...spec,
    },
    status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip, ...(ipMode && { ipMode }) })) } },
  };
}

function sliceOf(number: number, { endpoints }: ScenarioService, v6: boolean): EndpointSlice {
  return {
    metadata: { namespace: "ns", name: `s${number}-${v6 ? 6 : 4}` },
    addressType: v6 ? "IPv6" : "IPv4",
    ports: [
      { name: "tcp", port: 8080, protocol: "TCP" },
      { name: "udp", port: 8080, protocol: "UDP" },
    ],
    endpoints: Object.entries(endpoints).map(([pod, { ready, serving, terminating, zones }]) => ({
      addresses: [podAddress(pod as keyof typeof podNumbers, v6)],
      nodeName: pod === "far" ? "node-b" : "node-a",
      conditions: {
        ...(ready !== undefined && { ready }),
        ...(serving !== undefined && { serving }),
        ...(terminating !== undefined && { terminating }),
      },
      ...(zones !== undefined && { hints: { forZones: zones.map((zone) => ({ name: zone })) } }),
    })),
  };
}
