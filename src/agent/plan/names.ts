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

export function portChains({ name, protocol }: ProxiedPort): PortChains {
  const hash = chainName("", name + protocol.toLowerCase());
  return {
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  };
}

/** `endpoint` is `address:port`. */
export function endpointChain({ name, protocol }: ProxiedPort, endpoint: string): string {
  return chainName("KUBE-SEP-", name + protocol.toLowerCase() + endpoint);
}

/** Whether the chain belongs to one Service, so that it goes when the Service goes. */
export function isServiceChain(chain: string): boolean {
  return /^KUBE-(SVC|SVL|SEP|FW|EXT)-/.test(chain);
}
