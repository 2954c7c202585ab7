import { asMap, type KubeObject, sameJson } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { subdomainErrors } from "../words.ts";
import { definitionErrors } from "./checks.ts";
import { cleanupFinalizer, type Definition, withCondition } from "./definition.ts";

const unnamed = { plural: "", kind: "" };

/** How CustomResourceDefinitions themselves are written. */
export const definitionBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default: fill,
  prepareCreate(object) {
    object["status"] = { acceptedNames: unnamed };
    fill(object);
  },
  validate: (object, old) => definitionErrors(object as Definition, old as Definition | undefined),
  isNewGeneration: (object, old) => !sameJson(object["spec"], old["spec"]),
  prepareDelete(object, old) {
    const { status } = object as Definition;
    const { metadata } = object;
    metadata.finalizers = [
      ...(metadata.finalizers ?? []).filter((name) => name !== cleanupFinalizer),
      cleanupFinalizer,
    ];
    delete metadata.deletionGracePeriodSeconds;
    if (old.metadata.generation !== undefined) metadata.generation = old.metadata.generation;
    const terminating = {
      type: "Terminating",
      status: "True",
      reason: "InstanceDeletionPending",
      message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
      lastTransitionTime: metadata.deletionTimestamp ?? "",
    } as const;
    object["status"] = { ...status, conditions: withCondition(status.conditions ?? [], terminating) };
  },
};

/** Names that follow from others, no conversion, and the version that is stored. */
function fill(object: KubeObject): void {
  const { spec } = object as Definition;
  const names = { ...asMap(spec.names) };
  const { kind } = names;
  if (typeof kind === "string" && kind !== "") {
    names["singular"] ??= kind.toLowerCase();
    names["listKind"] ??= `${kind}List`;
  }
  const { versions: wanted = [] } = spec as Partial<Definition["spec"]>;
  object["spec"] = { conversion: { strategy: "None" }, ...spec, names, versions: wanted };
  const {
    acceptedNames = unnamed,
    storedVersions = [],
    ...status
  } = asMap(object["status"]) as Partial<Definition["status"]>;
  const stored = wanted.find(({ storage }) => storage)?.name;
  const versions = storedVersions.length > 0 || stored === undefined ? storedVersions : [stored];
  object["status"] = { ...status, acceptedNames, ...(versions.length === 0 ? {} : { storedVersions: versions }) };
}
