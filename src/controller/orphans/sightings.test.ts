import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Orphan } from "./orphan.ts";
import { dueOf, type Sightings, seeAgain } from "./sightings.ts";

function orphan(uid: string): Orphan {
  const id = { clusterId: "cluster-1", uid, namespace: "default", name: uid };
  return { id, references: [uid], addresses: [], retained: false };
}

const none: Sightings = new Map();

function seenAt(...times: readonly number[]): Sightings {
  return times.reduce((before, nowMs) => seeAgain(before, [orphan("a")], nowMs), none);
}

describe("an orphan is due", () => {
  it.each<[string, readonly number[], number, number, boolean]>([
    ["seen once, however long ago", [0], 9000, 1000, false],
    ["seen twice, not for long enough", [0, 999], 999, 1000, false],
    ["seen twice, for long enough", [0, 1000], 1000, 1000, true],
    ["seen twice, without a grace period", [5, 5], 5, 0, true],
    ["seen once, without a grace period", [5], 5, 0, false],
  ])("%s", (_, times, nowMs, graceMs, expected) => {
    expect(dueOf(seenAt(...times), { nowMs, graceMs, ownedCount: 1 }).length).toBe(expected ? 1 : 0);
  });

  it("anew after it was away", () => {
    const back = seeAgain(seeAgain(seenAt(0, 1000), [], 2000), [orphan("a")], 3000);
    expect(back.get("a")).toEqual({ orphan: orphan("a"), firstSeenMs: 3000, times: 1 });
  });
});

it.each([
  [8, 5],
  [59, 5],
  [60, 6],
  [200, 20],
])("of %i owned objects at most %i are due at once", (ownedCount, most) => {
  const all = Array.from({ length: ownedCount }, (_, i) => orphan(`uid-${i}`));
  const twice = seeAgain(seeAgain(none, all, 0), all, 0);
  expect(dueOf(twice, { nowMs: 0, graceMs: 0, ownedCount }).length).toBe(most);
});

it("what is due was there at every look of the grace period, two at least", () => {
  const look = fc.record({ afterMs: fc.integer({ min: 0, max: 500 }), uids: fc.subarray(["a", "b", "c"]) });
  fc.assert(
    fc.property(fc.array(look, { maxLength: 12 }), fc.integer({ min: 0, max: 1000 }), (looks, graceMs) => {
      let seen = none;
      let nowMs = 0;
      const history: { readonly nowMs: number; readonly uids: readonly string[] }[] = [];
      for (const { afterMs, uids } of looks) {
        nowMs += afterMs;
        history.push({ nowMs, uids });
        seen = seeAgain(seen, uids.map(orphan), nowMs);
        const due = dueOf(seen, { nowMs, graceMs, ownedCount: 3 }).map(({ id }) => id.uid);
        const expected = uids.filter((uid) => {
          const away = history.findLastIndex((one) => !one.uids.includes(uid));
          const run = history.slice(away + 1);
          return run.length >= 2 && nowMs - (run[0]?.nowMs ?? nowMs) >= graceMs;
        });
        expect(due).toEqual(expected);
      }
    }),
  );
});
