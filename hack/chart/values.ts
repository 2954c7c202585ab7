// The one table of the chart's values: from it come values.yaml, values.schema.json and the table in its README.
import { maxChainPrefix } from "../../src/agent/index.ts";
import { logLevels } from "../../src/telemetry/index.ts";
import { agentConfig, controllerConfig } from "./config-schemas.ts";
import * as forms from "./forms.ts";
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
const resourceList: Schema = { type: "object", additionalProperties: forms.quantity };

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
    priorityClassName: text(priorityClassName, "priority of the pods", forms.objectName),
    nodeSelector: object({ "kubernetes.io/os": "linux" }, forms.labels, "labels of the nodes that the pods run on"),
    tolerations: list(tolerations, toleration, "taints that the pods bear"),
    affinity: object({}, affinity, "nodes and pods that the pods prefer or avoid"),
    podLabels: object({}, forms.labels, "more labels of the pods"),
    podAnnotations: texts({}, "more annotations of the pods"),
  };
}

function image(repository: string): Values {
  return {
    repository: text(repository, "the image, below image.registry", forms.repository),
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

const duration: Schema = { pattern: "^([0-9]+(ms|s|m|h))+$" };
const url: Schema = { pattern: "^(https?://[^/ ]+/?)?$" };
const resourceName: Schema = { pattern: "^([a-z]([-a-z0-9]{0,61}[a-z0-9])?)?$" };
const projectId: Schema = { pattern: "^(([a-z0-9.-]+:)?[a-z]([-a-z0-9]{0,61}[a-z0-9])?)?$" };

const aws: Values = {
  region: text("", "region of the cluster; empty: that of the environment or of the instance", {
    pattern: "^([a-z]{2,}(-[a-z]+)+-[0-9]+)?$",
  }),
  vpcID: text("", "VPC of the nodes; empty: that of the instance, or the only one of the region", {
    pattern: "^(vpc-[0-9a-f]{8,17})?$",
  }),
  roleARN: text("", "role that the controller's account takes (IRSA); empty: none, as with EKS Pod Identity", {
    pattern: "^(arn:[^:]+:iam::[0-9]{12}:role/.+)?$",
  }),
  credentials: {
    help: "Keys, where there are no roles",
    values: {
      secret: text(
        "",
        "a Secret of the same namespace; empty: the role of the account or of the instance",
        forms.objectName,
      ),
      as: oneOf(
        ["env", "file"],
        "env",
        "by its keys AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or by `credentials`, a file as AWS' own",
      ),
    },
  },
  endpoint: text("", "another endpoint than AWS' own, for all its APIs; one without TLS gets no credentials", url),
  allowCustomEndpoint: bool(false, "let an endpoint with TLS that is not AWS' own see what real credentials signed"),
  rulesPerGroup: whole(0, [0, 9999], "quota of rules for a security group, if it was raised; 0: AWS' own, 60"),
};

const gcp: Values = {
  project: text("", "project of nodes and load balancers; gcp-l4 needs it", projectId),
  region: text("", "region of nodes and load balancers; gcp-l4 needs it", resourceName),
  networkProject: text("", "project of network and firewalls; empty: that of the nodes", projectId),
  network: text("", "VPC network of the nodes; empty: default", resourceName),
  subnetwork: text(
    "",
    "subnetwork of nodes and internal load balancers; empty: that with the network's name",
    resourceName,
  ),
  backends: oneOf(
    ["", "endpoint-groups", "instance-groups"],
    "",
    "what load balancers send to: endpoint groups of each (empty), or one instance group per zone that all share",
  ),
  nodeTags: list(
    [],
    { type: "string", ...resourceName, minLength: 1 },
    "network tags of the nodes, for firewall rules; empty: for all machines of the network",
  ),
  disableFirewalls: bool(false, "somebody else lets traffic and probes in"),
  probeRanges: list([], forms.prefix, "where health probes come from; empty: Google's ranges"),
  internalRanges: list(
    [],
    forms.prefix,
    "who reaches internal load balancers without source ranges; empty: private addresses",
  ),
  serviceAccount: text(
    "",
    "account of Google that the controller acts as (Workload Identity); empty: its own, or the node's",
    {
      pattern: "^([^@ ]+@[^@ ]+)?$",
    },
  ),
  credentials: {
    help: "A key, where there are no identities",
    values: {
      secret: text(
        "",
        "a Secret of the same namespace; empty: the identity of the account or of the node",
        forms.objectName,
      ),
      key: text("credentials.json", "its key that has the file", { minLength: 1 }),
    },
  },
  endpoint: text("", "another endpoint than Google's own; one without TLS gets no credentials", url),
  allowCustomEndpoint: bool(false, "let an endpoint with TLS that is not Google's own have the credentials"),
};

export const values: Values = {
  image: {
    help: "Where the images come from",
    values: {
      registry: text(
        "",
        "host and path before each image; empty: as the container runtime completes names",
        forms.registry,
      ),
      tag: text("", "tag of each image without a digest; empty: the version of the chart", {
        pattern: "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$",
      }),
      pullPolicy: oneOf(["Always", "IfNotPresent", "Never"], "IfNotPresent", "when nodes ask the registry"),
      pullSecrets: list(
        [],
        { ...closed({ name: { ...forms.objectName, minLength: 1 } }), required: ["name"] },
        "Secrets that let nodes into the registry, each `name: ...`",
      ),
    },
  },
  logLevel: oneOf(logLevels, "info", "least severe level that the processes write"),
  logFormat: oneOf(["json", "text"], "json", "how a line of the log looks"),
  reservedPorts: text(
    "",
    "ports of the nodes' own addresses that no Service may take; empty: as the processes have it",
    forms.portRanges,
  ),
  agent: {
    help: "The agent of each node",
    values: {
      enabled: bool(true, "run it in place of kube-proxy; false: Berth's load balancers beside kube-proxy"),
      apiServer: {
        help: "How it reaches the API server, which the ClusterIP cannot be",
        values: {
          host: text("", "address or name of the control plane, one that its certificate has", forms.host),
          port: whole(6443, port, "its port"),
        },
      },
      serviceProxyName: text(
        "",
        "run beside kube-proxy, for the Services whose label service.kubernetes.io/service-proxy-name has this value",
        forms.labelValue,
      ),
      chainPrefix: text("", "what its chains begin with, in place of KUBE: needed beside kube-proxy", {
        pattern: `^[A-Z]{0,${maxChainPrefix}}$`,
      }),
      allowExternalIPs: text(
        "",
        "which spec.externalIPs are served: all, none, or prefixes with commas; empty: all",
        forms.externalIps,
      ),
      enforceJumpOrder: bool(false, "move its jumps back above rules that others put before them"),
      localVipRoutes: {
        help: "make addresses of passthrough load balancers (gcp-l4) the node's own: auto, where no guest agent does; on, always; off, never",
        fallback: "auto",
        type: "auto, on or off",
        // YAML's own reading of `on` and `off` without quotation marks.
        schema: { enum: ["auto", "on", "off", true, false] },
      },
      initSysctls: bool(true, "a privileged step before it sets what of the kernel it may not set itself"),
      config: config("agent-flags", { oomScoreAdj: -997 }, agentConfig()),
      maxUnavailable: {
        help: "how many nodes an upgrade is on at a time",
        fallback: "10%",
        type: "number or %",
        schema: {
          oneOf: [
            { type: "integer", minimum: 1 },
            { type: "string", pattern: "^([1-9][0-9]?|100)%$" },
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
      providers: unique(["node"], "who provides load balancers: node, aws-nlb, gcp-l4"),
      defaultProvider: text("", "the provider that serves Services without a class; empty: none of them"),
      setsNodePorts: bool(false, "let it give node ports to Services, by the right to change Services"),
      config: config("controller-flags", {}, controllerConfig()),
      trust: {
        help: "Whom it trusts besides the usual authorities, at another endpoint of a cloud",
        values: {
          configMap: text(
            "",
            "a ConfigMap of the same namespace with certificates as PEM; empty: nobody",
            forms.objectName,
          ),
          key: text("ca.crt", "its key that has them", { minLength: 1 }),
        },
      },
      image: { help: "", values: image("berth-controller") },
      ...ofPods("controller", {
        cpu: "20m",
        memory: "128Mi",
        priorityClassName: "system-cluster-critical",
        tolerations: [],
      }),
    },
  },
  aws: { help: "Of the provider aws-nlb, see [its page](../../providers/aws/README.md)", values: aws },
  gcp: { help: "Of the provider gcp-l4, see [its page](../../providers/gcp/README.md)", values: gcp },
  uninstall: {
    help: "What `helm uninstall` does before it removes anything, unless it is told --no-hooks",
    values: {
      cleanUp: bool(
        true,
        "take down all load balancers, take back what was written to Services, and remove the rules of all nodes",
      ),
      timeout: text("4m", "how long each of the two may take; more wants a larger --timeout of helm too", duration),
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
