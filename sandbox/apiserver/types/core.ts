// The small kinds of the core group, and of coordination.k8s.io.
import { invalid } from "../field-error.ts";
import { asList, asMap, asText, valueAt } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { labelErrors, subdomainErrors } from "../words.ts";

export const serviceAccountBehaviour: Behaviour = { nameErrors: subdomainErrors, returnsDeleted: true };

export const namespaceBehaviour: Behaviour = {
  nameErrors: labelErrors,
  default(object) {
    // The label that selectors of namespaces lean on follows the name, whatever the client says.
    if (object.metadata.name !== undefined)
      object.metadata.labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name };
  },
  prepareCreate(object) {
    const finalizers = asList(valueAt(object, "spec.finalizers"));
    object["spec"] = { finalizers: finalizers.includes("kubernetes") ? finalizers : [...finalizers, "kubernetes"] };
    object["status"] = { phase: "Active" };
  },
  prepareUpdate(object, old) {
    object["spec"] = old["spec"];
  },
  validate: (object) =>
    (asList(valueAt(object, "spec.finalizers")) as string[])
      .filter((finalizer) => finalizer !== "kubernetes" && !finalizer.includes("/"))
      .map((finalizer) =>
        invalid("spec.finalizers", finalizer, "name is neither a standard finalizer name nor is it fully qualified"),
      ),
  validateStatus(object) {
    const phase = object.metadata.deletionTimestamp === undefined ? "Active" : "Terminating";
    const when = phase === "Active" ? "is empty" : "is not empty";
    const found = valueAt(object, "status.phase");
    return found === phase
      ? []
      : [invalid("status.Phase", found, `may only be '${phase}' if \`deletionTimestamp\` ${when}`)];
  },
  fields: (object) => ({ "status.phase": asText(valueAt(object, "status.phase")) }),
  returnsDeleted: true,
};

export const leaseBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    // Fields of a feature that is off (CoordinatedLeaderElection).
    const spec = asMap(object["spec"]);
    delete spec["strategy"];
    delete spec["preferredHolder"];
  },
  validate(object) {
    const spec = asMap(object["spec"]);
    return ["leaseDurationSeconds", "leaseTransitions"].flatMap((field) => {
      const value = spec[field];
      if (typeof value !== "number") return [];
      if (field === "leaseDurationSeconds" && value <= 0)
        return [invalid(`spec.${field}`, value, "must be greater than 0")];
      return value < 0 ? [invalid(`spec.${field}`, value, "must be greater than or equal to 0")] : [];
    });
  },
  createsOnUpdate: true,
  needsResourceVersion: true,
};
