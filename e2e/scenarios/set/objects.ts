// What scenarios apply, the same in every cluster.

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: object;
}

export interface PodOptions {
  readonly node?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Of the Deployment's update. */
  readonly strategy?: object;
}

export type ServiceSpec = Readonly<Record<string, unknown>>;

export const echoPorts = { http: 8080, udp: 5353 } as const;

/** Pods of the echo server, which the label `app` finds. */
export function deployment(name: string, replicas: number, { node, env = {}, strategy }: PodOptions = {}): Manifest {
  const labels = { app: name };
  const fields = { NODE_NAME: "spec.nodeName", POD_NAMESPACE: "metadata.namespace" };
  const container = {
    name: "echo",
    image: "berth.dev/echo",
    imagePullPolicy: "Never",
    env: [
      ...Object.entries(fields).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
      ...Object.entries(env).map(([name, value]) => ({ name, value })),
    ],
    ports: [
      { name: "http", containerPort: echoPorts.http, protocol: "TCP" },
      { name: "udp", containerPort: echoPorts.udp, protocol: "UDP" },
    ],
    // A pod that asks for nothing gets almost nothing where the machine is busy.
    resources: { requests: { cpu: "200m" } },
    // Nor is it unready there.
    readinessProbe: {
      httpGet: { path: "/healthz", port: echoPorts.http },
      periodSeconds: 1,
      timeoutSeconds: 60,
      failureThreshold: 60,
    },
  };
  const spread = {
    topologyKey: "kubernetes.io/hostname",
    maxSkew: 1,
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: labels },
  };
  const pod = {
    ...(node === undefined ? { topologySpreadConstraints: [spread] } : { nodeName: node }),
    containers: [container],
  };
  const spec = {
    replicas,
    ...(strategy === undefined ? {} : { strategy }),
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: pod },
  };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name }, spec };
}

/** A dual-stack Service of the pods `app` on ports 80 (HTTP) and 5353 (UDP); `spec` is laid over it. */
export function service(name: string, app: string, spec: ServiceSpec = {}): Manifest {
  const ports = [
    { name: "http", port: 80, targetPort: echoPorts.http, protocol: "TCP" },
    { name: "udp", port: 5353, targetPort: echoPorts.udp, protocol: "UDP" },
  ];
  const whole = { selector: { app }, ipFamilyPolicy: "PreferDualStack", ports, ...spec };
  return { apiVersion: "v1", kind: "Service", metadata: { name }, spec: whole };
}
