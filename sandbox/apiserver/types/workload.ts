// Deployments and ReplicaSets: defaults and the rules that kubectl's users meet.
import { type FieldError, invalid, required } from "../field-error.ts";
import { asMap, type JsonMap, type KubeObject, sameJson, valueAt } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { subdomainErrors } from "../words.ts";
import { defaultPodSpec } from "./pod.ts";

const workload: Behaviour = {
  nameErrors: subdomainErrors,
  prepareCreate(object) {
    object["status"] = {};
  },
  validate: workloadErrors,
  isNewGeneration: (object, old) => !sameJson(object["spec"], old["spec"]),
};

export const deploymentBehaviour: Behaviour = {
  ...workload,
  default(object) {
    const spec = defaultWorkload(object);
    spec["revisionHistoryLimit"] ??= 10;
    spec["progressDeadlineSeconds"] ??= 600;
    const strategy = (spec["strategy"] ??= {}) as JsonMap;
    strategy["type"] ??= "RollingUpdate";
    if (strategy["type"] !== "RollingUpdate") return;
    const rolling = (strategy["rollingUpdate"] ??= {}) as JsonMap;
    rolling["maxUnavailable"] ??= "25%";
    rolling["maxSurge"] ??= "25%";
  },
};

export const replicaSetBehaviour: Behaviour = {
  ...workload,
  default: (object) => void defaultWorkload(object),
  prepareCreate(object) {
    object["status"] = { replicas: 0 };
  },
  fields: (object) => ({ "status.replicas": `${Number(valueAt(object, "status.replicas") ?? 0)}` }),
};

function defaultWorkload(object: KubeObject): JsonMap {
  const spec = asMap(object["spec"]);
  spec["replicas"] ??= 1;
  const podSpec = valueAt(spec, "template.spec");
  if (podSpec !== undefined) defaultPodSpec(podSpec as JsonMap);
  return spec;
}

function workloadErrors(object: KubeObject, old: KubeObject | undefined): readonly FieldError[] {
  const errors: FieldError[] = [];
  const selector = valueAt(object, "spec.selector");
  const labels = asMap(valueAt(object, "spec.template.metadata.labels"));
  const replicas = Number(valueAt(object, "spec.replicas"));
  if (replicas < 0) errors.push(invalid("spec.replicas", replicas, "must be greater than or equal to 0"));
  if (selector === undefined) errors.push(required("spec.selector"));
  const wanted = asMap(asMap(selector)["matchLabels"]);
  if (Object.keys(wanted).length === 0 && asMap(selector)["matchExpressions"] === undefined)
    errors.push(invalid("spec.selector", selector ?? {}, "empty selector is invalid for deployment"));
  else if (Object.entries(wanted).some(([key, value]) => labels[key] !== value))
    errors.push(invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`"));
  if (((valueAt(object, "spec.template.spec.containers") ?? []) as unknown[]).length === 0)
    errors.push(required("spec.template.spec.containers"));
  if (old !== undefined && !sameJson(selector, valueAt(old, "spec.selector")))
    errors.push(invalid("spec.selector", selector, "field is immutable"));
  return errors;
}
