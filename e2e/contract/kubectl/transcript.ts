import { readFile, writeFile } from "node:fs/promises";
import { parse, stringify } from "yaml";
import type { Entry } from "./run.ts";

const path = new URL("testdata/transcript.yaml", import.meta.url);

export async function readTranscript(): Promise<Entry[]> {
  const entries: Partial<Entry>[] = parse(await readFile(path, "utf8"));
  return entries.map((entry) => ({ command: "", exit: 0, stdout: "", stderr: "", ...entry }));
}

/** Leaves out what is usual (success) or empty, for the reader. */
export async function writeTranscript(entries: readonly Entry[]): Promise<void> {
  const brief = entries.map(({ command, stdin, exit, stdout, stderr }) => ({
    command,
    ...(stdin === undefined ? {} : { stdin }),
    ...(exit === 0 ? {} : { exit }),
    ...(stdout === "" ? {} : { stdout }),
    ...(stderr === "" ? {} : { stderr }),
  }));
  await writeFile(path, stringify(brief, { lineWidth: 0 }));
}
