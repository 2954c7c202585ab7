import { readFileSync } from "node:fs";
import type { Service } from "../../src/api/index.ts";
import { type Family, parseIp } from "../../src/net/index.ts";
import type { ServiceAddresses } from "./addresses.ts";
import { type KubeObject, storageKey } from "./object.ts";
import type { Registry } from "./registry.ts";
import type { ResourceType } from "./resource-type.ts";
import { endpointIpErrors } from "./words.ts";

const namespaces = ["default", "kube-node-lease", "kube-public", "kube-system"];
const options = { dryRun: false, fieldValidation: "Strict", warn: () => undefined } as const;

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What a real API server starts with, as far as it concerns every user: `hack/openapi.ts` took it from one. */
const roles = JSON.parse(
  readFileSync(new URL("access/bootstrap.json", import.meta.url), "utf8"),
) as readonly KubeObject[];

/** Makes what every cluster has from its start: namespaces, roles, and `kubernetes` in the first of the namespaces. */
export function bootstrap(
  registry: Registry,
  types: readonly ResourceType[],
  addresses: ServiceAddresses,
  endpoint: Endpoint,
): void {
  const type = (kind: string): ResourceType => {
    const found = types.find((each) => each.kind === kind);
    if (found === undefined) throw new Error(`no type ${kind}`);
    return found;
  };
  for (const name of namespaces)
    if (registry.store.get("namespaces", storageKey(undefined, name)) === undefined)
      registry.create(type("Namespace"), undefined, { metadata: { name } }, options);
  for (const role of roles) {
    const { collection } = type(role.kind);
    if (registry.store.get(collection, storageKey(undefined, role.metadata.name ?? "")) === undefined)
      registry.create(type(role.kind), undefined, role, options);
  }
  const key = storageKey("default", "kubernetes");
  if (registry.store.get("services", key) === undefined)
    registry.create(type("Service"), "default", kubernetesService(addresses), options);
  const slice = kubernetesSlice(endpoint);
  if (registry.store.get("endpointslices", key) === undefined)
    registry.create(type("EndpointSlice"), "default", slice, options);
  else registry.update(type("EndpointSlice"), "default", "kubernetes", slice, "object", options);
  const endpoints = kubernetesEndpoints(endpoint);
  registry.update(type("Endpoints"), "default", "kubernetes", endpoints, "object", options);
}

const labels = { component: "apiserver", provider: "kubernetes" };

function kubernetesService(addresses: ServiceAddresses): object {
  const clusterIP = addresses.firstAddress(addresses.defaultFamily);
  const spec: Service["spec"] = {
    type: "ClusterIP",
    ...(clusterIP === undefined ? {} : { clusterIP }),
    ipFamilyPolicy: "SingleStack",
    ports: [{ name: "https", protocol: "TCP", port: 443 }],
  };
  // The target port is the one that the server listens on first; clients reach it through the endpoints.
  return { metadata: { name: "kubernetes", labels }, spec };
}

/** A loopback address means another host to everyone who reads it, so the API has it in no endpoint. */
function isReachable(address: string): boolean {
  return endpointIpErrors(address).length === 0;
}

function kubernetesSlice({ address, port }: Endpoint): object {
  const family: Family = parseIp(address)?.family ?? "IPv4";
  return {
    metadata: { name: "kubernetes", labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: family,
    endpoints: isReachable(address) ? [{ addresses: [address], conditions: { ready: true } }] : [],
    ports: [{ name: "https", port, protocol: "TCP" }],
  };
}

function kubernetesEndpoints({ address, port }: Endpoint): object {
  return {
    metadata: { name: "kubernetes", labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: isReachable(address)
      ? [{ addresses: [{ ip: address }], ports: [{ name: "https", port, protocol: "TCP" }] }]
      : [],
  };
}
