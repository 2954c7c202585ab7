import { beforeAll, describe, expect, it } from "vitest";
import { startSandbox } from "../sandbox.ts";
import { flatten } from "../steps.ts";
import { type Entry, httpTranscript, runExchanges } from "./run.ts";
import { exchanges } from "./script.ts";

const transcript = await httpTranscript.read();

it("has a transcript of exactly this script", () => {
  const written = flatten(exchanges).map(({ request, body }) => (body === undefined ? { request } : { request, body }));
  expect(transcript).toEqual(written.map((step) => expect.objectContaining(step)));
});

describe("the sandbox answers clients as kube-apiserver does", () => {
  let entries: readonly Entry[] = [];

  beforeAll(async () => {
    await using sandbox = await startSandbox();
    entries = await runExchanges(exchanges, sandbox.kubeconfig);
  }, 600_000);

  it.each(transcript.map((entry, index) => ({ number: index + 1, entry })))(
    "$number: $entry.request",
    ({ number, entry }) => {
      expect(entries[number - 1]).toEqual(entry);
    },
  );
});
