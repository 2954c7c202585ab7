import type { EndpointSlice, Service } from "../../../api/index.ts";
import { type ProxiedService, proxiedService } from "../../../model/index.ts";
import { port, service, slice } from "../../../model/testing/objects.ts";
import type { Family } from "../../../net/index.ts";
import { chainNames, kubePrefix, type PlanConfig, planService, RulePlanner, type RuleProgram } from "../index.ts";

export const place = { name: "node-a", zone: "zone-a" } as const;

export const config: PlanConfig = {
  chains: chainNames(kubePrefix),
  localTraffic: { ifLocal: "-s 10.0.0.0/8", ifNotLocal: "! -s 10.0.0.0/8" },
  nodeIp: "192.168.0.2",
  nodePortAddresses: undefined,
  localhostNodePorts: false,
  masqueradeAll: false,
  masqueradeBit: 14,
  randomFully: true,
  dropInvalid: true,
  accounting: false,
  sessionAffinity: true,
  largeCluster: false,
};

function object(key: string, spec: Parameters<typeof service>[1], ingress: readonly string[] = []): Service {
  const [namespace = "", name = ""] = key.split("/");
  return service(`${namespace}/${name}`, spec, ingress);
}

function endpoints(...list: Parameters<typeof slice>[2]): EndpointSlice[] {
  return [slice("slice", [{ name: "p80", port: 80 }], list)];
}

/** A Service of each kind, with the names and addresses of kube-proxy's own fixture. */
export const fixture: readonly (readonly [Service, readonly EndpointSlice[]])[] = [
  [object("ns1/svc1", { clusterIP: "172.30.0.41", ports: [port("p80", 80)] }), endpoints({ ip: "10.180.0.1" })],
  [
    object(
      "ns2/svc2",
      {
        type: "LoadBalancer",
        clusterIP: "172.30.0.42",
        externalTrafficPolicy: "Local",
        externalIPs: ["192.168.99.22"],
        healthCheckNodePort: 30000,
        ports: [port("p80", 80, { nodePort: 3001 })],
      },
      ["1.2.3.4"],
    ),
    endpoints({ ip: "10.180.0.2", node: "node-b" }),
  ],
  [
    object("ns3/svc3", { type: "NodePort", clusterIP: "172.30.0.43", ports: [port("p80", 80, { nodePort: 3003 })] }),
    endpoints({ ip: "10.180.0.3" }),
  ],
  [
    object("ns4/svc4", {
      type: "NodePort",
      clusterIP: "172.30.0.44",
      externalIPs: ["192.168.99.33"],
      ports: [port("p80", 80, { nodePort: 3004 })],
    }),
    endpoints({ ip: "10.180.0.4" }, { ip: "10.180.0.5", node: "node-a" }),
  ],
  [
    object(
      "ns5/svc5",
      {
        type: "LoadBalancer",
        clusterIP: "172.30.0.45",
        sessionAffinity: "ClientIP",
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
        loadBalancerSourceRanges: [" 203.0.113.0/25", "192.168.0.0/24"],
        ports: [port("p80", 80, { nodePort: 3002 })],
      },
      ["5.6.7.8"],
    ),
    endpoints({ ip: "10.180.0.3" }, { ip: "10.180.0.6" }),
  ],
  [
    object(
      "ns6/svc6",
      { type: "LoadBalancer", clusterIP: "172.30.0.46", ports: [port("p80", 80, { nodePort: 3006 })] },
      ["9.10.11.12"],
    ),
    [],
  ],
  [
    object("ns7/svc7", { clusterIP: "172.30.0.47", internalTrafficPolicy: "Local", ports: [port("p80", 80)] }),
    endpoints({ ip: "10.180.0.7", node: "node-b" }),
  ],
  [
    object("ns8/svc8", {
      type: "NodePort",
      clusterIP: "172.30.0.48",
      externalTrafficPolicy: "Local",
      ports: [port("p80", 80, { nodePort: 3008 })],
    }),
    endpoints({ ip: "10.180.0.8", node: "node-a" }, { ip: "10.180.0.9", node: "node-b" }),
  ],
];

export function proxied([object, slices]: (typeof fixture)[number]): ProxiedService {
  const service = proxiedService(object, slices, place);
  if (service === undefined) throw new Error(`${object.metadata.name} is not proxied`);
  return service;
}

export function programOf(
  services: readonly ProxiedService[],
  family: Family = "IPv4",
  own: PlanConfig = config,
): RuleProgram {
  const planner = new RulePlanner(family, own);
  for (const { key, ports } of services)
    planner.set(
      key,
      planService(
        ports.filter((p) => p.family === family),
        own,
      ),
    );
  return planner.program();
}
