import { expect, it } from "vitest";
import { renderOwner } from "../owner.ts";
import { type Resource, refOf, refText } from "../resources.ts";
import { PlannerBed } from "../testing/bed.ts";
import { cidr, desiredLb, id, node } from "../testing/values.ts";

const nodes = [node("b1", "b", "10.0.0.1")];
const wish = {
  lb: desiredLb({
    scheme: "internal",
    externalTrafficPolicy: "Local",
    healthCheck: { protocol: "HTTP", port: 31_000, path: "/healthz" },
    sourceRanges: [cidr("192.0.2.0/24")],
    annotations: { "berth.dev/weighted-nodes": "true" },
  }),
  nodes,
};

/** What somebody else may do to a resource: each field of ours otherwise. */
const otherwise: { readonly [K in Resource["kind"]]: Readonly<Record<string, unknown>> } = {
  address: {},
  endpointGroup: {},
  instanceGroup: {},
  healthCheck: {
    type: "TCP",
    httpHealthCheck: { port: 1, requestPath: "/healthz" },
    checkIntervalSec: 1,
    timeoutSec: 0,
    healthyThreshold: 0,
    unhealthyThreshold: 1,
  },
  firewall: {
    network: "projects/shop/global/networks/other",
    direction: "EGRESS",
    priority: 65_000,
    disabled: true,
    sourceRanges: ["0.0.0.0/0"],
    destinationRanges: [],
    targetTags: ["others"],
    sourceTags: ["others"],
    sourceServiceAccounts: ["others@shop.iam.gserviceaccount.com"],
    targetServiceAccounts: ["others@shop.iam.gserviceaccount.com"],
    allowed: [{ IPProtocol: "all" }],
    denied: [{ IPProtocol: "tcp", ports: ["22"] }],
  },
  backendService: {
    sessionAffinity: "CLIENT_IP",
    connectionDraining: { drainingTimeoutSec: 1 },
    backends: [],
    localityLbPolicy: undefined,
  },
  forwardingRule: {
    IPAddress: "10.9.9.9",
    ports: ["1"],
    allPorts: true,
    portRange: "1-2",
    subnetwork: "projects/shop/regions/europe-west1/subnetworks/other",
    allowGlobalAccess: true,
  },
};

const cells = made().flatMap((resource) =>
  Object.entries(otherwise[resource.kind]).map(([field, value]) => [refText(refOf(resource)), field, value] as const),
);

function made(): readonly Resource[] {
  const bed = new PlannerBed();
  bed.converge(wish);
  return [...bed.region.resources.values()];
}

it.each(cells)("mends %s when its %s is changed to %j", (text, field, value) => {
  const bed = new PlannerBed();
  bed.converge(wish);
  const before = bed.fingerprint();
  const found = bed.region.resources.get(text);
  bed.region.resources.set(text, { ...found, [field]: value } as Resource);
  expect(
    bed
      .open(wish)
      .flatMap(({ steps }) => steps)
      .flatMap(({ diff, action }) => (action === "update" ? diff.length : 1)),
  ).not.toContain(0);
  bed.converge(wish);
  expect(bed.fingerprint()).toBe(before);
});

it("leaves a health check that somebody made more patient", () => {
  const bed = new PlannerBed();
  bed.converge(wish);
  for (const check of bed.region.all("healthCheck"))
    bed.region.put({ ...check, checkIntervalSec: 60, timeoutSec: 30, healthyThreshold: 4, unhealthyThreshold: 9 });
  expect(bed.open(wish)).toEqual([]);
});

it("takes what Google Cloud says in other words for the same", () => {
  const bed = new PlannerBed();
  const lb = desiredLb({ families: ["IPv6"] });
  bed.converge({ lb, nodes });
  for (const rule of bed.region.all("forwardingRule"))
    bed.region.put({
      ...rule,
      IPAddress: rule.IPAddress.replace("::/96", ":0:0:0:0/96"),
      backendService: rule.backendService.replace("www", "compute"),
    });
  for (const service of bed.region.all("backendService")) {
    const maglev = { localityLbPolicy: "MAGLEV" } as object;
    const healthChecks = service.healthChecks.map((link) => link.replace("https://www.googleapis.com/compute/v1/", ""));
    bed.region.put({ ...service, ...maglev, healthChecks });
  }
  for (const wall of bed.region.all("firewall"))
    bed.region.put({
      ...wall,
      sourceRanges: wall.sourceRanges.toReversed().map((range) => range.replace(/^::/, "0::")),
      destinationRanges: wall.destinationRanges.map((range) => range.replace("::/96", ":0::/96")),
      network: wall.network.replace("v1", "beta"),
    });
  expect(bed.open({ lb, nodes })).toEqual([]);
});

it("marks a load balancer that stays when its Service goes, once, and changes nothing else", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(), nodes });
  const [service] = bed.region.all("backendService");
  const count = bed.region.journal.length;
  const key = { kind: "service", id } as const;
  const retained = { lb: desiredLb({ retain: true }), nodes: [] };
  const [plan] = [bed.plan(key, retained)];
  expect(plan.steps.map(({ input }) => input)).toEqual([
    { verb: "update", resource: { ...service, description: renderOwner({ kind: "service", id, retained: true }) } },
  ]);
  for (const { input } of plan.steps) bed.region.commit(input as never);
  expect(bed.plan(key, retained)).toMatchObject({ steps: [], waits: [], summary: "nothing to do" });
  expect(bed.region.journal.slice(count)).toEqual([`update backendService ${service?.name}`]);
});

it("has nothing to mark where nothing is made", () => {
  const bed = new PlannerBed();
  expect(bed.plan({ kind: "service", id }, { lb: desiredLb({ retain: true }), nodes })).toMatchObject({ steps: [] });
});
