import { UsageError } from "../../base/index.ts";
import type { Process } from "../command.ts";
import { noYaml, readConfigText } from "../config-text.ts";
import { type Configuration, resolve } from "./configuration.ts";
import { type Decoded, decode } from "./document.ts";
import type { Given } from "./options.ts";

export interface ConfigFile extends Decoded {
  /** For messages: `--config controller.yaml`. */
  readonly place: string;
}

/** What holds with this command line, and the file that it names. Throws UsageError. */
export async function readConfiguration(told: Given, environment: Process["environment"]): Promise<Configuration> {
  const file = told.file === undefined ? undefined : await readConfigFile(told.file);
  return resolve(told, file, environment);
}

/** Reads YAML or JSON. Throws UsageError, naming file, field, value and remedy. */
async function readConfigFile(path: string): Promise<ConfigFile> {
  const text = await readConfigText(path);
  const { parseAllDocuments } = await import("yaml");
  const documents = parseAllDocuments(text);
  const [first, ...others] = Array.isArray(documents) ? documents : [];
  const [error] = first?.errors ?? [];
  if (error !== undefined) throw noYaml(path, error);
  const place = `--config ${path}`;
  if (others.length > 0)
    throw new UsageError(`${place}: ${others.length + 1} documents; give one, and remove the others`);
  return { place, ...decode(plain(first, path), place) };
}

function plain(document: { toJS(): unknown } | undefined, path: string): unknown {
  try {
    return document?.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases of aliases without end.
    throw noYaml(path, error);
  }
}
