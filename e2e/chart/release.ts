// Rendered objects as the checks look at them. Pure.
import type { Rendered } from "../../hack/chart/helm.ts";

export type Labels = Readonly<Record<string, string>>;

export interface Probe {
  readonly httpGet: { readonly path: string; readonly port: number | string; readonly host?: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly resources?: { readonly requests?: Readonly<Record<string, unknown>> };
  readonly securityContext?: SecurityContext;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly startupProbe?: Probe;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

export interface SecurityContext {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
}

export interface PodSpec {
  readonly serviceAccountName: string;
  readonly hostNetwork?: boolean;
  readonly restartPolicy?: string;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string };
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
  }[];
}

export interface Workload {
  readonly process: "agent" | "controller";
  /** It ends by itself: what is done before an uninstall. */
  readonly isJob: boolean;
  readonly name: string;
  readonly selector: Labels;
  readonly labels: Labels;
  readonly pod: PodSpec;
}

interface WorkloadSpec {
  /** The server gives one to a Job. */
  readonly selector?: { readonly matchLabels: Labels };
  readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
}

/** What makes pods. */
export function workloadsOf(objects: readonly Rendered[]): readonly Workload[] {
  return objects
    .filter(({ kind }) => ["DaemonSet", "Deployment", "Job"].includes(kind))
    .map(({ kind, metadata: { name }, ...object }) => {
      const { selector, template } = object["spec"] as WorkloadSpec;
      const process = name.endsWith("agent") ? "agent" : "controller";
      const { labels } = template.metadata;
      return {
        process,
        isJob: kind === "Job",
        name,
        selector: selector?.matchLabels ?? labels,
        labels,
        pod: template.spec,
      };
    });
}

/** What a ConfigMap of the release holds under a file's name. */
export function fileOf(objects: readonly Rendered[], configMap: string, file: string): string {
  const found = objects.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === configMap);
  const text = (found?.["data"] as Record<string, string> | undefined)?.[file];
  if (text === undefined) throw new Error(`no file ${file} in ${configMap}`);
  return text;
}
