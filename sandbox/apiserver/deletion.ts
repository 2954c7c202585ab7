import { invalid, notSupported } from "./field-error.ts";
import { asMap, asText, type KubeObject, keyOf, timestamp } from "./object.ts";
import { isGone, type Registry } from "./registry.ts";
import { type ResourceType, resourceOf } from "./resource-type.ts";
import { conflict, forbidden, invalidOptions } from "./status.ts";

/** What a DELETE asks for, from its body and its query. */
export interface DeleteOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: string | undefined;
  readonly orphanDependents?: boolean | undefined;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string } | undefined;
  readonly dryRun: boolean;
}

/** Finalizers that stand for a propagation policy while the garbage collector works on it. */
export const foregroundFinalizer = "foregroundDeletion";
export const orphanFinalizer = "orphan";

const policies = ["Foreground", "Background", "Orphan"];

/** The namespaces without which a cluster does not work. */
const permanentNamespaces: ReadonlySet<string> = new Set(["default", "kube-public", "kube-system"]);

export interface Deleted {
  readonly object: KubeObject;
  /** The object stays, with a deletionTimestamp, until somebody else lets it go. */
  readonly waiting: boolean;
}

export function deleteObject(registry: Registry, type: ResourceType, old: KubeObject, options: DeleteOptions): Deleted {
  checkPreconditions(type, old, options);
  const now = registry.clock.now();
  const wanted = type.behaviour.gracePeriod?.(old, options.gracePeriodSeconds) ?? 0;
  const { deletionTimestamp, deletionGracePeriodSeconds: current = 0 } = old.metadata;
  const isFirst = deletionTimestamp === undefined;
  // A second deletion may shorten the period, never lengthen it.
  const grace = isFirst ? wanted : Math.min(wanted, current);
  const { finalizers: _, ...metadata } = old.metadata;
  const finalizers = finalizersAfter(old, options);
  const next: KubeObject = { ...old, metadata: { ...metadata, ...(finalizers.length === 0 ? {} : { finalizers }) } };
  if (isFirst || grace !== current) {
    next.metadata.deletionTimestamp = timestamp(now + grace * 1000);
    // A namespace waits for its contents, not for a time.
    if (type.kind !== "Namespace") next.metadata.deletionGracePeriodSeconds = grace;
    if (isFirst && old.metadata.generation !== undefined) next.metadata.generation = old.metadata.generation + 1;
    if (isFirst) type.behaviour.prepareDelete?.(next, old);
  }
  if (type.kind === "Namespace") next["status"] = { ...asMap(old["status"]), phase: "Terminating" };
  if (options.dryRun) return { object: next, waiting: !isGone(next) };
  if (isGone(next)) {
    // Who watches a graceful deletion sees its period end; else the object goes in one step, as it was.
    if (!isFirst) registry.store.put(type.collection, next);
    const last = registry.store.remove(type.collection, keyOf(old));
    return { object: last ?? next, waiting: false };
  }
  const isChanged = isFirst || grace !== current || finalizers.join() !== (old.metadata.finalizers ?? []).join();
  return { object: isChanged ? registry.store.put(type.collection, next) : old, waiting: true };
}

function checkPreconditions(type: ResourceType, old: KubeObject, { preconditions, ...options }: DeleteOptions): void {
  const { uid, resourceVersion, name = "" } = old.metadata;
  const mismatch = (what: string, wanted: string, found: string | undefined, why: string): Error =>
    conflict(
      { group: type.group, kind: type.kind },
      name,
      `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). The object might have been ${why}`,
    );
  if (preconditions?.uid !== undefined && preconditions.uid !== uid)
    throw mismatch("UID", preconditions.uid, uid, "deleted and then recreated");
  if (preconditions?.resourceVersion !== undefined && preconditions.resourceVersion !== resourceVersion)
    throw mismatch("ResourceVersion", preconditions.resourceVersion, resourceVersion, "modified");
  if (type.kind === "Namespace" && permanentNamespaces.has(name))
    throw forbidden(resourceOf(type), name, "this namespace may not be deleted");
  const { propagationPolicy, orphanDependents } = options;
  if (propagationPolicy !== undefined && !policies.includes(propagationPolicy))
    throw invalidOptions("DeleteOptions", [notSupported("propagationPolicy", propagationPolicy, [...policies, "nil"])]);
  if (propagationPolicy !== undefined && orphanDependents !== undefined)
    throw invalidOptions("DeleteOptions", [
      invalid("propagationPolicy", propagationPolicy, "orphanDependents and deletionPropagation cannot be both set"),
    ]);
}

function finalizersAfter(old: KubeObject, { propagationPolicy, orphanDependents }: DeleteOptions): string[] {
  const current = old.metadata.finalizers ?? [];
  const policy = propagationPolicy ?? (orphanDependents === true ? "Orphan" : undefined);
  // Without a word from the client, a finalizer that already stands for a policy keeps it.
  if (policy === undefined && orphanDependents === undefined) return current;
  const others = current.filter((finalizer) => finalizer !== foregroundFinalizer && finalizer !== orphanFinalizer);
  if (policy === "Foreground") return [...others, foregroundFinalizer];
  return policy === "Orphan" ? [...others, orphanFinalizer] : others;
}

/** Reads what a client sent with a DELETE; query parameters are the older way to say it. */
export function parseDeleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  const fields = asMap(body);
  const grace = fields["gracePeriodSeconds"] ?? query.get("gracePeriodSeconds");
  const orphan = fields["orphanDependents"] ?? query.get("orphanDependents");
  const policy = asText(fields["propagationPolicy"] ?? query.get("propagationPolicy"));
  return {
    gracePeriodSeconds: grace === null || grace === undefined ? undefined : Number(grace),
    propagationPolicy: policy === "" ? undefined : policy,
    orphanDependents: orphan === null || orphan === undefined ? undefined : asText(orphan) === "true",
    preconditions: fields["preconditions"] as DeleteOptions["preconditions"],
    dryRun: query.has("dryRun") || (fields["dryRun"] !== undefined && (fields["dryRun"] as string[]).length > 0),
  };
}
