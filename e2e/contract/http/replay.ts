import { beforeAll, describe, expect, it } from "vitest";
import { flatten } from "../steps.ts";
import type { Target } from "../target.ts";
import { undisturbed } from "../undisturbed.ts";
import { type Entry, httpTranscript, runExchanges } from "./run.ts";
import { exchanges } from "./script.ts";

/** The tests that hold a target to what the real one answered when the transcript was recorded. */
export async function replayExchanges(target: Target): Promise<void> {
  const transcript = await httpTranscript.read(target.version);

  it("has a transcript of exactly this script", () => {
    const written = flatten(exchanges).map(({ request, body }) =>
      body === undefined ? { request } : { request, body },
    );
    expect(transcript).toEqual(written.map((step) => expect.objectContaining(step)));
  });

  describe(`${target.name} answers clients as recorded`, () => {
    let entries: readonly Entry[] = [];

    beforeAll(async () => {
      entries = await undisturbed(target, ({ kubeconfig }) => runExchanges(exchanges, kubeconfig));
    }, 600_000);

    it.each(transcript.map((entry, index) => ({ number: index + 1, entry })))(
      "$number: $entry.request",
      ({ number, entry }) => {
        expect(entries[number - 1]).toEqual(entry);
      },
    );
  });
}
