import type { Pod } from "../../../src/api/index.ts";
import { type FieldError, forbiddenField, required } from "../field-error.ts";
import { asMap, asText, type JsonMap, type KubeObject, sameJson } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { subdomainErrors } from "../words.ts";

export const podBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    const spec = asMap(object["spec"]);
    defaultPodSpec(spec);
    spec["enableServiceLinks"] ??= true;
    alignPodIps(asMap(object["status"]));
  },
  prepareCreate(object) {
    const spec = asMap(object["spec"]);
    // What the admission plug-ins Priority and DefaultTolerationSeconds add.
    spec["priority"] ??= 0;
    spec["preemptionPolicy"] ??= "PreemptLowerPriority";
    spec["tolerations"] = withDefaultTolerations((spec["tolerations"] ?? []) as JsonMap[]);
    object["status"] = { phase: "Pending", qosClass: qosClass(spec) };
  },
  validate: podErrors,
  fields: (object) => {
    const { spec, status } = object as unknown as Pod;
    return {
      "spec.nodeName": spec?.nodeName ?? "",
      "spec.restartPolicy": spec?.restartPolicy ?? "",
      "spec.schedulerName": spec?.schedulerName ?? "",
      "spec.serviceAccountName": spec?.serviceAccountName ?? "",
      "spec.hostNetwork": `${spec?.hostNetwork === true}`,
      "status.phase": status?.phase ?? "",
      "status.podIP": status?.podIP ?? "",
      "status.nominatedNodeName": status?.nominatedNodeName ?? "",
    };
  },
  isNewGeneration: (object, old) => !sameJson(object["spec"], old["spec"]),
  gracePeriod(object, requested) {
    const { spec, status } = object as unknown as Pod;
    if ((spec?.nodeName ?? "") === "" || status?.phase === "Failed" || status?.phase === "Succeeded") return 0;
    const period = requested ?? spec?.terminationGracePeriodSeconds ?? 0;
    return period < 0 ? 1 : period;
  },
  returnsDeleted: true,
};

/** SetDefaults_PodSpec and its containers; also for the templates of workloads. */
export function defaultPodSpec(spec: JsonMap): void {
  spec["restartPolicy"] ??= "Always";
  spec["terminationGracePeriodSeconds"] ??= 30;
  spec["dnsPolicy"] ??= "ClusterFirst";
  spec["securityContext"] ??= {};
  spec["schedulerName"] ??= "default-scheduler";
  if (spec["serviceAccountName"] !== undefined) spec["serviceAccount"] ??= spec["serviceAccountName"];
  for (const list of ["containers", "initContainers"])
    for (const container of (spec[list] ?? []) as JsonMap[]) {
      const image = asText(container["image"]);
      const tag = image.slice(image.lastIndexOf("/") + 1).split(/[:@]/)[1];
      container["imagePullPolicy"] ??= tag === undefined || tag === "latest" ? "Always" : "IfNotPresent";
      container["terminationMessagePath"] ??= "/dev/termination-log";
      container["terminationMessagePolicy"] ??= "File";
      for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"]) defaultProbe(container[probe]);
    }
}

function defaultProbe(probe: unknown): void {
  const fields = asMap(probe);
  fields["timeoutSeconds"] ??= 1;
  fields["periodSeconds"] ??= 10;
  fields["successThreshold"] ??= 1;
  fields["failureThreshold"] ??= 3;
  const http = asMap(fields["httpGet"]);
  http["path"] ??= "/";
  http["scheme"] ??= "HTTP";
}

/** `podIP` is the first of `podIPs`: a client may know either. */
function alignPodIps(status: JsonMap): void {
  const list = status["podIPs"] as { ip: string }[] | undefined;
  if (list?.[0] !== undefined) status["podIP"] = list[0].ip;
  else if (typeof status["podIP"] === "string" && status["podIP"] !== "") status["podIPs"] = [{ ip: status["podIP"] }];
}

function withDefaultTolerations(tolerations: readonly JsonMap[]): JsonMap[] {
  const missing = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"].filter(
    (key) =>
      !tolerations.some(
        (has) =>
          (has["key"] === key || (has["key"] ?? "") === "") &&
          (has["effect"] === "NoExecute" || (has["effect"] ?? "") === ""),
      ),
  );
  const added = missing.map((key) => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 }));
  return [...tolerations, ...added];
}

function qosClass(spec: JsonMap): string {
  const containers = (spec["containers"] ?? []) as { resources?: { limits?: JsonMap; requests?: JsonMap } }[];
  const isBare = containers.every(
    ({ resources }) => resources?.limits === undefined && resources?.requests === undefined,
  );
  if (isBare) return "BestEffort";
  const isGuaranteed = containers.every(({ resources }) =>
    ["cpu", "memory"].every((name) => {
      const limit = resources?.limits?.[name];
      return limit !== undefined && (resources?.requests?.[name] ?? limit) === limit;
    }),
  );
  return isGuaranteed ? "Guaranteed" : "Burstable";
}

function podErrors(object: KubeObject, old: KubeObject | undefined): readonly FieldError[] {
  const containers = (asMap(object["spec"])["containers"] ?? []) as readonly JsonMap[];
  if (containers.length === 0) return [required("spec.containers")];
  const errors = containers.flatMap((container, index) =>
    ["name", "image"].flatMap((field) =>
      (container[field] ?? "") === "" ? [required(`spec.containers[${index}].${field}`)] : [],
    ),
  );
  if (old !== undefined && !sameJson(fixedPart(object), fixedPart(old)))
    errors.push(
      forbiddenField(
        "spec",
        "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
      ),
    );
  return errors;
}

/** The part of a pod's spec that never changes. */
function fixedPart(object: KubeObject): JsonMap {
  const { tolerations: _1, activeDeadlineSeconds: _2, ...spec } = asMap(object["spec"]);
  const withoutImages = (list: unknown): unknown =>
    Array.isArray(list) ? list.map((container: JsonMap) => ({ ...container, image: "" })) : list;
  return {
    ...spec,
    containers: withoutImages(spec["containers"]),
    initContainers: withoutImages(spec["initContainers"]),
  };
}
