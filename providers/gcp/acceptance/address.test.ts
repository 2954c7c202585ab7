// Operations that go on after their requests, so that whoever looks meanwhile sees what was before: nothing is asked for
// twice, and a load balancer keeps its address. The stand-in gives addresses in turn and each reservation an id of its own,
// so who lets go of an address, and be it for a moment, has another one afterwards.
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type Cut, Drive } from "../../../src/provider/testing/drive.ts";
import { Cloud, wishOf } from "../testing/cloud.ts";
import { ip, tcp, udp } from "../testing/values.ts";

type Changes = Parameters<typeof wishOf>[0];

let cloud: Cloud;

beforeAll(async () => {
  cloud = await Cloud.start({ steps: 2 });
});
afterAll(() => cloud[Symbol.asyncDispose]());
beforeEach(() => cloud.gce.clear());

interface Kept {
  /** Ids and addresses of what is reserved. */
  readonly reserved: readonly (readonly [unknown, unknown])[];
  readonly served: readonly unknown[];
}

/** Of IPv4, which every load balancer here has. */
function kept(): Kept {
  const all = (collection: string): ReturnType<typeof cloud.gce.world.list> =>
    cloud.gce.world.list(new RegExp(`/${collection}/[^/]+$`)).filter(({ ipVersion }) => ipVersion === undefined);
  return {
    reserved: all("addresses").map(({ id, address }) => [id, address]),
    served: [...new Set(all("forwardingRules").map(({ IPAddress }) => IPAddress))],
  };
}

function refusals(): readonly string[] {
  const { journal } = cloud.gce;
  return journal.filter(({ status }) => status >= 400).map(({ method, path, status }) => `${status} ${method} ${path}`);
}

/** A new process knows nothing of what goes on, so it may be told that something is there already, and tries again. */
async function restarted(wish: ReturnType<typeof wishOf>): Promise<void> {
  for (let tries = 0; tries < 3; tries++) {
    const error = await cloud.converge(wish).catch((reason: unknown) => reason);
    if (error === undefined) return;
    expect(error).toMatchObject({ fault: { kind: "retryable" } });
  }
  await cloud.converge(wish);
}

const inside = { scheme: "internal" } as const;

const rows: Readonly<Record<string, readonly [from: Changes, to: Changes]>> = {
  "another port": [{}, { ports: [tcp(81)] }],
  "TCP to both": [{}, { ports: [tcp(80), udp(80)] }],
  "TCP to both inside": [inside, { ...inside, ports: [tcp(80), udp(80)] }],
  "policy Cluster to Local": [{}, { externalTrafficPolicy: "Local" }],
  "a family more": [{}, { families: ["IPv4", "IPv6"] }],
  "a family less": [{ families: ["IPv4", "IPv6"] }, {}],
};

it.each(Object.keys(rows))("keeps the address and what holds it, and asks for nothing in vain: %s", async (name) => {
  const [from, to] = rows[name]!;
  await cloud.converge(wishOf(from));
  const before = kept();
  expect([before.reserved.length, before.served]).toEqual([1, [before.reserved[0]?.[1]]]);
  await cloud.converge(wishOf(to));
  expect(kept()).toEqual(before);
  expect(refusals()).toEqual([]);
  expect(cloud.gce.dangling()).toEqual([]);
});

const ways = ["before the commit", "with the answer lost", "with the end of the process"] as const;

// All others are cut off by bench/gcp, and three of them by the conformance tests.
it.each(ways.map((how) => ["TCP to both", how] as const))(
  "keeps the address and what holds it wherever %s is cut off, %s",
  async (name, how) => {
    const [from, to] = rows[name]!;
    const wish = wishOf(to);
    for (let at = 0; ; at++) {
      cloud.gce.clear();
      await cloud.converge(wishOf(from));
      const before = kept();
      const adapter = cloud.adapter();
      const drive = new Drive(adapter, wish, adapter.scopes(wish.lb));
      const wasCut = await drive.run({ at, how } satisfies Cut);
      if (how === "with the end of the process") await restarted(wish);
      else await drive.run();
      expect(kept(), `at step ${at}`).toEqual(before);
      if (!wasCut) break;
    }
  },
);

it.each<[string, Changes, Changes]>([
  ["the address", inside, { ...inside, requestedAddresses: [ip("10.0.0.9")] }],
  ["the tier", {}, { annotations: { "berth.dev/network-tier": "Standard" } }],
  ["outside to inside", {}, inside],
])("lets go of the address where it has to be another one: %s", async (_, from, to) => {
  await cloud.converge(wishOf(from));
  const before = kept();
  await cloud.converge(wishOf(to));
  const after = kept();
  expect(after.reserved).toHaveLength(1);
  expect([after.reserved[0]?.[0], after.served]).not.toEqual([before.reserved[0]?.[0], before.served]);
  expect(after.served).not.toEqual(before.served);
});
