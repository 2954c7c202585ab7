import { create, type Exchange, get, mergePatch } from "../exchange.ts";

/** Tries to create each of the variants of an object, without leaving one: what is refused, and how the rest is defaulted. */
export function tryCreate(path: string, base: object, variants: readonly object[]): Exchange[] {
  return variants.map((variant) => create(`${path}?dryRun=All`, merged(base, variant)));
}

/** Tries each of the changes of one object, without making it. */
export function tryPatch(path: string, changes: readonly object[]): Exchange[] {
  return changes.map((change) => mergePatch(`${path}?dryRun=All`, change));
}

/** The object in the forms that `kubectl get`, `-o wide` and metadata-only clients ask for. */
export function inEveryForm(path: string): Exchange[] {
  return ["Table", "PartialObjectMetadataList"].map((kind) =>
    get(path, { headers: { accept: `application/json;as=${kind};g=meta.k8s.io;v=v1` } }),
  );
}

/** As a merge patch does it, but null stays: servers take it for "not given". */
function merged(base: unknown, change: unknown): unknown {
  if (!isMap(base) || !isMap(change)) return change;
  const entries = Object.entries(change).map(([name, value]) => [name, merged(base[name], value)]);
  return { ...base, ...Object.fromEntries(entries) };
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
