import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { addNetns, deleteNetns, ipBatch, netnsExec } from "../../src/kernel/index.ts";
import { host } from "../../src/kernel/testing/machine.ts";
import { comparable } from "./comparable.ts";
import { agentRules, families, kubeProxyRules, nodeAddresses } from "./sides.ts";
import { worlds } from "./world.ts";

// Thousands of rules for random clusters, each held to what kube-proxy's own code writes for the same objects.

const netns = `bt-rule-diff-${randomBytes(4).toString("hex")}`;
const inside = netnsExec(host, netns);
const options = { signal: new AbortController().signal, timeoutMs: 60_000 };

beforeAll(async () => {
  await addNetns(host, netns, options);
  const addresses = families.flatMap((family) => nodeAddresses[family]);
  await ipBatch(
    inside,
    ["link set lo up", ...addresses.map((a) => `addr add ${a}/${a.includes(":") ? "128 nodad" : "32"} dev lo`)],
    options,
  );
});
afterAll(() => deleteNetns(host, netns, options));

it("writes rule by rule what kube-proxy writes", async () => {
  let rules = 0;
  await fc.assert(
    fc.asyncProperty(worlds, async (world) => {
      const theirs = await kubeProxyRules(inside, world, options);
      const accounting = theirs.some((text) => text.includes("nfacct"));
      // kube-proxy tries the accounting objects of this kernel; where they are not, both go without.
      const ours = await agentRules(world, accounting);
      expect(ours.map(comparable)).toEqual(theirs.map(comparable));
      rules += theirs.join("").split("\n-A ").length;
    }),
    { numRuns: 100 },
  );
  expect(rules).toBeGreaterThan(10_000);
});
