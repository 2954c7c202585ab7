import { afterEach, beforeEach, expect, it } from "vitest";
import { FakeClock } from "../../src/base/fake-clock.ts";
import type { StepResult } from "../../src/provider/index.ts";
import { Refusals } from "./refusals.ts";
import type { Action } from "./resources.ts";
import { Cloud } from "./testing/cloud.ts";
import { settings } from "./testing/values.ts";
import { Writer } from "./writer.ts";

const { signal } = new AbortController();
const insert: Action = {
  verb: "insert",
  resource: { kind: "address", name: "a", description: "", addressType: "EXTERNAL", networkTier: "PREMIUM" },
};
const done: StepResult = { state: "done" };
const pending = { state: "pending", pollAfterMs: 7 };

let cloud: Cloud;
let writer: Writer;
let clock: FakeClock;

async function start(steps: number): Promise<void> {
  clock = new FakeClock();
  cloud = await Cloud.start({ steps });
  writer = new Writer({ client: cloud.client(), settings, refusals: new Refusals(clock), clock, pollMs: 7 });
}

beforeEach(() => start(2));
afterEach(() => cloud[Symbol.asyncDispose]());

function paths(): readonly string[] {
  return cloud.gce.journal.map(({ method, path }) => `${method} ${path.split("/").slice(-2).join("/")}`);
}

it("G14: asks for an operation by its name until it is done, however often that says that it goes on", async () => {
  expect(await writer.apply(insert, signal)).toMatchObject(pending);
  expect(await writer.apply(insert, signal)).toMatchObject(pending);
  expect(cloud.gce.world.resources.size).toBe(0);
  expect(await writer.apply(insert, signal)).toEqual(done);
  expect(paths()).toEqual([
    "insert europe-west1/addresses",
    "get operations/operation-1",
    "get operations/operation-1",
  ]);
});

it.each<[string, Action["verb"], string]>([
  ["a region", "insert", "projects/shop/regions/europe-west1/operations/operation-1"],
  ["a zone", "attach", "projects/shop/zones/europe-west1-b/operations/operation-1"],
  ["the project of the network", "delete", "projects/shop/global/operations/operation-1"],
])("asks where the operation is: in %s", async (_, verb, path) => {
  const group = { kind: "endpointGroup", group: "g", zone: "europe-west1-b" } as const;
  cloud.gce.world.put("projects/shop/global/firewalls/f", { name: "f" });
  cloud.gce.world.put("projects/shop/zones/europe-west1-b/networkEndpointGroups/g", { name: "g" });
  const actions = [
    insert,
    { verb: "attach", ...group, endpoints: [{ instance: "b1" }] },
    { verb: "delete", ref: { kind: "firewall", name: "f" } },
  ] as const;
  const action = actions.find((one) => one.verb === verb)!;
  await writer.apply(action, signal);
  await writer.apply(action, signal);
  expect(cloud.gce.journal.at(-1)).toMatchObject({ method: "get", path, status: 200 });
});

it("G14: raises what an operation fails with at its end, and begins anew", async () => {
  cloud.gce.faults.push({
    fits: () => true,
    times: 1,
    how: {
      kind: "late",
      failure: {
        code: "QUOTA_EXCEEDED",
        message: "Quota 'STATIC_ADDRESSES' exceeded.  Limit: 8.0 in region europe-west1.",
        status: 403,
      },
    },
  });
  await writer.apply(insert, signal);
  await writer.apply(insert, signal);
  await expect(writer.apply(insert, signal)).rejects.toMatchObject({
    fault: { kind: "quota", limit: "STATIC_ADDRESSES (8)" },
  });
  expect(await writer.apply(insert, signal)).toMatchObject(pending);
  expect(cloud.gce.journal.at(-1)).toMatchObject({ method: "insert", status: 200 });
});

it("G14: looks again when an operation is so long over that nobody knows it", async () => {
  await writer.apply(insert, signal);
  await writer.apply(insert, signal);
  cloud.gce.operations.advance();
  cloud.gce.operations.expire();
  expect(await writer.apply(insert, signal)).toMatchObject({ state: "pending", pollAfterMs: 0 });
  expect([...cloud.gce.world.resources.keys()]).toEqual(["projects/shop/regions/europe-west1/addresses/a"]);
});

it("G13: sends a request whose answer was lost with the same id, so it is not done twice", async () => {
  cloud.gce.faults.push({ fits: ({ method }) => method === "insert", times: 1, how: { kind: "lose" } });
  await expect(writer.apply(insert, signal)).rejects.toMatchObject({ fault: { kind: "retryable" } });
  expect(await writer.apply(insert, signal)).toMatchObject(pending);
  expect(await writer.apply(insert, signal)).toEqual(done);
  expect(paths()).toEqual([
    "insert europe-west1/addresses",
    "insert europe-west1/addresses",
    "get operations/operation-1",
  ]);
});

it("takes another id after a refusal, and for what is too long ago", async () => {
  const refusal = { error: { code: 400, message: "no", errors: [{ reason: "invalid" }] } };
  cloud.gce.faults.push({ fits: () => true, times: 1, how: { kind: "answer", status: 400, body: refusal } });
  cloud.gce.faults.push({ fits: ({ method }) => method === "insert", times: 2, how: { kind: "lose" } });
  await expect(writer.apply(insert, signal)).rejects.toMatchObject({ fault: { kind: "blocked" } });
  await expect(writer.apply(insert, signal)).rejects.toMatchObject({ fault: { kind: "retryable" } });
  clock.advance(600_001);
  // The first one has not come to its end yet.
  await expect(writer.apply(insert, signal)).rejects.toMatchObject({ fault: { kind: "retryable" } });
  const ids = cloud.gce.journal.map(({ requestId }) => requestId);
  expect(new Set(ids).size).toBe(3);
});

it("sends the same change anew once it was done", async () => {
  const remove: Action = { verb: "delete", ref: { kind: "address", name: "a" } };
  for (const action of [insert, remove, insert]) while ((await writer.apply(action, signal)).state === "pending");
  expect(paths().filter((path) => !path.startsWith("get"))).toEqual([
    "insert europe-west1/addresses",
    "delete addresses/a",
    "insert europe-west1/addresses",
  ]);
});
