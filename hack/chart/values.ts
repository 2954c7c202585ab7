// The one table of the chart's values: from it come values.yaml, values.schema.json and the table in its README.
import { logLevels } from "../../src/telemetry/index.ts";
import { agentConfig, controllerConfig } from "./config-schemas.ts";
import {
  bool,
  closed,
  list,
  object,
  oneOf,
  type Schema,
  text,
  texts,
  unique,
  type Value,
  type Values,
  whole,
} from "./value.ts";

const port: readonly [number, number] = [1, 65_535];
const quantity: Schema = { type: ["string", "number"] };
const resourceList: Schema = { type: "object", additionalProperties: quantity };

const toleration: Schema = closed({
  key: { type: "string" },
  operator: { enum: ["Exists", "Equal"] },
  value: { type: "string" },
  effect: { enum: ["NoSchedule", "PreferNoSchedule", "NoExecute"] },
  tolerationSeconds: { type: "integer" },
});

const affinity: Schema = {
  additionalProperties: false,
  properties: {
    nodeAffinity: { type: "object" },
    podAffinity: { type: "object" },
    podAntiAffinity: { type: "object" },
  },
};

/** What is the same for both processes. */
function ofPods(
  process: string,
  {
    cpu,
    memory,
    priorityClassName,
    tolerations,
  }: Readonly<Record<"cpu" | "memory" | "priorityClassName", string>> & {
    readonly tolerations: readonly { readonly operator: string }[];
  },
): Values {
  return {
    serviceAccount: {
      help: "",
      values: {
        annotations: texts({}, `annotations of the account, such as the role of a cloud that the ${process} takes`),
      },
    },
    resources: object(
      { requests: { cpu, memory } },
      { additionalProperties: false, properties: { requests: resourceList, limits: resourceList } },
      "what the pods ask for and may have; without a limit of memory the kernel ends no pod of a cluster that has grown",
    ),
    priorityClassName: text(priorityClassName, "priority of the pods"),
    nodeSelector: texts({ "kubernetes.io/os": "linux" }, "labels of the nodes that the pods run on"),
    tolerations: list(tolerations, toleration, "taints that the pods bear"),
    affinity: object({}, affinity, "nodes and pods that the pods prefer or avoid"),
    podLabels: texts({}, "more labels of the pods"),
    podAnnotations: texts({}, "more annotations of the pods"),
  };
}

function image(repository: string): Values {
  return {
    repository: text(repository, "the image, below image.registry", { minLength: 1 }),
    digest: text("", "sha256:..., in place of image.tag", { pattern: "^(sha256:[0-9a-f]{64})?$" }),
  };
}

function config(document: string, fallback: { readonly oomScoreAdj?: number }, schema: Schema): Value {
  return object(
    fallback,
    schema,
    `fields of its [file](../../docs/${document}.md), but for those that other values say`,
  );
}

export const values: Values = {
  image: {
    help: "Where the images come from",
    values: {
      registry: text("", "host and path before each image; empty: as the container runtime completes names"),
      tag: text("", "tag of each image without a digest; empty: the version of the chart", {
        pattern: "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$",
      }),
      pullPolicy: oneOf(["Always", "IfNotPresent", "Never"], "IfNotPresent", "when nodes ask the registry"),
      pullSecrets: list(
        [],
        { ...closed({ name: { type: "string", minLength: 1 } }), required: ["name"] },
        "Secrets that let nodes into the registry, each `name: ...`",
      ),
    },
  },
  logLevel: oneOf(logLevels, "info", "least severe level that the processes write"),
  logFormat: oneOf(["json", "text"], "json", "how a line of the log looks"),
  reservedPorts: text(
    "",
    "ports of the nodes' own addresses that no Service may take; empty: as the processes have it",
  ),
  agent: {
    help: "The agent of each node",
    values: {
      enabled: bool(true, "run it in place of kube-proxy; false: Berth's load balancers beside kube-proxy"),
      apiServer: {
        help: "How it reaches the API server, which the ClusterIP cannot be",
        values: {
          host: text("", "address or name of the control plane, one that its certificate has", {
            pattern: "^[^/:]*$|^[0-9A-Fa-f:.]+$",
          }),
          port: whole(6443, port, "its port"),
        },
      },
      serviceProxyName: text(
        "",
        "run beside kube-proxy, for the Services whose label service.kubernetes.io/service-proxy-name has this value",
      ),
      chainPrefix: text("", "what its chains begin with, in place of KUBE: needed beside kube-proxy", {
        pattern: "^[A-Z]*$",
      }),
      allowExternalIPs: text("", "which spec.externalIPs are served: all, none, or prefixes with commas; empty: all"),
      enforceJumpOrder: bool(false, "move its jumps back above rules that others put before them"),
      initSysctls: bool(true, "a privileged step before it sets what of the kernel it may not set itself"),
      config: config("agent-flags", { oomScoreAdj: -997 }, agentConfig()),
      maxUnavailable: {
        help: "how many nodes an upgrade is on at a time",
        fallback: "10%",
        type: "number or %",
        schema: {
          oneOf: [
            { type: "integer", minimum: 1 },
            { type: "string", pattern: "^[0-9]+%$" },
          ],
        },
      },
      image: { help: "", values: image("berth-agent") },
      ...ofPods("agent", {
        cpu: "50m",
        memory: "128Mi",
        priorityClassName: "system-node-critical",
        tolerations: [{ operator: "Exists" }],
      }),
    },
  },
  controller: {
    help: "The controller of load balancers",
    values: {
      enabled: bool(true, "run it"),
      replicas: whole(2, [1, 9], "its pods, of which one leads"),
      providers: unique(["node"], "who provides load balancers: node"),
      defaultProvider: text("", "the provider that serves Services without a class; empty: none of them"),
      setsNodePorts: bool(false, "let it give node ports to Services, by the right to change Services"),
      config: config("controller-flags", {}, controllerConfig()),
      image: { help: "", values: image("berth-controller") },
      ...ofPods("controller", {
        cpu: "20m",
        memory: "128Mi",
        priorityClassName: "system-cluster-critical",
        tolerations: [],
      }),
    },
  },
  classes: {
    help: "LoadBalancerClass objects",
    values: { create: bool(true, "make one for each of controller.providers, once the cluster knows the kind") },
  },
  crds: {
    help: "The definitions of Berth's kinds",
    values: {
      install: bool(true, "install and upgrade them"),
      keep: bool(true, "leave them, and all objects of these kinds, when the release is uninstalled"),
    },
  },
  metrics: {
    help: "What Prometheus reads",
    values: {
      expose: bool(
        false,
        "answer /metrics and /debug/state beyond loopback: on the nodes and at the controller's pods",
      ),
      monitors: {
        help: "Objects of the Prometheus operator",
        values: {
          enabled: bool(false, "make a PodMonitor for agents and a ServiceMonitor for the controller"),
          interval: text("30s", "how often they are read", { pattern: "^[0-9]+(ms|s|m|h)$" }),
          labels: texts({}, "labels by which Prometheus finds the monitors"),
        },
      },
    },
  },
  networkPolicy: {
    help: "Whom the controller may talk to",
    values: {
      enabled: bool(false, "make a NetworkPolicy for the controller"),
      apiServerPorts: list(
        [443, 6443],
        { type: "integer", minimum: 1, maximum: 65_535 },
        "TCP ports that it may reach: those of the API server",
      ),
      metricsFrom: list([], { type: "object" }, "peers that may read its metrics; empty: all"),
    },
  },
};
