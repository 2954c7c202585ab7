// kube-proxy's configuration file: text of YAML or JSON -> values, and values -> text.
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import type { Tags, Document as YamlDocument } from "yaml";
import { errorMessage, FailureError } from "../../base/index.ts";
import { noYaml, readConfigText } from "../config-text.ts";
import { type Decoded, decode, encode, type Warning } from "./document.ts";
import type { FieldValues } from "./field.ts";

export interface ConfigFile extends Decoded {
  readonly path: string;
  /** Hash of the text. */
  readonly hash: string;
}

/** Throws UsageError, naming field, value and remedy. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const text = await readConfigText(path);
  const { document, warnings } = await parse(text, path);
  const decoded = decode(document, path);
  return { path, hash: hashOf(text), values: decoded.values, warnings: [...warnings, ...decoded.warnings] };
}

/** Reads what Go's YAML reads: `yes` and `on` are true, of a stream the first document counts, the last of two keys. */
async function parse(text: string, path: string): Promise<{ document: unknown; warnings: readonly Warning[] }> {
  const { parseAllDocuments } = await import("yaml");
  const customTags = (tags: Tags): Tags => tags.filter((tag) => !isForeign(tag));
  const documents = parseAllDocuments(text, { version: "1.1", uniqueKeys: false, customTags });
  const [first, ...others] = Array.isArray(documents) ? documents : [];
  if (first === undefined) return { document: undefined, warnings: [] };
  const [error] = first.errors;
  if (error !== undefined) throw noYaml(path, error);
  const warnings = await repeatedKeys(first, path);
  if (others.length > 0)
    warnings.push({ what: `${path}: ${others.length + 1} documents`, why: "only the first counts; remove the others" });
  return { document: plain(first, path), warnings };
}

function plain(document: YamlDocument, path: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias without its anchor, or aliases of aliases without end.
    throw noYaml(path, error);
  }
}

/** Of YAML 1.1, Go has no numbers to the base of 60 (`1:30`), and no dates. */
function isForeign(tag: Tags[number]): boolean {
  return typeof tag !== "string" && (("format" in tag && tag.format === "TIME") || tag.tag.endsWith(":timestamp"));
}

async function repeatedKeys(document: YamlDocument, path: string): Promise<Warning[]> {
  const { isScalar, visit } = await import("yaml");
  const found: Warning[] = [];
  visit(document, {
    Map(_, map) {
      const keys = map.items.map(({ key }) => String(isScalar(key) ? key.value : key));
      const repeated = new Set(keys.filter((key, i) => keys.indexOf(key) !== i));
      for (const key of repeated)
        found.push({ what: `${path}: ${key} is given twice`, why: "the last one counts; remove the other" });
    },
  });
  return found;
}

/** Writes a file that kube-proxy reads as well. Throws FailureError. */
export async function writeConfigFile(path: string, values: FieldValues): Promise<void> {
  const { stringify } = await import("yaml");
  const text = stringify(encode(values), { sortMapEntries: true, lineWidth: 0 });
  await writeFile(path, text).catch((error: unknown) => {
    throw new FailureError(`--write-config-to ${path}: ${errorMessage(error)}; give a path that can be written`);
  });
}

/** The same for the same text. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
