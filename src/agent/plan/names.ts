import { hash } from "node:crypto";
import type { ProxiedPort } from "../../model/index.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/**
 * `prefix` and the first 16 characters of the base32 text of a SHA-256: how kube-proxy names chains. Joined, as a
 * concatenation of more than 12 characters would keep its parts in memory for as long as there is the chain.
 */
export function chainName(prefix: string, text: string): string {
  const hex = hash("sha256", text, "hex");
  return [prefix, base32(hex, 0), base32(hex, 5), base32(hex, 10), base32(hex, 15)].join("");
}

/** Four characters for the five hexadecimal digits at `index`. */
function base32(hex: string, index: number): string {
  const bits = Number.parseInt(hex.slice(index, index + 5), 16);
  return `${alphabet[bits >> 15]}${alphabet[(bits >> 10) & 31]}${alphabet[(bits >> 5) & 31]}${alphabet[bits & 31]}`;
}

/** What the names of kube-proxy's chains begin with. */
export const kubePrefix = "KUBE";

/**
 * Names of the chains of one proxy. Two proxies on a node need names of their own: each takes chains of a Service that
 * it does not know for left-overs. `KUBE-FIREWALL` is not among them: kubelet and every proxy write the same into it.
 */
export interface ChainNames {
  readonly prefix: string;
  /** What comes before the hash in names of chains of one Service. */
  readonly cluster: string;
  readonly local: string;
  readonly external: string;
  readonly firewall: string;
  readonly endpoint: string;
  /** Chains that all Services share; there may be one of each name in several tables. */
  readonly services: string;
  readonly nodePorts: string;
  readonly externalServices: string;
  readonly proxyFirewall: string;
  readonly forward: string;
  readonly postrouting: string;
  readonly markMasq: string;
  readonly canary: string;
  /** Those in which Services have rows, with their table. */
  readonly dispatch: {
    readonly natServices: SharedChain;
    readonly natNodePorts: SharedChain;
    readonly filterServices: SharedChain;
    readonly filterExternalServices: SharedChain;
    readonly filterNodePorts: SharedChain;
    readonly filterProxyFirewall: SharedChain;
  };
}

/** A chain in which Services have rows, with its table. */
export type SharedChain = `${"nat" | "filter"} ${string}`;

/** The one place where chains get their names. `prefix`: as `isChainPrefix` wants it. */
export function chainNames(prefix: string): ChainNames {
  const [services, nodePorts] = [`${prefix}-SERVICES`, `${prefix}-NODEPORTS`];
  const [externalServices, proxyFirewall] = [`${prefix}-EXTERNAL-SERVICES`, `${prefix}-PROXY-FIREWALL`];
  return {
    prefix,
    cluster: `${prefix}-SVC-`,
    local: `${prefix}-SVL-`,
    external: `${prefix}-EXT-`,
    firewall: `${prefix}-FW-`,
    endpoint: `${prefix}-SEP-`,
    services,
    nodePorts,
    externalServices,
    proxyFirewall,
    forward: `${prefix}-FORWARD`,
    postrouting: `${prefix}-POSTROUTING`,
    markMasq: `${prefix}-MARK-MASQ`,
    canary: `${prefix}-PROXY-CANARY`,
    dispatch: {
      natServices: `nat ${services}`,
      natNodePorts: `nat ${nodePorts}`,
      filterServices: `filter ${services}`,
      filterExternalServices: `filter ${externalServices}`,
      filterNodePorts: `filter ${nodePorts}`,
      filterProxyFirewall: `filter ${proxyFirewall}`,
    },
  };
}

/** iptables takes names of 28 characters, and the longest of ours has 21 behind the prefix (`-SVC-` and the hash). */
export const maxChainPrefix = 7;

/** The CNI plug-ins have a chain `CNI-FORWARD` of their own, and Docker has `DOCKER-FORWARD`. */
const othersPrefixes: readonly string[] = ["CNI", "DOCKER"];

export function isChainPrefix(text: string): boolean {
  return /^[A-Z]+$/.test(text) && text.length <= maxChainPrefix && !othersPrefixes.includes(text);
}

export interface PortChains {
  /** To any endpoint. */
  readonly cluster: string;
  /** To endpoints on this node. */
  readonly local: string;
  /** Traffic from outside. */
  readonly external: string;
  /** Traffic from outside that source ranges filter. */
  readonly firewall: string;
}

export function portChains({ name, protocol }: ProxiedPort, names: ChainNames): PortChains {
  const hash = chainName("", name + protocol.toLowerCase());
  return {
    cluster: names.cluster + hash,
    local: names.local + hash,
    external: names.external + hash,
    firewall: names.firewall + hash,
  };
}

/** `endpoint` is `address:port`. */
export function endpointChain({ name, protocol }: ProxiedPort, endpoint: string, names: ChainNames): string {
  return chainName(names.endpoint, name + protocol.toLowerCase() + endpoint);
}

/** Whether the chain belongs to one Service of this proxy, so that it goes when the Service goes. */
export function isServiceChain(chain: string, names: ChainNames): boolean {
  return (
    chain.startsWith(names.endpoint) ||
    chain.startsWith(names.cluster) ||
    chain.startsWith(names.local) ||
    chain.startsWith(names.external) ||
    chain.startsWith(names.firewall)
  );
}
