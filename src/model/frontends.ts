import type { Service, ServicePort, ServiceSpec } from "../api/index.ts";
import { type Family, formatIp } from "../net/index.ts";
import { readAddress } from "./addresses.ts";
import { isPortNumber, quoted } from "./writable.ts";

export type FrontendKind = "ClusterIP" | "ExternalIP" | "LoadBalancerIP" | "NodePort";

/** Where clients send to. */
export interface Frontend {
  readonly kind: FrontendKind;
  /** In canonical form; undefined for a NodePort, which is on every address of the node. */
  readonly address: string | undefined;
  readonly port: number;
}

/** Why a frontend is not there as the Service asks for it. */
export interface FrontendObjection {
  /** Without an address if it is the address that is no address. */
  readonly frontend: Frontend;
  readonly why: string;
}

/** The ways in to a port, in one family. */
export function frontendsOf(service: Service, port: ServicePort, family: Family, clusterIp: string): Frontend[] {
  const at = (kind: FrontendKind, texts: readonly unknown[]): Frontend[] =>
    addressesOf(texts, family).map((address) => ({ kind, address, port: port.port }));
  return [
    { kind: "ClusterIP", address: clusterIp, port: port.port },
    ...at("ExternalIP", service.spec?.externalIPs ?? []),
    ...at("LoadBalancerIP", virtualIps(service)),
    ...(isPortNumber(port.nodePort) ? [{ kind: "NodePort" as const, address: undefined, port: port.nodePort }] : []),
  ];
}

function addressesOf(texts: readonly unknown[], family: Family): string[] {
  const own = texts.flatMap((text) => {
    const ip = readAddress(text);
    return ip?.family === family ? [formatIp(ip)] : [];
  });
  return [...new Set(own)];
}

/** Ways in that cannot be made, whatever the family: what should be an address or a port is none. */
export function brokenFrontends(service: Service, port: ServicePort): FrontendObjection[] {
  const broken = (kind: FrontendKind, texts: readonly unknown[]): FrontendObjection[] =>
    texts
      .filter((text) => text !== "" && readAddress(text) === undefined)
      .map((text) => ({
        frontend: { kind, address: undefined, port: port.port },
        why: `${quoted(text)} is no address`,
      }));
  const nodePort = port.nodePort ?? 0;
  return [
    ...broken("ClusterIP", clusterIpTexts(service.spec ?? {})),
    ...broken("ExternalIP", service.spec?.externalIPs ?? []),
    ...broken("LoadBalancerIP", virtualIps(service)),
    ...(nodePort === 0 || isPortNumber(nodePort)
      ? []
      : [
          {
            frontend: { kind: "NodePort" as const, address: undefined, port: 0 },
            why: `node port ${quoted(nodePort)} is no port number`,
          },
        ]),
  ];
}

/** One for each family that the Service has, IPv4 before IPv6. */
export function clusterIps(spec: ServiceSpec): ReadonlyMap<Family, string> {
  const wanted: ReadonlySet<string> = new Set(spec.ipFamilies ?? []);
  const found = new Map<Family, string>();
  for (const text of clusterIpTexts(spec)) {
    const ip = readAddress(text);
    if (ip !== undefined && (wanted.size === 0 || wanted.has(ip.family)) && !found.has(ip.family))
      found.set(ip.family, formatIp(ip));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function clusterIpTexts({ clusterIP, clusterIPs }: ServiceSpec): unknown[] {
  return [...new Set([...(clusterIPs ?? []), clusterIP ?? ""])];
}

/** Ingress addresses that nodes answer themselves; `ipMode: Proxy` means that the load balancer is elsewhere (KEP-1860). */
function virtualIps(service: Service): readonly unknown[] {
  return (service.status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode }) => (ipMode ?? "VIP") === "VIP")
    .map(({ ip }) => ip ?? "");
}
