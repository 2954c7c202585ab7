import { annotations, type Scheme } from "../../src/api/index.ts";
import type { DesiredLoadBalancer } from "../../src/model/index.ts";
import type { Issue } from "../../src/provider/index.ts";
import type { Tier } from "./resources.ts";

/** What a Service asks of this provider beyond what all providers understand. */
export interface Options {
  readonly scheme: Scheme;
  /** Undefined: as it is, and Premium for what is made anew. */
  readonly tier: Tier | undefined;
  /** The name of the subnetwork; undefined: that of the nodes. */
  readonly subnet: string | undefined;
  readonly globalAccess: boolean;
  /** Names of addresses that the user reserved, at most one per family. */
  readonly addressNames: readonly string[];
  /** Nodes get traffic by the number of their endpoints. */
  readonly weighted: boolean;
  readonly drainSeconds: number;
  readonly issues: readonly Issue[];
}

/** Google's own keys. */
const googleKeys = {
  type: ["networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type"],
  tier: ["cloud.google.com/network-tier"],
  subnet: ["networking.gke.io/load-balancer-subnet", "networking.gke.io/internal-load-balancer-subnet"],
  globalAccess: ["networking.gke.io/internal-load-balancer-allow-global-access"],
  addressNames: ["networking.gke.io/load-balancer-ip-addresses"],
  weighted: ["networking.gke.io/weighted-load-balancing"],
} as const;

type OwnKey = "networkTier" | "subnet" | "globalAccess" | "addressNames" | "weightedNodes" | "drainSeconds";
const own: Pick<typeof annotations, OwnKey> = annotations;

/** What is read of a Service, the first that is there: ours before Google's of the same meaning. */
const keys = {
  type: googleKeys.type,
  tier: [own.networkTier, ...googleKeys.tier],
  subnet: [own.subnet, ...googleKeys.subnet],
  globalAccess: [own.globalAccess, ...googleKeys.globalAccess],
  addressNames: [own.addressNames, ...googleKeys.addressNames],
  anyWeights: [own.weightedNodes, ...googleKeys.weighted],
};

/** What GKE does at these keys and this provider does not. */
const unsupportedKeys = {
  "networking.gke.io/l4-strong-session-affinity": "strong session affinity",
  "networking.gke.io/ip-collection-v6": "addresses of a prefix of one's own",
  "networking.gke.io/l4lb-config": "logging of connections",
} as const;

/** Every annotation of which this provider says something. */
export type Key =
  | (typeof annotations)[OwnKey]
  | (typeof googleKeys)[keyof typeof googleKeys][number]
  | keyof typeof unsupportedKeys;

/** As long as GKE lets TCP connections go on; nothing else has connections that end. */
const defaultDrainSeconds = 30;
const maxDrainSeconds = 3600;
/** What API servers fill in where nobody asked for a time. */
const defaultAffinitySeconds = 10_800;
const maxAddressNames = 2;
const resourceName = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** What cannot be read counts as its default, and is an issue. */
export function optionsOf(lb: DesiredLoadBalancer): Options {
  const reader = new Reader(lb.annotations);
  const options = {
    scheme: schemeOf(lb, reader),
    tier: reader.choice(keys.tier, tiers),
    subnet: reader.names(keys.subnet, 1)[0],
    globalAccess: reader.choice(keys.globalAccess, booleans) ?? false,
    addressNames: reader.names(keys.addressNames, maxAddressNames),
    weighted: weightedOf(lb, reader),
    drainSeconds: drainSecondsOf(lb, reader),
  };
  nameUseless(lb, options, reader);
  return { ...options, issues: reader.issues };
}

const tiers = { Premium: "PREMIUM", Standard: "STANDARD" } as const;
const booleans = { true: true, false: false } as const;
const types = { Internal: "internal", internal: "internal", External: "internet-facing" } as const;
const googleWeights = { "pods-per-node": true } as const;

/** The scheme is the model's to read, and may be the class's decision: Google's key has a say only where nobody else has. */
function schemeOf({ scheme }: DesiredLoadBalancer, reader: Reader): Scheme {
  const asked = reader.choice(keys.type, types);
  if (scheme === undefined || asked === undefined || asked === scheme) return scheme ?? asked ?? "internet-facing";
  const key = reader.keyOf(keys.type);
  reader.degrade(
    key,
    "ConflictingScheme",
    `${annotations.scheme} or the class says ${scheme}, which counts; remove this`,
  );
  return scheme;
}

function weightedOf({ externalTrafficPolicy }: DesiredLoadBalancer, reader: Reader): boolean {
  const ours = reader.choice([own.weightedNodes], booleans);
  const weighted = ours ?? reader.choice(googleKeys.weighted, googleWeights) ?? false;
  if (!weighted || externalTrafficPolicy === "Local") return weighted;
  const key = reader.keyOf(keys.anyWeights);
  const message = "nodes have weights with externalTrafficPolicy Local only; set it, or remove this";
  reader.degrade(key, "WeightsNotSupported", message);
  return false;
}

function drainSecondsOf({ ports }: DesiredLoadBalancer, reader: Reader): number {
  const asked = reader.wholeNumber(own.drainSeconds, maxDrainSeconds);
  if (asked !== undefined) return asked;
  return ports.every(({ protocol }) => protocol === "TCP") ? defaultDrainSeconds : 0;
}

type Known = Omit<Options, "issues">;

/** What is right in itself and means nothing, or cannot be, with the rest of what is asked for. */
function nameUseless(lb: DesiredLoadBalancer, options: Known, reader: Reader): void {
  const { scheme, tier, subnet, globalAccess, addressNames } = options;
  const tierKey = reader.keyOf(keys.tier);
  const isInternal = scheme === "internal";
  if (isInternal && tierKey !== "") reader.useless(tierKey, "an internal load balancer has no network tier");
  if (!isInternal && globalAccess) reader.useless(reader.keyOf(keys.globalAccess), "every region reaches it anyway");
  if (!isInternal && subnet !== undefined && !lb.families.includes("IPv6"))
    reader.useless(reader.keyOf(keys.subnet), "an external IPv4 address is in no subnetwork");
  if (!isInternal && tier === "STANDARD" && lb.families.includes("IPv6"))
    reader.refuse(tierKey, "TierNotSupported", "external IPv6 addresses are of tier Premium only; give Premium");
  if (addressNames.length > 0 && lb.requestedAddresses.length > 0) {
    const message = `this counts, not spec.loadBalancerIP or ${annotations.loadBalancerIps}; remove one of them`;
    reader.degrade(reader.keyOf(keys.addressNames), "MixedStaticIP", message);
  }
  reader.nameUnsupported();
  if (lb.sessionAffinity.kind === "ClientIP" && lb.sessionAffinity.timeoutSeconds !== defaultAffinitySeconds)
    reader.issues.push({
      path: "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
      severity: "degrade",
      reason: "AffinityTimeoutIgnored",
      message: "Google Cloud keeps a client on its node by its address alone, for no set time; remove it",
    });
}

/** Reads annotations by the first of several keys that is there. */
class Reader {
  readonly issues: Issue[] = [];
  readonly #found: Readonly<Record<string, string>>;

  constructor(found: Readonly<Record<string, string>>) {
    this.#found = found;
  }

  /** The key that counts; empty when none is there. */
  keyOf(keys: readonly string[]): string {
    return keys.find((key) => this.#found[key] !== undefined) ?? "";
  }

  choice<T>(keys: readonly string[], values: Readonly<Record<string, T>>): T | undefined {
    const key = this.keyOf(keys);
    const text = this.#found[key];
    if (text === undefined) return undefined;
    if (Object.hasOwn(values, text)) return values[text];
    this.refuse(
      key,
      "InvalidAnnotation",
      `${JSON.stringify(text)} is unknown; give ${Object.keys(values).join(" or ")}`,
    );
    return undefined;
  }

  /** Names of resources of Google Cloud, separated by commas. */
  names(keys: readonly string[], max: number): readonly string[] {
    const key = this.keyOf(keys);
    const text = this.#found[key];
    if (text === undefined) return [];
    const names = text.split(",").map((name) => name.trim());
    const wrong = names.find((name) => !resourceName.test(name));
    if (wrong !== undefined) {
      const message = `${JSON.stringify(wrong)} is no name of a resource; give lower-case letters, digits and dashes, a letter first, at most 63`;
      this.refuse(key, "InvalidAnnotation", message);
      return [];
    }
    if (names.length <= max) return names;
    this.refuse(key, "InvalidAnnotation", `${JSON.stringify(text)} has ${names.length} names; give at most ${max}`);
    return [];
  }

  wholeNumber(key: string, max: number): number | undefined {
    const text = this.#found[key];
    if (text === undefined) return undefined;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value <= max) return value;
    const message = `${JSON.stringify(text)} is no whole number from 0 to ${max}; give one`;
    this.refuse(key, "InvalidAnnotation", message);
    return undefined;
  }

  nameUnsupported(): void {
    for (const [key, what] of Object.entries(unsupportedKeys))
      if (this.#found[key] !== undefined)
        this.degrade(key, "AnnotationNotSupported", `Berth has no ${what}; remove it, or use GKE's own class`);
  }

  useless(key: string, why: string): void {
    this.degrade(key, "AnnotationIgnored", `${JSON.stringify(this.#found[key])} changes nothing, as ${why}; remove it`);
  }

  refuse(key: string, reason: string, message: string): void {
    this.issues.push({ path: pathOf(key), severity: "refuse", reason, message });
  }

  degrade(key: string, reason: string, message: string): void {
    this.issues.push({ path: pathOf(key), severity: "degrade", reason, message });
  }
}

function pathOf(key: string): string {
  return `metadata.annotations[${key}]`;
}
