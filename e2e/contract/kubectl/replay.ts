import { isDeepStrictEqual } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { flatten } from "../steps.ts";
import type { Target } from "../target.ts";
import { undisturbed } from "../undisturbed.ts";
import { type Entry, kubectlTranscript, runScript } from "./run.ts";
import { script } from "./script.ts";

/** The tests that hold a target to what kubectl showed of the real one when the transcript was recorded. */
export async function replayScript(target: Target): Promise<void> {
  const transcript = await kubectlTranscript.read(target.version);

  it("has a transcript of exactly this script", () => {
    const written = flatten(script).map(({ command, stdin }) =>
      stdin === undefined ? { command } : { command, stdin },
    );
    expect(transcript).toEqual(written.map((step) => expect.objectContaining(step)));
  });

  describe(`${target.name} answers kubectl as recorded`, () => {
    let entries: readonly Entry[] = [];

    beforeAll(async () => {
      entries = await undisturbed(
        target,
        ({ kubeconfig }) => runScript(script, kubeconfig),
        (all) => isDeepStrictEqual(all, transcript),
      );
    }, 600_000);

    it.each(transcript.map((entry, index) => ({ number: index + 1, entry })))(
      "$number: $entry.command",
      ({ number, entry }) => {
        expect(entries[number - 1]).toEqual(entry);
      },
    );
  });
}
