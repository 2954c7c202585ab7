import { namespaces } from "./objects.ts";
import type { Operation } from "./operations.ts";

type Request = Operation & { readonly kind: "request" };

const [namespace] = namespaces;
const addresses = { IPv4: "10.96.0.250", IPv6: "fd00:96::fa" };
const endpoints = { IPv4: "10.244.250.1", IPv6: "fd00:244:0:fa::1" };
const families = ["IPv4", "IPv6"] as const;
const servicePath = `/api/v1/namespaces/${namespace}/services`;
const slicePath = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`;

/** A port that no other Service uses, another one in each round. */
function portOf(round: number): number {
  return 10_000 + (round % 10_000);
}

function servicePorts(round: number): object[] {
  return [{ name: "round", port: portOf(round), targetPort: portOf(round) }];
}

function slicePorts(round: number): object[] {
  return [{ name: "round", port: portOf(round), protocol: "TCP" }];
}

/** A dual-stack Service whose port tells the round. */
export const sentinel: readonly Request[] = [
  {
    kind: "request",
    method: "POST",
    path: servicePath,
    body: {
      metadata: { name: "sentinel" },
      spec: {
        ipFamilyPolicy: "RequireDualStack",
        ipFamilies: families,
        clusterIP: addresses.IPv4,
        clusterIPs: families.map((family) => addresses[family]),
        ports: servicePorts(0),
      },
    },
  },
  ...families.map(
    (addressType): Request => ({
      kind: "request",
      method: "POST",
      path: slicePath,
      body: {
        metadata: {
          name: `sentinel-${addressType.toLowerCase()}`,
          labels: { "kubernetes.io/service-name": "sentinel" },
        },
        addressType,
        ports: slicePorts(0),
        endpoints: [{ addresses: [endpoints[addressType]] }],
      },
    }),
  ),
];

/** The last writes of a round: what kube-proxy hears of after these it has not heard of before. */
export function advanceSentinel(round: number): readonly Request[] {
  return [
    {
      kind: "request",
      method: "PATCH",
      path: `${servicePath}/sentinel`,
      body: { spec: { ports: servicePorts(round) } },
    },
    ...families.map(
      (family): Request => ({
        kind: "request",
        method: "PATCH",
        path: `${slicePath}/sentinel-${family.toLowerCase()}`,
        body: { ports: slicePorts(round) },
      }),
    ),
  ];
}

/** Whether the rules know the last writes of the round: Service and endpoint, in both families. */
export function hasSentinel(rules: string, round: number): boolean {
  const port = portOf(round);
  return families.every((family) => {
    const bits = family === "IPv4" ? 32 : 128;
    const to = family === "IPv4" ? endpoints.IPv4 : `[${endpoints.IPv6}]`;
    const service = new RegExp(`^-A KUBE-SERVICES -d ${addresses[family]}/${bits} .*--dport ${port} `, "m");
    return service.test(rules) && rules.includes(`--to-destination ${to}:${port}\n`);
  });
}
