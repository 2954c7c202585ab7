import type { V1OwnerReference } from "@kubernetes/client-node";
import { type FieldError, forbiddenField, invalid, required, tooLong } from "./field-error.ts";
import { type KubeObject, sameJson } from "./object.ts";
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

/** Drops owners that are given twice, in place, and says what to warn of. A patch is looked at after admission only. */
export function dropRepeatedOwners({ metadata }: KubeObject, isPatch: boolean): string[] {
  const { ownerReferences: all = [] } = metadata;
  const isFirst = (owner: V1OwnerReference, index: number): boolean =>
    all.findIndex((other) => sameJson(owner, other)) === index;
  const repeated = all.filter((owner, index) => !isFirst(owner, index)).map(({ uid }) => uid);
  if (repeated.length === 0) return [];
  metadata.ownerReferences = all.filter(isFirst);
  const when = isPatch ? " after mutating admission happens" : "";
  return [
    `.metadata.ownerReferences contains duplicate entries${when}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(", ")}`,
  ];
}

export function metadataErrors(type: ResourceType, { metadata }: KubeObject): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { name = "", labels = {}, annotations = {}, finalizers = [], ownerReferences = [] } = metadata;
  const { generateName = "" } = metadata;
  if (generateName !== "") {
    // As a prefix it may end in a hyphen.
    const prefix = type.behaviour.nameErrors(generateName.replace(/-$/, "a"));
    errors.push(...prefix.map((error) => invalid("metadata.generateName", generateName, error)));
  }
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
  errors.push(...ownerErrors(ownerReferences));
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
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion"))
    errors.push(
      invalid("metadata.finalizers", finalizers, "finalizer orphan and foregroundDeletion cannot be both set"),
    );
  return errors;
}

function ownerErrors(owners: readonly V1OwnerReference[]): FieldError[] {
  const path = "metadata.ownerReferences";
  const controllers = owners.filter(({ controller }) => controller === true).map(({ kind, name }) => `${kind}/${name}`);
  return [
    ...owners.flatMap((owner, index) => [
      ...(["apiVersion", "kind", "name", "uid"] as const)
        .filter((field) => (owner[field] ?? "") === "")
        .map((field) => required(`${path}[${index}].${field}`, "must not be empty")),
      ...(owner.apiVersion.split("/").length > 2
        ? [invalid(`${path}[${index}].apiVersion`, owner.apiVersion, "must be <group>/<version> or <version>")]
        : []),
      ...(owner.apiVersion === "v1" && owner.kind === "Event"
        ? [invalid(`${path}[${index}]`, owner, "/v1, Kind=Event is disallowed from being an owner")]
        : []),
    ]),
    ...(controllers.length > 1
      ? [
          invalid(
            path,
            owners,
            `Only one reference can have Controller set to true. Found "true" in references for ${controllers.slice(0, 2).join(" and ")}`,
          ),
        ]
      : []),
  ];
}

/** What is wrong with labels, or with a selector of them. */
export function labelMapErrors(labels: Readonly<Record<string, string>>, path: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...qualifiedNameErrors(key).map((error) => invalid(path, key, error)),
    ...labelValueErrors(value).map((error) => invalid(path, value, error)),
  ]);
}

/** What an update may not do to metadata. */
export function metadataChangeErrors(
  { metadata }: KubeObject,
  old: KubeObject,
  deletionTimestamp: string | undefined,
): readonly FieldError[] {
  if (deletionTimestamp !== undefined && deletionTimestamp !== old.metadata.deletionTimestamp)
    return [invalid("metadata.deletionTimestamp", deletionTimestamp, "field is immutable")];
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
