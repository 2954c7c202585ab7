// G15: what may be asked of the API. What each change costs is counted by bench/gcp.
import { expect, it } from "vitest";
import type { NodeTarget } from "../../../src/model/index.ts";
import { Cloud, machines, nodes, wishOf } from "../testing/cloud.ts";
import { id, node } from "../testing/values.ts";

const { signal } = new AbortController();

it("looks at load balancers that are as they should be by one list per kind, and two reads per group and Service", async () => {
  await using cloud = await Cloud.start();
  const wishes = Array.from({ length: 10 }, (_, i) => wishOf({ id: { ...id, uid: `${i}`, name: `web-${i}` } }));
  for (const wish of wishes) await cloud.converge(wish);
  const adapter = cloud.adapter();
  const { journal } = cloud.gce;
  journal.length = 0;
  const snapshot = await adapter.snapshot(
    wishes.flatMap(({ lb }) => adapter.scopes(lb)),
    signal,
  );
  const kinds = journal.map(({ method, path }) => `${method} ${path.split("/").at(-1)}`);
  expect(kinds.toSorted()).toEqual([
    "aggregatedList networkEndpointGroups",
    ...["addresses", "backendServices", "firewalls", "forwardingRules", "healthChecks"].map((kind) => `list ${kind}`),
  ]);
  journal.length = 0;
  for (const wish of wishes)
    for (const key of adapter.scopes(wish.lb)) {
      const desired =
        key.kind === "shared"
          ? ({ kind: "shared", users: wishes.map(({ lb }) => lb), nodes } as const)
          : { ...wish, kind: key.kind };
      const plan = adapter.plan(key, desired, await adapter.observe(key, snapshot, signal));
      expect(plan).toMatchObject({ steps: [], waits: [] });
    }
  const counts = Object.groupBy(journal, ({ method }) => method);
  // There are nodes in two zones.
  expect([counts["listNetworkEndpoints"]?.length, counts["getHealth"]?.length]).toEqual([20, 20]);
  expect(journal).toHaveLength(40);
});

it("takes 250 nodes in three zones in by a write per zone", async () => {
  await using cloud = await Cloud.start();
  cloud.gce.addMachine({ ...machines[0]!, name: "d0", zone: "europe-west1-d" });
  const few = [...nodes, node("d0", "d", "10.0.0.9")];
  const many: readonly NodeTarget[] = Array.from({ length: 250 }, (_, i) => {
    const [zone, address] = [["b", "c", "d"][i % 3] ?? "b", `10.1.0.${i}`];
    cloud.gce.addMachine({ name: `n${i}`, zone: `europe-west1-${zone}`, address, subnetwork: "nodes" });
    return node(`n${i}`, zone, address);
  });
  const local = { externalTrafficPolicy: "Local" } as const;
  await cloud.converge(wishOf(local, few));
  cloud.takeWrites();
  await cloud.converge(wishOf(local, [...few, ...many]));
  const coming = cloud.takeWrites();
  expect(coming).toHaveLength(3);
  expect(coming.every((write) => write.startsWith("attachNetworkEndpoints zones/europe-west1-"))).toBe(true);
});
