import { createHash } from "node:crypto";
import type { LbIdentity } from "../../src/model/index.ts";
import type { Family } from "../../src/net/index.ts";

/** As long as a resource's name may be. */
const maxLength = 63;
/** As long as what `withSuffix` adds is at most: `-fw-health-v6`, `-address-v6-0123`. */
const maxSuffix = 16;
const hashLength = 10;
const prefix = "berth";
/** How all names of ours begin. */
export const anyBaseName: string = `${prefix}-`;

/**
 * How everything that belongs to one load balancer begins. The hash is over the whole identity, so a Service that is
 * deleted and made again does not meet what is left of the one before.
 */
export function baseName({ clusterId, uid, namespace, name }: LbIdentity): string {
  const hash = hashOf(clusterId, namespace, name, uid);
  const room = maxLength - maxSuffix - prefix.length - hash.length - 3;
  const half = Math.floor(room / 2);
  const first = namespace.slice(0, Math.max(half, room - name.length));
  const second = name.slice(0, room - first.length);
  return [prefix, first, second, hash].map((part) => part.replace(/^-+|-+$/g, "")).join("-");
}

/** How what all load balancers of a cluster share begins. */
export function sharedBaseName(clusterId: string): string {
  return `${prefix}-${hashOf(clusterId)}`;
}

/** Whether a name is that of a part of what this base is the name of. */
export function isNamed(base: string, name: string): boolean {
  return name === base || name.startsWith(`${base}-`);
}

export type RuleProtocol = "TCP" | "UDP" | "L3_DEFAULT";

export function ruleName(base: string, protocol: RuleProtocol, family: Family): string {
  return `${base}-${protocol === "L3_DEFAULT" ? "l3" : protocol.toLowerCase()}-${familyText[family]}`;
}

/** Addresses that differ in what cannot be changed have different names: the new one is there before the old one goes. */
export function addressName(base: string, family: Family, wish: readonly string[]): string {
  return `${base}-address-${familyText[family]}-${hashOf(...wish).slice(0, 4)}`;
}

export type FirewallUse = "allow" | "deny" | "health";

export function firewallName(base: string, use: FirewallUse, family: Family): string {
  return `${base}-fw-${use}-${familyText[family]}`;
}

/** The groups of whole machines, one per zone, all called so. */
export function instanceGroupName(base: string): string {
  return `${base}-nodes`;
}

const familyText: Readonly<Record<Family, string>> = { IPv4: "v4", IPv6: "v6" };

function hashOf(...parts: readonly string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return digest.slice(0, hashLength);
}
