import { expect, it } from "vitest";
import { type Options, optionsOf } from "./schema.ts";
import { desiredLb, ip, tcp, udp } from "./testing/values.ts";

const plain: Options = {
  scheme: "internet-facing",
  tier: undefined,
  subnet: undefined,
  globalAccess: false,
  addressNames: [],
  weighted: false,
  drainSeconds: 30,
  issues: [],
};

const internal = { "networking.gke.io/load-balancer-type": "Internal" };
const local = { externalTrafficPolicy: "Local" } as const;

it.each<[string, Readonly<Record<string, string>>, Partial<Options>, Parameters<typeof desiredLb>[0]?]>([
  ["nothing", {}, {}],
  ["GKE's type", internal, { scheme: "internal" }],
  ["GKE's older type", { "cloud.google.com/load-balancer-type": "internal" }, { scheme: "internal" }],
  ["GKE's external type", { "networking.gke.io/load-balancer-type": "External" }, {}],
  ["our scheme", {}, { scheme: "internal" }, { scheme: "internal" }],
  ["our tier", { "berth.dev/network-tier": "Standard" }, { tier: "STANDARD" }],
  ["Google's tier", { "cloud.google.com/network-tier": "Standard" }, { tier: "STANDARD" }],
  [
    "both, ours first",
    { "cloud.google.com/network-tier": "Standard", "berth.dev/network-tier": "Premium" },
    { tier: "PREMIUM" },
  ],
  ["our subnet", { ...internal, "berth.dev/subnet": "lbs" }, { scheme: "internal", subnet: "lbs" }],
  [
    "GKE's subnet",
    { ...internal, "networking.gke.io/internal-load-balancer-subnet": "lbs" },
    { scheme: "internal", subnet: "lbs" },
  ],
  [
    "GKE's newer subnet before its older one",
    {
      ...internal,
      "networking.gke.io/internal-load-balancer-subnet": "old",
      "networking.gke.io/load-balancer-subnet": "new",
    },
    { scheme: "internal", subnet: "new" },
  ],
  ["our global access", { ...internal, "berth.dev/global-access": "true" }, { scheme: "internal", globalAccess: true }],
  [
    "GKE's global access",
    { ...internal, "networking.gke.io/internal-load-balancer-allow-global-access": "true" },
    { scheme: "internal", globalAccess: true },
  ],
  ["our addresses", { "berth.dev/address-names": "web-4, web-6" }, { addressNames: ["web-4", "web-6"] }],
  ["GKE's addresses", { "networking.gke.io/load-balancer-ip-addresses": "web" }, { addressNames: ["web"] }],
  ["our weights", { "berth.dev/weighted-nodes": "true" }, { weighted: true }, local],
  ["GKE's weights", { "networking.gke.io/weighted-load-balancing": "pods-per-node" }, { weighted: true }, local],
  ["a drain time", { "berth.dev/drain-seconds": "3600" }, { drainSeconds: 3600 }],
  ["UDP, which has nothing to drain", {}, { drainSeconds: 0 }, { ports: [udp(53)] }],
  ["both protocols", {}, { drainSeconds: 0 }, { ports: [tcp(80), udp(53)] }],
  [
    "the affinity time that API servers fill in",
    {},
    {},
    { sessionAffinity: { kind: "ClientIP", timeoutSeconds: 10_800 } },
  ],
])("reads %s", (_, annotations, expected, changes = {}) => {
  expect(optionsOf(desiredLb({ annotations, ...changes }))).toEqual({ ...plain, ...expected });
});

it.each<[string, string, string]>([
  ["networking.gke.io/load-balancer-type", "Intern", `"Intern" is unknown; give Internal or internal or External`],
  ["berth.dev/network-tier", "premium", `"premium" is unknown; give Premium or Standard`],
  ["cloud.google.com/network-tier", "toString", `"toString" is unknown; give Premium or Standard`],
  ["berth.dev/global-access", "yes", `"yes" is unknown; give true or false`],
  ["berth.dev/weighted-nodes", "", `"" is unknown; give true or false`],
  ["networking.gke.io/weighted-load-balancing", "true", `"true" is unknown; give pods-per-node`],
  [
    "berth.dev/subnet",
    "projects/p/x",
    `"projects/p/x" is no name of a resource; give lower-case letters, digits and dashes, a letter first, at most 63`,
  ],
  ["berth.dev/subnet", "a,b", `"a,b" has 2 names; give at most 1`],
  ["networking.gke.io/load-balancer-ip-addresses", "a,b,c", `"a,b,c" has 3 names; give at most 2`],
  [
    "berth.dev/address-names",
    "a,",
    `"" is no name of a resource; give lower-case letters, digits and dashes, a letter first, at most 63`,
  ],
  ["berth.dev/drain-seconds", "3601", `"3601" is no whole number from 0 to 3600; give one`],
  ["berth.dev/drain-seconds", "30s", `"30s" is no whole number from 0 to 3600; give one`],
])("refuses %s: %j and takes the default", (key, text, message) => {
  const issue = { path: `metadata.annotations[${key}]`, severity: "refuse", reason: "InvalidAnnotation", message };
  expect(optionsOf(desiredLb({ annotations: { [key]: text } }))).toEqual({ ...plain, issues: [issue] });
});

it.each<[string, string, string, string, Parameters<typeof desiredLb>[0]?]>([
  [
    "networking.gke.io/l4-strong-session-affinity",
    "enabled",
    "AnnotationNotSupported",
    "Berth has no strong session affinity; remove it, or use GKE's own class",
  ],
  [
    "networking.gke.io/ip-collection-v6",
    "x",
    "AnnotationNotSupported",
    "Berth has no addresses of a prefix of one's own; remove it, or use GKE's own class",
  ],
  [
    "networking.gke.io/l4lb-config",
    "x",
    "AnnotationNotSupported",
    "Berth has no logging of connections; remove it, or use GKE's own class",
  ],
  [
    "networking.gke.io/load-balancer-type",
    "Internal",
    "ConflictingScheme",
    "berth.dev/scheme or the class says internet-facing, which counts; remove this",
    { scheme: "internet-facing" },
  ],
  [
    "berth.dev/network-tier",
    "Premium",
    "AnnotationIgnored",
    `"Premium" changes nothing, as an internal load balancer has no network tier; remove it`,
    { scheme: "internal" },
  ],
  [
    "berth.dev/global-access",
    "true",
    "AnnotationIgnored",
    `"true" changes nothing, as every region reaches it anyway; remove it`,
  ],
  [
    "berth.dev/subnet",
    "lbs",
    "AnnotationIgnored",
    `"lbs" changes nothing, as an external IPv4 address is in no subnetwork; remove it`,
  ],
  [
    "berth.dev/weighted-nodes",
    "true",
    "WeightsNotSupported",
    "nodes have weights with externalTrafficPolicy Local only; set it, or remove this",
  ],
  [
    "berth.dev/address-names",
    "web",
    "MixedStaticIP",
    "this counts, not spec.loadBalancerIP or berth.dev/load-balancer-ips; remove one of them",
    { requestedAddresses: [ip("203.0.113.7")] },
  ],
])("serves in spite of %s: %j, and says %s", (key, text, reason, message, changes = {}) => {
  const { issues } = optionsOf(desiredLb({ annotations: { [key]: text }, ...changes }));
  expect(issues).toEqual([{ path: `metadata.annotations[${key}]`, severity: "degrade", reason, message }]);
});

it("refuses an external IPv6 address of tier Standard", () => {
  const annotations = { "berth.dev/network-tier": "Standard" };
  expect(optionsOf(desiredLb({ annotations, families: ["IPv4", "IPv6"] })).issues).toMatchObject([
    { path: "metadata.annotations[berth.dev/network-tier]", severity: "refuse", reason: "TierNotSupported" },
  ]);
});

it("says that an affinity time of the user's is not kept", () => {
  const sessionAffinity = { kind: "ClientIP", timeoutSeconds: 60 } as const;
  expect(optionsOf(desiredLb({ sessionAffinity })).issues).toMatchObject([
    {
      path: "spec.sessionAffinityConfig.clientIP.timeoutSeconds",
      severity: "degrade",
      reason: "AffinityTimeoutIgnored",
    },
  ]);
});
