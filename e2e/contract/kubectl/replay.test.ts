import { beforeAll, describe, expect, it } from "vitest";
import { startSandbox } from "../sandbox.ts";
import { flatten } from "../steps.ts";
import { type Entry, kubectlTranscript, runScript } from "./run.ts";
import { script } from "./script.ts";

const transcript = await kubectlTranscript.read();
const steps = flatten(script);

it("has a transcript of exactly this script", () => {
  const written = steps.map(({ command, stdin }) => (stdin === undefined ? { command } : { command, stdin }));
  expect(transcript).toEqual(written.map((step) => expect.objectContaining(step)));
});

describe("the sandbox answers kubectl as kube-apiserver does", () => {
  let entries: readonly Entry[] = [];

  beforeAll(async () => {
    await using sandbox = await startSandbox();
    entries = await runScript(script, sandbox.kubeconfig);
  }, 600_000);

  it.each(transcript.map((entry, index) => ({ number: index + 1, entry })))(
    "$number: $entry.command",
    ({ number, entry }) => {
      expect(entries[number - 1]).toEqual(entry);
    },
  );
});
