// One Service as it is before and after each change that is measured, and the machines of its nodes.
import { machines as fewMachines, nodes as fewNodes, wishOf } from "../../providers/gcp/testing/cloud.ts";
import { cidr, node, tcp, udp } from "../../providers/gcp/testing/values.ts";
import type { Machine } from "../../sandbox/gce/index.ts";
import type { NodeTarget } from "../../src/model/index.ts";
import type { ServiceDesired } from "../../src/provider/testing/conformance.ts";

/** Three machines in three zones, and 250 more in the same ones. */
export const machines: readonly Machine[] = [
  ...fewMachines.slice(1),
  ...["d", ...Array.from({ length: 250 }, (_, i) => zoneOf(i))].map((zone, i) => ({
    name: `many${i}`,
    zone: `europe-west1-${zone}`,
    address: addressOf(i),
    subnetwork: "nodes",
  })),
];

const all: readonly NodeTarget[] = [
  ...fewNodes.slice(1),
  ...["d", ...Array.from({ length: 250 }, (_, i) => zoneOf(i))].map((zone, i) => node(`many${i}`, zone, addressOf(i))),
];
const few = all.slice(0, 3);

/** One Service, on three nodes in three zones. */
export function wish(changes: Parameters<typeof wishOf>[0] = {}, nodes: readonly NodeTarget[] = few): ServiceDesired {
  return wishOf(changes, nodes);
}

export interface Change {
  readonly from: ServiceDesired | null;
  readonly to: ServiceDesired | null;
  /** It is asked for by what Google Cloud cannot change without another address. */
  readonly replaces?: boolean;
}

const inside = { scheme: "internal" } as const;
const local = { externalTrafficPolicy: "Local" } as const;

/** The rows of the update matrix. */
export const changes: Readonly<Record<string, Change>> = {
  "create, outside": { from: null, to: wish() },
  "create, inside": { from: null, to: wish(inside) },
  "create, both families and protocols, Local": {
    from: null,
    to: wish({ families: ["IPv4", "IPv6"], ports: [tcp(80), udp(53)], ...local }),
  },
  "another port": { from: wish(), to: wish({ ports: [tcp(81)] }) },
  "from five ports to six": {
    from: wish({ ports: [1, 2, 3, 4, 5].map(tcp) }),
    to: wish({ ports: [1, 2, 3, 4, 5, 6].map(tcp) }),
  },
  "TCP to UDP": { from: wish(), to: wish({ ports: [udp(80)] }) },
  "TCP to both": { from: wish(), to: wish({ ports: [tcp(80), udp(80)] }) },
  "TCP to both, inside": { from: wish(inside), to: wish({ ...inside, ports: [tcp(80), udp(80)] }) },
  "policy Cluster to Local": { from: wish(), to: wish(local) },
  "policy Local to Cluster": { from: wish(local), to: wish() },
  "source ranges": { from: wish(), to: wish({ sourceRanges: [cidr("192.0.2.0/24")] }) },
  "session affinity": { from: wish(), to: wish({ sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } }) },
  "connection draining": { from: wish(), to: wish({ annotations: { "berth.dev/drain-seconds": "77" } }) },
  "global access": { from: wish(inside), to: wish({ ...inside, annotations: { "berth.dev/global-access": "true" } }) },
  "another family as well": { from: wish(), to: wish({ families: ["IPv4", "IPv6"] }) },
  "250 nodes more": { from: wish(), to: wish({}, all) },
  "250 nodes less": { from: wish({}, all), to: wish() },
  "another tier": {
    from: wish(),
    to: wish({ annotations: { "cloud.google.com/network-tier": "Standard" } }),
    replaces: true,
  },
  "outside to inside": { from: wish(), to: wish(inside), replaces: true },
  "another subnetwork, inside": {
    from: wish(inside),
    to: wish({ ...inside, annotations: { "berth.dev/subnet": "other" } }),
    replaces: true,
  },
  delete: { from: wish(), to: null },
};

function zoneOf(i: number): string {
  return ["b", "c", "d"][i % 3] ?? "b";
}

function addressOf(i: number): string {
  return `10.1.${Math.floor(i / 200)}.${(i % 200) + 1}`;
}
