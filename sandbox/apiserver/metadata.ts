import { type FieldError, forbiddenField, invalid, required, tooLong } from "./field-error.ts";
import type { KubeObject } from "./object.ts";
import type { ResourceType } from "./resource-type.ts";
import { labelValueErrors, pathSegmentErrors, qualifiedNameErrors } from "./words.ts";

const annotationBytes = 256 * 1024;

const standardFinalizers: ReadonlySet<string> = new Set(["foregroundDeletion", "kubernetes", "orphan"]);

/** Fields that only the server sets; a client's values are dropped. */
const serverFields = ["managedFields", "selfLink"] as const;

/** Drops what Go's `omitempty` drops and what clients may not say, in place. */
export function cleanMetadata({ metadata }: KubeObject): void {
  for (const field of serverFields) delete metadata[field];
  for (const [field, value] of Object.entries(metadata)) {
    const isEmpty = value === "" || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
    if (isEmpty) Reflect.deleteProperty(metadata, field);
  }
}

export function metadataErrors(type: ResourceType, { metadata }: KubeObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", labels = {}, annotations = {}, finalizers = [], ownerReferences = [] } = metadata;
  if (name === "") errors.push(required("metadata.name", "name or generateName is required"));
  else {
    const own = type.behaviour.nameErrors(name);
    const all = own.length > 0 ? own : pathSegmentErrors(name);
    errors.push(...all.map((error) => invalid("metadata.name", name, error)));
  }
  errors.push(...labelMapErrors(labels, "metadata.labels"));
  for (const key of Object.keys(annotations))
    errors.push(...qualifiedNameErrors(key.toLowerCase()).map((error) => invalid("metadata.annotations", key, error)));
  const bytes = Object.entries(annotations).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  if (bytes > annotationBytes) errors.push(tooLong("metadata.annotations", annotationBytes));
  for (const [index, owner] of ownerReferences.entries())
    for (const field of ["apiVersion", "kind", "name", "uid"] as const)
      if ((owner[field] ?? "") === "")
        errors.push(required(`metadata.ownerReferences[${index}].${field}`, "must not be empty"));
  for (const [index, finalizer] of finalizers.entries()) {
    errors.push(...qualifiedNameErrors(finalizer).map((error) => invalid("metadata.finalizers", finalizer, error)));
    if (!finalizer.includes("/") && !standardFinalizers.has(finalizer))
      errors.push(
        invalid(
          `metadata.finalizers[${index}]`,
          finalizer,
          "name is neither a standard finalizer name nor is it fully qualified",
        ),
      );
  }
  return errors;
}

/** What is wrong with labels, or with a selector of them. */
export function labelMapErrors(labels: Readonly<Record<string, string>>, path: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedNameErrors(key).map((error) => invalid(path, key, error)),
    ...labelValueErrors(value).map((error) => invalid(path, value, error)),
  ]);
}

/** What an update may not do to metadata. */
export function metadataChangeErrors({ metadata }: KubeObject, old: KubeObject): readonly FieldError[] {
  if (metadata.uid !== undefined && metadata.uid !== old.metadata.uid)
    return [invalid("metadata.uid", metadata.uid, "field is immutable")];
  if (old.metadata.deletionTimestamp === undefined) return [];
  const known = new Set(old.metadata.finalizers);
  const added = (metadata.finalizers ?? []).filter((finalizer) => !known.has(finalizer)).toSorted();
  if (added.length === 0) return [];
  const list = added.map((finalizer) => JSON.stringify(finalizer)).join(", ");
  return [
    forbiddenField(
      "metadata.finalizers",
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    ),
  ];
}

/** What the server knows and an update cannot change, put into the new object's metadata. */
export function inheritMetadata(object: KubeObject, old: KubeObject): void {
  const { name, namespace, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } =
    old.metadata;
  const fixed = {
    name,
    namespace,
    creationTimestamp,
    generation,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    resourceVersion: old.metadata.resourceVersion,
  };
  if (old.metadata.uid !== undefined) object.metadata.uid ??= old.metadata.uid;
  for (const [field, value] of Object.entries(fixed)) {
    if (value === undefined) Reflect.deleteProperty(object.metadata, field);
    else Reflect.set(object.metadata, field, value);
  }
}

const nameLetters = "bcdfghjklmnpqrstvwxz2456789";

/** `generateName` and five random letters, at most 63 in all. */
export function generatedName(prefix: string, random: () => number): string {
  const letter = (): string => nameLetters[Math.floor(random() * nameLetters.length)] ?? "";
  return `${prefix.slice(0, 58)}${Array.from({ length: 5 }, letter).join("")}`;
}
