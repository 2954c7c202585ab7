// What we ask of every release, whatever its values: rights, isolation of pods, and that the parts fit together. Pure,
// but for the roles that it reads.
import { isDeepStrictEqual } from "node:util";
import type { Rendered } from "../../hack/chart/helm.ts";
import {
  nodePortRoles,
  type RoleObject,
  shippedRoles,
  uninstallRoles,
} from "../../sandbox/cluster/service-accounts.ts";
import { rightsOf } from "../contract/rbac/rights.ts";
import type { Listening } from "./processes.ts";
import { type Container, type Labels, type PodSpec, type Probe, type Workload, workloadsOf } from "./release.ts";

/** What is wrong with the pods of a workload, a line each. */
export function podViolations({ process, isJob, name, selector, labels, pod }: Workload): readonly string[] {
  const { containers, initContainers = [], volumes = [] } = pod;
  const isOfNode = process === "agent" && !isJob;
  const problems = [...containers, ...initContainers].flatMap((container) => containerViolations(container));
  const paths = volumes.flatMap(({ hostPath }) => hostPath?.path ?? []);
  const allowed = isOfNode ? ["/run/xtables.lock", "/lib/modules"] : [];
  const writable = containers.flatMap(({ volumeMounts = [] }) =>
    volumeMounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath),
  );
  return [
    ...problems,
    ...containers.flatMap((container) => (isOfNode ? agentViolations : controllerViolations)(container, pod)),
    ...initContainers.filter((one) => one.name !== "sysctls").map((one) => `an init container ${one.name}`),
    ...wrong(pod.serviceAccountName === `berth-${process}`, "another's service account"),
    ...wrong((pod.hostNetwork === true) === isOfNode, "the wrong network"),
    ...wrong((pod.restartPolicy === "Never") === isJob, "a Job that is tried for ever, or a process that is not"),
    ...wrong(pod.hostPID === undefined && pod.hostIPC === undefined, "processes of the host"),
    ...wrong(
      paths.every((path) => allowed.includes(path)),
      `paths of the host: ${paths.join(", ")}`,
    ),
    ...wrong(isDeepStrictEqual(writable, isOfNode ? ["/run/xtables.lock"] : []), `writes to ${writable.join(", ")}`),
    ...wrong(selects(selector, labels), "a selector that does not choose its pods"),
  ].map((problem) => `${name}: ${problem}`);
}

function containerViolations({ name, image, resources, securityContext }: Container): readonly string[] {
  const { cpu, memory } = resources?.requests ?? {};
  return [
    ...wrong(/(:|@sha256:)[\w.-]+$/.test(image) && !image.endsWith(":latest"), `no version in ${image}`),
    ...wrong(cpu !== undefined && memory !== undefined, "asks for no processor or memory"),
    ...wrong(securityContext?.readOnlyRootFilesystem === true, "a root file system that is written"),
    ...wrong(securityContext?.privileged === undefined || name === "sysctls", "privileged"),
  ].map((problem) => `${name}: ${problem}`);
}

function agentViolations({ securityContext: own = {} }: Container): readonly string[] {
  return [
    ...wrong(own.allowPrivilegeEscalation === false, "may gain privileges"),
    ...wrong(isDeepStrictEqual(own.capabilities, { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] }), "capabilities"),
    ...wrong(own.seccompProfile?.type === "RuntimeDefault", "no seccomp"),
  ];
}

function controllerViolations(
  { securityContext: own = {} }: Container,
  { securityContext: pods }: PodSpec,
): readonly string[] {
  return [
    ...wrong(own.allowPrivilegeEscalation === false, "may gain privileges"),
    ...wrong(isDeepStrictEqual(own.capabilities, { drop: ["ALL"] }), "capabilities"),
    ...wrong(pods?.runAsNonRoot === true, "may be root"),
    ...wrong(pods?.seccompProfile?.type === "RuntimeDefault", "no seccomp"),
  ];
}

/** Where ports and probes of a container differ from where its process answers. */
export function portViolations(container: Container, listening: Listening): readonly string[] {
  const { ports = [], readinessProbe, livenessProbe, startupProbe } = container;
  const declared = Object.fromEntries(ports.map(({ name, containerPort }) => [name, containerPort]));
  const reached = ({ httpGet: { port, host } }: Probe): boolean =>
    (typeof port === "string" ? declared[port] : port) === listening.health.port &&
    (host === undefined ? !isLoopback(listening.health.host) : host === listening.health.host);
  const page = (probe: Probe | undefined): string | undefined => probe?.httpGet.path;
  return [
    ...wrong(isDeepStrictEqual(declared, { health: listening.health.port, metrics: listening.metrics.port }), "ports"),
    ...wrong(readinessProbe !== undefined && livenessProbe !== undefined, "no probe"),
    ...wrong(["/healthz", "/readyz"].includes(page(readinessProbe) ?? ""), "readiness by another page"),
    ...wrong(page(livenessProbe) === "/livez" && (page(startupProbe) ?? "/livez") === "/livez", "life by another page"),
    ...[readinessProbe, livenessProbe, startupProbe]
      .filter((probe) => probe !== undefined)
      .flatMap((probe) => wrong(reached(probe), `a probe of ${JSON.stringify(probe.httpGet)}`)),
  ].map((problem) => `${container.name}: ${problem}`);
}

export function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** What of the release lies where it must not, or chooses pods that are not there. */
export function fitViolations(objects: readonly Rendered[], namespace: string): readonly string[] {
  const workloads = workloadsOf(objects);
  const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`);
  const homes = [undefined, namespace, "berth-node-lease"];
  return [
    ...names.filter((name, i) => names.indexOf(name) !== i).map((name) => `${name}: twice`),
    ...objects
      .filter(({ metadata }) => !homes.includes(metadata.namespace))
      .map(({ metadata }) => `${metadata.name}: in ${metadata.namespace}`),
    ...objects.flatMap(({ kind, spec }) =>
      selectorsOf(kind, spec)
        .filter((selector) => workloads.filter(({ labels }) => selects(selector, labels)).length !== 1)
        .map((selector) => `${kind}: chooses not the pods of one workload by ${JSON.stringify(selector)}`),
    ),
    ...bindingViolations(objects),
  ];
}

interface Selecting {
  readonly selector: Labels & { readonly matchLabels?: Labels };
  readonly podSelector: { readonly matchLabels: Labels };
}

function selectorsOf(kind: string, spec: unknown): readonly Labels[] {
  const { selector, podSelector } = (spec ?? {}) as Selecting;
  if (kind === "Service") return [selector];
  if (kind === "NetworkPolicy") return [podSelector.matchLabels];
  // That of a ServiceMonitor chooses the Service, which has the labels of its pods.
  const others = ["PodDisruptionBudget", "PodMonitor", "ServiceMonitor", "DaemonSet", "Deployment"];
  return others.includes(kind) ? [selector.matchLabels ?? {}] : [];
}

interface Binding {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string; readonly namespace: string }[];
}

function bindingViolations(objects: readonly Rendered[]): readonly string[] {
  const isThere = (kind: string, name: string, namespace: string | undefined): boolean =>
    objects.some(({ kind: k, metadata }) => k === kind && metadata.name === name && metadata.namespace === namespace);
  return objects
    .filter(({ kind }) => kind.endsWith("RoleBinding"))
    .flatMap(({ metadata: { name, namespace }, ...object }) => {
      const { roleRef, subjects } = object as unknown as Binding;
      return [
        ...wrong(isThere(roleRef.kind, roleRef.name, namespace), `${name}: no ${roleRef.kind} ${roleRef.name}`),
        ...subjects
          .filter((subject) => !isThere(subject.kind, subject.name, subject.namespace))
          .map((subject) => `${name}: no ${subject.kind} ${subject.namespace}/${subject.name}`),
      ];
    });
}

/**
 * The rights that a release must give: those that `e2e/contract/rbac` shows the processes to use, no more and no less,
 * in the namespace of the release.
 */
export async function expectedRights(objects: readonly Rendered[], setsNodePorts: boolean): Promise<readonly string[]> {
  const workloads = workloadsOf(objects);
  const roles = await Promise.all(
    workloads.map(({ process, isJob }) => (isJob ? uninstallRoles(process) : shippedRoles(process))),
  );
  const hasController = workloads.some(({ process }) => process === "controller");
  return rightsOf([...roles.flat(), ...(setsNodePorts && hasController ? await nodePortRoles() : [])]).toSorted();
}

/** The rights that a release gives, as if it were in kube-system. */
export function givenRights(objects: readonly Rendered[], namespace: string): readonly string[] {
  const roles = objects.filter(({ kind }) => kind === "Role" || kind === "ClusterRole");
  return rightsOf(roles as unknown as readonly RoleObject[])
    .map((right) => right.replace(new RegExp(` in ${namespace}$`), " in kube-system"))
    .toSorted();
}

function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

function wrong(isFine: boolean, what: string): readonly string[] {
  return isFine ? [] : [what];
}
