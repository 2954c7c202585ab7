// What the API makes of what it is told: what it fills in, and how it says things itself. Recorded from the real one by
// k8s-config-connector (pkg/test/resourcefixture/testdata/basic/compute), but for what the documentation says.
import { api, type Body, collectionOf, pathOf } from "./body.ts";

const logConfig = { enable: false };

/** Where a request says nothing. */
const defaults: Readonly<Record<string, Body>> = {
  addresses: { addressType: "EXTERNAL", networkTier: "PREMIUM" },
  backendServices: {
    sessionAffinity: "NONE",
    timeoutSec: 30,
    connectionDraining: { drainingTimeoutSec: 0 },
    affinityCookieTtlSec: 0,
    enableCDN: false,
  },
  firewalls: { direction: "INGRESS", disabled: false, priority: 1000, logConfig, sourceRanges: ["0.0.0.0/0"] },
  forwardingRules: { IPProtocol: "TCP", networkTier: "PREMIUM" },
  healthChecks: { checkIntervalSec: 5, timeoutSec: 5, healthyThreshold: 2, unhealthyThreshold: 2, logConfig },
};

/** What is another text after every change. */
const prints: Readonly<Record<string, readonly string[]>> = {
  addresses: ["labelFingerprint"],
  backendServices: ["fingerprint"],
  forwardingRules: ["fingerprint", "labelFingerprint"],
  instanceGroups: ["fingerprint"],
};

/** A resource with what its collection fills in, with where it is, and with whole links. */
export function completed(path: string, body: Body): Body {
  const [place = "", project, scope = "", name] = /^projects\/([^/]+)\/(?:(region|zone)s\/([^/]+))?/.exec(path) ?? [];
  const whole = (link: unknown): string => api + pathOf(link).replace(/^(?!projects\/)/, `projects/${project}/`);
  const links = Object.entries(body).flatMap(([field, value]) => {
    if (!["network", "subnetwork", "backendService", "healthChecks"].includes(field)) return [];
    return [[field, Array.isArray(value) ? value.map(whole) : whole(value)]];
  });
  return {
    description: "",
    ...defaults[collectionOf(path)],
    ...(body["addressType"] === "INTERNAL" && { purpose: "GCE_ENDPOINT" }),
    ...body,
    ...Object.fromEntries(links),
    ...(name !== undefined && { [scope]: api + place }),
  };
}

/** A resource with what tells it from all others, and from what it was before its last change. */
export function marked(path: string, body: Body, id: string, revision: number): Body {
  const collection = collectionOf(path);
  const print = Buffer.from(`revision ${revision}`).toString("base64");
  return {
    ...body,
    ...Object.fromEntries((prints[collection] ?? []).map((name) => [name, print])),
    kind: `compute#${collection.replace(/(?<=s)es$|s$/, "")}`,
    id,
    selfLink: api + path,
    ...(collection === "forwardingRules" && { selfLinkWithId: api + path.replace(/[^/]+$/, id) }),
  };
}

/** A resource as answers have it. */
export function shown(collection: string, body: Body): Body {
  if (collection !== "forwardingRules") return body;
  const { allowGlobalAccess, portRange, ...rule } = body;
  const [first, last = first] = String(portRange).split("-");
  const range = portRange !== undefined && { portRange: `${first}-${last}` };
  return { ...rule, ...range, ...(allowGlobalAccess === true && { allowGlobalAccess }) };
}

/** The i-th address of those that load balancers get: `INTERNAL IPV6`. */
export function addressAt(kind: string, i: number): string {
  const [v4, v6] = kind.startsWith("INTERNAL") ? ["10.128", "fd20"] : ["34.100", "2600"];
  return kind.endsWith("IPV6") ? `${v6}:1901:4000:${i.toString(16)}:8000:1::` : `${v4}.${i >> 8}.${i & 255}`;
}
