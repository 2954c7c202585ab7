import { isDeepStrictEqual } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { limits } from "../limits.ts";
import { flatten } from "../steps.ts";
import type { Target } from "../target.ts";
import { undisturbed } from "../undisturbed.ts";
import { type Entry, httpTranscript, runExchanges } from "./run.ts";
import { exchanges } from "./script.ts";

const steps = flatten(exchanges);

/**
 * The tests that hold a target to what the real one answered when the transcript was recorded. One with limits must
 * differ in each step that shows one.
 */
export async function replayExchanges(target: Target, { hasLimits }: { readonly hasLimits: boolean }): Promise<void> {
  const transcript = await httpTranscript.read(target.version);

  it("has a transcript of exactly this script", () => {
    const written = steps.map(({ request, body }) => (body === undefined ? { request } : { request, body }));
    expect(transcript).toEqual(written.map((step) => expect.objectContaining(step)));
  });

  describe(`${target.name} answers clients as recorded`, () => {
    let entries: readonly Entry[] = [];

    beforeAll(async () => {
      entries = await undisturbed(
        target,
        ({ kubeconfig }) => runExchanges(exchanges, kubeconfig),
        (all) => isDeepStrictEqual(all, transcript),
      );
    }, 600_000);

    const numbered = transcript.map((entry, index) => ({ number: index + 1, entry, limit: steps[index]?.limit }));
    it.each(numbered)("$number: $entry.request", ({ number, entry, limit }) => {
      if (hasLimits && limit !== undefined) expect(entries[number - 1], limits[limit]).not.toEqual(entry);
      else expect(entries[number - 1]).toEqual(entry);
    });
  });
}
