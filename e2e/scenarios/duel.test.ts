// The short form of `make duel`: each way to lose the Lease once, for as long as it takes until somebody else has it.
import { expect, it } from "vitest";
import { duel } from "../duel/duel.ts";
import { lossKinds } from "../duel/losses.ts";

const leaseArgs = [
  "--leader-elect-lease-duration=2s",
  "--leader-elect-renew-deadline=1200ms",
  "--leader-elect-retry-period=300ms",
];

it("nobody changes anything without the Lease, however it is lost, and all ends as it should", async () => {
  const seed = 1;
  const kinds = [...lossKinds];
  const { losses, judged, wrong } = await duel({
    seed,
    next(dice) {
      const [kind] = kinds.splice(dice.below(kinds.length), 1);
      return kind === undefined ? undefined : { kind };
    },
    leaseArgs,
    signal: new AbortController().signal,
  });
  expect(wrong).toEqual([]);
  expect(losses).toEqual(Object.fromEntries(lossKinds.map((kind) => [kind, 1])));
  expect(judged.requests).toBeGreaterThan(0);
  expect(judged.programs).toBeGreaterThan(0);
});
