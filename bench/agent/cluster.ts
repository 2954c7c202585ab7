// Services as a large cluster has them: a ClusterIP, one port and five endpoints each.

import { MemoryState } from "../../src/agent/testing/state.ts";
import type { EndpointSlice, Service } from "../../src/api/index.ts";

const endpointsPerService = 5;

/** A cluster of `count` Services, its objects as they come from the wire. */
export function cluster(count: number): MemoryState {
  const state = new MemoryState();
  for (let i = 0; i < count; i++) {
    const key = keyOf(i);
    state.services.set(key, fromWire(service(i)));
    state.allSlices.set(key, [slice(i, 0)]);
  }
  return state;
}

export function keyOf(i: number): string {
  return `namespace-${i % 100}/service-${i}`;
}

function service(i: number): Service {
  const [namespace, name] = keyOf(i).split("/");
  const clusterIP = `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
  return {
    metadata: {
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      uid: `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`,
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
    spec: {
      type: "ClusterIP",
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ["IPv4"],
      internalTrafficPolicy: "Cluster",
      sessionAffinity: "None",
      ports: [{ name: "http", port: 80, protocol: "TCP" }],
    },
  };
}

/** The slice of a Service; another `generation` has another first endpoint. */
export function slice(i: number, generation: number): EndpointSlice {
  const [namespace, name] = keyOf(i).split("/");
  return fromWire({
    metadata: {
      ...(namespace !== undefined && { namespace }),
      name: `service-${i}-abcde`,
      labels: { "kubernetes.io/service-name": name ?? "" },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080, protocol: "TCP" }],
    endpoints: Array.from({ length: endpointsPerService }, (_, n) => {
      const pod = i * endpointsPerService + n;
      const third = n === 0 ? (pod + generation) & 255 : pod & 255;
      return {
        addresses: [`10.${128 + (pod >> 16)}.${(pod >> 8) & 255}.${third}`],
        conditions: { ready: true, serving: true, terminating: false },
        nodeName: `node-${pod % 100}`,
      };
    }),
  });
}

function fromWire<T>(object: T): T {
  return JSON.parse(JSON.stringify(object)) as T;
}
