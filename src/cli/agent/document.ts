// The configuration as a document (`kubeproxy.config.k8s.io/v1alpha1`) and back: what a file, `/configz` and
// `--write-config-to` hold. Pure; text is read and written in `config-file.ts`.
import { UsageError } from "../../base/index.ts";
import type { FieldPath, FieldValues } from "./field.ts";
import { defaultValues, fieldAt, fieldPaths } from "./fields.ts";
import type { FileValue } from "./kinds.ts";

/** Something that the admin wrote and that has no effect; the agent runs all the same. */
export interface Warning {
  /** The flag or the field. */
  readonly what: string;
  readonly why: string;
}

export interface Decoded {
  readonly values: FieldValues;
  readonly warnings: readonly Warning[];
}

export type Document = { readonly [key: string]: FileValue };

const apiVersion = "kubeproxy.config.k8s.io/v1alpha1";
const kind = "KubeProxyConfiguration";
const sections: ReadonlySet<string> = new Set(
  fieldPaths.flatMap((path) => {
    const names = path.split(".");
    return names.slice(1).map((_, i) => names.slice(0, i + 1).join("."));
  }),
);

/** Reads a document as kube-proxy does: what it does not know is no error, what is of a wrong type is. */
export function decode(document: unknown, file: string): Decoded {
  if (!isMapping(document) || document["kind"] === undefined || document["kind"] === null)
    throw wrong(file, "kind", "missing", `give a ${kind}, as in the ConfigMap kube-proxy under config.conf`);
  if (document["kind"] !== kind) throw wrong(file, "kind", show(document["kind"]), `give ${kind}`);
  if (document["apiVersion"] !== apiVersion)
    throw wrong(file, "apiVersion", show(document["apiVersion"] ?? null), `give ${apiVersion}`);
  const found = new Map<FieldPath, unknown>();
  const warnings: Warning[] = [];

  function read(section: Document, above: string): void {
    for (const [key, value] of Object.entries(section)) {
      const path = `${above}${key}`;
      if (path === "apiVersion" || path === "kind") continue;
      if (isFieldPath(path)) {
        if (value !== null) found.set(path, fieldFrom(path, value, file));
      } else if (!sections.has(path))
        warnings.push({ what: `${file}: ${path}`, why: "no such field; check its spelling or remove it" });
      else if (isMapping(value)) read(value, `${path}.`);
      else if (value !== null) throw wrong(file, path, show(value), "give a mapping");
    }
  }
  read(document, "");
  return { values: withDefaults(found), warnings };
}

function fieldFrom(path: FieldPath, value: FileValue, file: string): unknown {
  const { kind } = fieldAt(path);
  const parsed = kind.fromFile(value);
  if (parsed === undefined) throw wrong(file, path, show(value), `give ${kind.takes}`);
  return parsed;
}

/** What is not set, or set to Go's zero value, is the default. */
function withDefaults(found: ReadonlyMap<FieldPath, unknown>): FieldValues {
  const set = [...found].filter(
    ([path, value]) => fieldAt(path).pointer === true || !isZero(fieldAt(path).kind, value),
  );
  const values: FieldValues = { ...defaultValues(), ...Object.fromEntries(set) };
  if (!values.bindAddress.includes(":")) return values;
  // Servers without an address of their own take the family of this one.
  const ipv6 = { healthzBindAddress: "[::]:10256", metricsBindAddress: "[::1]:10249" };
  return { ...values, ...ipv6, ...Object.fromEntries(set) };
}

function isZero({ zero, toFile }: ReturnType<typeof fieldAt>["kind"], value: unknown): boolean {
  return JSON.stringify(toFile(value)) === JSON.stringify(toFile(zero));
}

/** All fields, as kube-proxy writes them. */
export function encode(values: FieldValues): Document {
  const root: Record<string, FileValue> = { apiVersion, kind };
  for (const path of fieldPaths) {
    const { kind, omitEmpty } = fieldAt(path);
    if (omitEmpty === true && isZero(kind, values[path])) continue;
    const names = path.split(".");
    let section = root;
    for (const name of names.slice(0, -1)) {
      section[name] ??= {};
      section = section[name] as Record<string, FileValue>;
    }
    section[names.at(-1) ?? ""] = kind.toFile(values[path]);
  }
  return root;
}

function isFieldPath(path: string): path is FieldPath {
  return (fieldPaths as readonly string[]).includes(path);
}

function isMapping(value: unknown): value is Document {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: FileValue): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function wrong(file: string, path: string, what: string, remedy: string): UsageError {
  return new UsageError(`--config ${file}: ${path}: ${what}; ${remedy}`);
}
