import { expect, it } from "vitest";
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import type { Plan, PlanStep } from "../../../src/provider/index.ts";
import { sharedBaseName } from "../names.ts";
import type { Resource } from "../resources.ts";
import { PlannerBed } from "../testing/bed.ts";
import { desiredLb, id, node, tcp, udp } from "../testing/values.ts";

const nodes = [node("b1", "b", "10.0.0.1"), node("c1", "c", "10.0.0.2")];
const local = {
  externalTrafficPolicy: "Local",
  healthCheck: { protocol: "HTTP", port: 31_000, path: "/healthz" },
} as const;
const key = { kind: "service", id } as const;

it.each<[string, Partial<DesiredLoadBalancer>, Partial<DesiredLoadBalancer>]>([
  ["outside-dual-mixed", {}, { families: ["IPv4", "IPv6"], ports: [tcp(80), tcp(81), udp(53)] }],
  ["inside-local", {}, { scheme: "internal", ...local }],
  ["inside-many-ports", { scheme: "internal" }, { scheme: "internal", ports: [1, 2, 3, 5, 8, 13].map(tcp) }],
])("plans %s as in its golden file", async (name, from, to) => {
  const bed = new PlannerBed();
  const plans = [...bed.converge({ lb: desiredLb(from), nodes }), ...bed.converge({ lb: desiredLb(to), nodes })];
  await expect(plans.map(planText).join("\n")).toMatchFileSnapshot(`testdata/${name}.txt`);
});

it("waits for what other scopes make, and says which", () => {
  const bed = new PlannerBed();
  const plan = bed.plan(key, { lb: desiredLb(), nodes });
  expect(plan.waits.map(({ what, on }) => [what, on])).toEqual([
    [
      "the health check of the cluster is not there yet",
      { kind: "shared", clusterId: "cluster-1", name: "health-check" },
    ],
    ["its nodes in europe-west1-b, europe-west1-c have no group yet", { kind: "members", id }],
  ]);
  expect(plan.steps.map(({ action, target }) => `${action} ${target.split(" ")[0]}`)).toEqual(["create address"]);
});

it("serves in the zones that have a group while another one gets its own", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(), nodes: nodes.slice(0, 1) });
  expect(bed.plan(key, { lb: desiredLb(), nodes })).toMatchObject({
    steps: [],
    waits: [{ what: "its nodes in europe-west1-c have no group yet", on: { kind: "members", id } }],
  });
});

it("keeps nobody out while the cluster's probes are not let in", () => {
  const bed = new PlannerBed();
  const lb = desiredLb();
  bed.converge({ lb, nodes });
  const deny = bed.region.all("firewall").find(({ denied }) => denied.length > 0);
  bed.region.resources.delete(`firewall ${deny?.name}`);
  const probes = `firewall ${sharedBaseName(id.clusterId)}-fw-health-v4`;
  const open = bed.region.resources.get(probes) as Resource;
  for (const closed of [undefined, { ...open, priority: 1000 }, { ...open, description: "theirs" }]) {
    if (closed === undefined) bed.region.resources.delete(probes);
    else bed.region.put(closed);
    expect(bed.plan(key, { lb, nodes })).toMatchObject({
      steps: [],
      waits: [{ what: "the firewall does not let the cluster's health probes in yet", on: { kind: "shared" } }],
    });
  }
});

it("leaves a rule where it is until all is made that can be made beforehand", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(), nodes });
  const { steps } = bed.plan(key, { lb: desiredLb({ ...local, ports: [tcp(81)] }), nodes });
  const taken = steps.find(({ action }) => action === "delete");
  expect(taken?.dependsOn.map((id) => id.replace(/berth-\S+/, "web"))).toEqual([
    "create healthCheck web",
    "update backendService web",
  ]);
});

it("keeps its own check and the way for its probes until the cluster's is open", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(local), nodes });
  const probes = `firewall ${sharedBaseName(id.clusterId)}-fw-health-v4`;
  const cluster = { lb: desiredLb(), nodes };
  const open = bed.region.resources.get(probes) as Resource;
  bed.region.resources.delete(probes);
  const closes = (): readonly string[] =>
    bed
      .plan(key, cluster)
      .steps.flatMap(({ action, target }) => (action === "delete" ? (target.split(" ")[0] ?? "") : []));
  expect(closes()).toEqual([]);
  expect(bed.plan(key, cluster).waits).toMatchObject([{ id: "probes" }]);
  bed.region.put(open);
  expect(closes()).toEqual(["firewall", "healthCheck"]);
});

it("takes what is shared away when nobody needs it any more", () => {
  const bed = new PlannerBed();
  bed.converge({ lb: desiredLb(), nodes });
  bed.converge(null);
  const plan = bed.plan({ kind: "shared", clusterId: id.clusterId, name: "health-check" }, null);
  expect(plan.steps.map(({ action, target }) => `${action} ${target.split(" ")[0]}`)).toEqual([
    "delete firewall",
    "delete firewall",
    "delete healthCheck",
  ]);
});

function planText({ steps, waits, replacesAddress }: Plan): string {
  const head = replacesAddress ? ["replaces the address"] : [];
  return [...head, ...steps.map(stepText), ...waits.map(({ what }) => `wait: ${what}`), ""].join("\n");
}

function stepText({ id, dependsOn, diff, input }: PlanStep): string {
  const after = dependsOn.map((before) => `  after ${before}`);
  const changes = diff.map(({ path, from, to }) => `  ${path}: ${from} -> ${to}`);
  const body = JSON.stringify(input, undefined, 2).replace(/^/gm, "  ");
  return [id, ...after, ...changes, body].join("\n");
}
