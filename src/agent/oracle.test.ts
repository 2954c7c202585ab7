// Any cluster, any packet: what the planned rules do with it is what the API says. `make oracle` tries more of them.
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { agree, agreeInRandomClusters } from "./testing/oracle/agreement.ts";
import { parseSituation } from "./testing/oracle/situation.ts";

const kept = new URL("testdata/oracle/", import.meta.url);

it.each(readdirSync(kept))("has not forgotten %s", async (file) => {
  await agree(parseSituation(readFileSync(new URL(file, kept), "utf8")));
});

it("does with packets what the API says, whatever the cluster", { timeout: 60_000 }, async () => {
  const tally = await agreeInRandomClusters(1500);
  // Every kind of answer comes up often enough to mean something.
  expect(Object.entries(tally).filter(([, count]) => count < 150)).toEqual([]);
});
