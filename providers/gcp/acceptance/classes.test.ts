// What a class says of its load balancers, against what the flags of the controller say.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { loadBalancerClasses } from "../../../src/api/index.ts";
import { baseName, sharedBaseName } from "../names.ts";
import { Cloud, wishOf } from "../testing/cloud.ts";
import { Controlled } from "../testing/controlled.ts";
import { id } from "../testing/values.ts";

const { signal } = new AbortController();
const shared = sharedBaseName(id.clusterId);
const base = baseName(id);

let cloud: Cloud;

beforeAll(async () => {
  // The controller's flags know nothing of the project that has the network.
  cloud = await Cloud.start({ networkProject: "host" });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

function firewalls(): readonly string[] {
  return [...cloud.gce.world.resources.keys()].filter((path) => path.includes("/firewalls/")).sort();
}

it.each(["Cluster", "Local"] as const)(
  "makes all rules of policy %s in the project of its network, and a controller that starts anew takes them away again",
  async (externalTrafficPolicy) => {
    const wish = wishOf({ parameters: { gcpL4: { networkProject: "host" } }, externalTrafficPolicy });
    await cloud.converge(wish);
    const own = externalTrafficPolicy === "Local" ? ["allow", "deny", "health"] : ["allow", "deny"];
    const probes = ["v4", "v6"].map((family) => `projects/host/global/firewalls/${shared}-fw-health-${family}`);
    const others = own.map((use) => `projects/host/global/firewalls/${base}-fw-${use}-v4`);
    expect(firewalls()).toEqual([...probes, ...others].sort());
    expect([...(await cloud.gce.paths()).values()].flat()).toHaveLength(3);
    cloud.takeWrites();
    await cloud.converge(wish);
    expect(cloud.takeWrites()).toEqual([]);

    const adapter = cloud.adapter();
    const owned = await Array.fromAsync(adapter.listOwned(id.clusterId, signal));
    expect(owned.map(({ ref }) => ref).filter((ref) => ref.includes("/firewalls/"))).toHaveLength(firewalls().length);
    await cloud.tearDown([
      { kind: "service", id },
      { kind: "members", id },
    ]);
    expect(firewalls()).toEqual(probes);
    await cloud.tearDown([{ kind: "shared", clusterId: id.clusterId, name: "health-check" }]);
    expect([...cloud.gce.world.resources.keys()]).toEqual([]);
  },
);

it("reads what is in another project once for all load balancers", async () => {
  const wish = wishOf({ parameters: { gcpL4: { networkProject: "host" } } });
  await cloud.converge(wish);
  const adapter = cloud.adapter();
  cloud.gce.journal.length = 0;
  const snapshot = await adapter.snapshot(adapter.scopes(wish.lb), signal);
  expect(cloud.gce.journal.map(({ path }) => path).filter((path) => path.endsWith("/firewalls"))).toEqual([
    "projects/shop/global/firewalls",
    "projects/host/global/firewalls",
  ]);
  const observed = await adapter.observe({ kind: "service", id }, snapshot, signal);
  expect(adapter.plan({ kind: "service", id }, wish, observed)).toMatchObject({ steps: [], waits: [] });
});

it("heeds a class, also when it changes, and no annotation of a Service", async () => {
  await using own = await Cloud.start();
  await using controlled = new Controlled(own);
  const { bench } = controlled;
  const putClass = (nodeTags: readonly string[]): void => {
    bench.api.put(loadBalancerClasses, {
      metadata: { name: "red", uid: "uid-red", generation: 1, creationTimestamp: "2001-01-01T00:00:00Z" },
      spec: { loadBalancerClass: "example.com/red", gcpL4: { nodeTags } },
    });
  };
  putClass(["red"]);
  controlled.start();
  const annotations = { "berth.dev/node-tags": "mine", "berth.dev/disable-firewalls": "true" };
  controlled.create("web", { loadBalancerClass: "example.com/red" }, annotations);
  const tags = (): readonly string[] =>
    [...own.gce.world.resources.values()].flatMap(({ targetTags }) => (targetTags as readonly string[]) ?? []);
  await controlled.until(() => tags().length === 4 && tags().every((tag) => tag === "red"), "rules for red");
  await controlled.until(() => bench.api.service("web")?.status?.loadBalancer?.ingress?.length === 1, "an address");
  putClass(["blue"]);
  await controlled.until(() => tags().length === 4 && tags().every((tag) => tag === "blue"), "rules for blue");
});
