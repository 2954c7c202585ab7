import { createHash } from "node:crypto";
import type { ProxiedPort } from "../../model/index.ts";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The first 16 characters of the base32 text of a SHA-256: what kube-proxy puts behind a chain's prefix. */
export function chainHash(text: string): string {
  const digest = createHash("sha256").update(text).digest();
  const bits = BigInt(`0x${digest.subarray(0, 10).toString("hex")}`);
  return Array.from({ length: 16 }, (_, i) => alphabet[Number((bits >> BigInt(75 - 5 * i)) & 31n)]).join("");
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
  const hash = chainHash(name + protocol.toLowerCase());
  return {
    cluster: `KUBE-SVC-${hash}`,
    local: `KUBE-SVL-${hash}`,
    external: `KUBE-EXT-${hash}`,
    firewall: `KUBE-FW-${hash}`,
  };
}

/** `endpoint` is `address:port`. */
export function endpointChain({ name, protocol }: ProxiedPort, endpoint: string): string {
  return `KUBE-SEP-${chainHash(name + protocol.toLowerCase() + endpoint)}`;
}

/** Whether the chain belongs to one Service, so that it goes when the Service goes. */
export function isServiceChain(chain: string): boolean {
  return /^KUBE-(SVC|SVL|SEP|FW|EXT)-/.test(chain);
}
