import { UsageError } from "../../base/index.ts";
import { noYaml, readConfigText } from "../config-text.ts";
import { type Decoded, decode } from "./document.ts";

export interface ConfigFile extends Decoded {
  /** For messages: `--config controller.yaml`. */
  readonly place: string;
}

/** Reads YAML or JSON. Throws UsageError, naming file, field, value and remedy. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
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
