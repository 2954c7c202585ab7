// Machines that are gone before their nodes are: Google Cloud refuses all that one request has with them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../../src/base/fake-clock.ts";
import type { GcpAdapter } from "../adapter.ts";
import { Cloud, nodes, wishOf } from "../testing/cloud.ts";
import { Controlled } from "../testing/controlled.ts";
import { settings as defaults, id, node } from "../testing/values.ts";

const { signal } = new AbortController();

let cloud: Cloud;
let clock: FakeClock;

beforeAll(async () => {
  cloud = await Cloud.start({ steps: 1 });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => {
  cloud.gce.clear();
  clock = new FakeClock();
});

const gone = [node("gone1", "b", "10.0.1.1"), node("gone2", "b", "10.0.1.2"), node("gone3", "c", "10.0.1.3")];
const all = [...nodes, ...gone];

function members(): readonly string[] {
  return [...cloud.gce.world.endpoints.values()].flat().sort();
}

async function issuesOf(adapter: GcpAdapter): Promise<readonly string[]> {
  const observed = await adapter.observe({ kind: "service", id }, "live", signal);
  return adapter.status(wishOf().lb, observed, null, all).issues.map(({ reason, message }) => `${reason}: ${message}`);
}

function attaches(): number {
  return cloud.gce.journal.filter(({ method }) => method === "attachNetworkEndpoints" || method === "addInstances")
    .length;
}

describe.each(["endpoint-groups", "instance-groups"] as const)("%s", (backends) => {
  const adapterOf = (): GcpAdapter => cloud.adapterWith({ ...defaults, backends }, clock);

  it("take all but those that are missing, tell which, and do not ask again at once", async () => {
    const adapter = adapterOf();
    await cloud.converge(wishOf({}, all), adapter);
    expect(members()).toEqual(["b1", "b2", "c1"]);
    expect(await issuesOf(adapter)).toEqual([
      expect.stringMatching(
        /^MachinesRefused: gone1, gone2, gone3: Google Cloud does not take the machine, so it gets no traffic; attach .* was not found$/,
      ),
    ]);
    // One for each that is missing, and one for the others of each zone.
    expect(attaches()).toBeLessThanOrEqual(5);
    cloud.gce.journal.length = 0;
    await cloud.converge(wishOf({}, all), adapter);
    expect(attaches()).toBe(0);
  });

  it("take one that comes after all, five minutes later", async () => {
    const adapter = adapterOf();
    await cloud.converge(wishOf({}, all), adapter);
    const late = gone.map(({ name, zone = "" }) => ({ name, zone, address: "10.0.1.9", subnetwork: "nodes" }));
    for (const machine of late) cloud.gce.addMachine(machine);
    clock.advance(300_000);
    await cloud.converge(wishOf({}, all), adapter);
    expect(members()).toEqual(["b1", "b2", "c1", "gone1", "gone2", "gone3"]);
    expect(await issuesOf(adapter)).toEqual([]);
    for (const machine of late) cloud.gce.removeMachine(machine);
  });
});

it("are told as well by an operation that fails at its end", async () => {
  const [path] = ["projects/shop/zones/europe-west1-b/instances/b2"];
  const failure = { code: "RESOURCE_NOT_FOUND", message: `The resource '${path}' was not found`, status: 404 };
  cloud.gce.faults.push({
    fits: ({ method, path: at }) => method === "attachNetworkEndpoints" && at.includes("europe-west1-b"),
    how: { kind: "late", failure },
    times: 1,
  });
  const adapter = cloud.adapterWith(defaults, clock);
  await cloud.converge(wishOf(), adapter);
  expect(members()).toEqual(["b1", "c1"]);
  expect(await issuesOf(adapter)).toEqual([expect.stringContaining("MachinesRefused: b2:")]);
});

it("leave the Service served, and in the condition of what it lacks", async () => {
  await using controlled = new Controlled(cloud);
  const { bench } = controlled;
  bench.api.updateNode("node2", { spec: { providerID: "gce://shop/europe-west1-b/gone" } });
  controlled.create("web");
  controlled.start();
  await controlled.until(() => bench.condition("web", "ready").startsWith("True "), "it is ready");
  expect(bench.condition("web", "programmed")).toBe("True Programmed");
  expect(bench.condition("web", "degraded")).toBe("True MachinesRefused");
  expect(bench.message("web", "degraded")).toContain("node2: Google Cloud does not take the machine");
});
