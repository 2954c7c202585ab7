// What `--config FILE` of any command needs: the text of the file, and what to say of one that is no YAML.
import { readFile } from "node:fs/promises";
import { errorMessage, oneLine, UsageError } from "../base/index.ts";

/** Throws UsageError when the file cannot be read. */
export async function readConfigText(path: string): Promise<string> {
  return await readFile(path, "utf8").catch((error: unknown) => {
    throw new UsageError(`--config ${path}: ${errorMessage(error)}; give the path of a readable file`);
  });
}

/** `error` comes from the parser. */
export function noYaml(path: string, error: unknown): UsageError {
  const what = oneLine(errorMessage(error).split("\n")[0] ?? "").replace(/:$/, "");
  return new UsageError(`--config ${path}: no YAML: ${what}; mend the file`);
}
