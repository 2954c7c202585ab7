// The values that the chart is tried with: axes of choices, and each choice as values. Pure.
import { besideKubeProxy, knowingKinds } from "../../hack/chart/cases.ts";
import type { Setting } from "../../hack/chart/helm.ts";
import { merged, type Tree } from "../../hack/chart/merged.ts";
import { type Axes, coveringRows, type Row } from "./covering.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const server = { apiServer: { host: "192.0.2.10" } };
const toleration = { key: "dedicated", operator: "Equal", value: "net", effect: "NoExecute", tolerationSeconds: 60 };
const zones = [{ key: "topology.kubernetes.io/zone", operator: "In", values: ["a", "b"] }];
const affinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: zones }] },
  },
};
const placed: Tree = {
  nodeSelector: { "example.com/net": "yes" },
  tolerations: [toleration],
  affinity,
  priorityClassName: "important",
  podLabels: { team: "net" },
  podAnnotations: { "example.com/note": "a: b" },
  resources: { requests: { cpu: 1, memory: "1Gi" }, limits: { memory: "2Gi" } },
};
const role: Tree = { serviceAccount: { annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/berth" } } };

const project: Tree = { project: "shop", region: "europe-west1" };

/** What only the agent that has kube-proxy's place can be told: beside it the ports are others. */
const agentConfig: Tree = {
  clusterCIDR: "10.244.0.0/16,fd00:244::/56",
  conntrack: { maxPerCore: 0, tcpEstablishedTimeout: "1h" },
  detectLocalMode: "ClusterCIDR",
  iptables: { masqueradeAll: true, syncPeriod: "1m" },
  nodePortAddresses: ["10.0.0.0/8"],
};
const controllerConfig: Tree = {
  addressPool: ["192.0.2.0/25"],
  concurrentServiceSyncs: 20,
  deleteOrphans: true,
  driftResyncPeriod: "5m",
  providerRate: ["write=10:20"],
};

const choices: Readonly<Record<string, Readonly<Record<string, Tree>>>> = {
  processes: {
    both: { agent: server },
    agent: { agent: server, controller: { enabled: false } },
    controller: { agent: { enabled: false } },
    besideKubeProxy: { agent: besideKubeProxy as Tree },
  },
  definitions: { kept: {}, deleted: { crds: { keep: false } }, none: { crds: { install: false } } },
  metrics: {
    hidden: {},
    exposed: { metrics: { expose: true } },
    monitored: { metrics: { expose: true, monitors: { enabled: true, interval: "10s", labels: { release: "p" } } } },
  },
  image: {
    tag: {},
    mirror: { image: { registry: "mirror.example.com:5000/a/", tag: "1.2.3", pullSecrets: [{ name: "mirror" }] } },
    digest: { agent: { image: { digest } }, controller: { image: { digest } } },
  },
  policy: {
    none: {},
    open: { networkPolicy: { enabled: true } },
    closed: { networkPolicy: { enabled: true, apiServerPorts: [8443], metricsFrom: [{ podSelector: {} }] } },
  },
  replicas: { one: { controller: { replicas: 1 } }, two: {}, three: { controller: { replicas: 3 } } },
  clouds: {
    none: {},
    aws: {
      controller: { providers: ["node", "aws-nlb"] },
      aws: { region: "eu-west-1", vpcID: "vpc-0123456789abcdef0", roleARN: "arn:aws:iam::123456789012:role/berth" },
    },
    awsKeys: {
      controller: { providers: ["node", "aws-nlb"], trust: { configMap: "authorities" } },
      aws: { credentials: { secret: "keys" }, endpoint: "https://aws.example.com", allowCustomEndpoint: true },
    },
    gcp: {
      controller: { providers: ["gcp-l4", "node"] },
      gcp: { ...project, serviceAccount: "berth@shop.iam.gserviceaccount.com", nodeTags: ["node", "worker"] },
    },
    gcpKey: {
      controller: { providers: ["gcp-l4", "node"] },
      gcp: { ...project, credentials: { secret: "key", key: "key.json" }, internalRanges: ["10.0.0.0/8", "fd20::/20"] },
    },
    all: {
      controller: { providers: ["aws-nlb", "gcp-l4", "node"] },
      aws: { region: "eu-west-1", credentials: { secret: "keys", as: "file" } },
      gcp: { ...project, networkProject: "host", network: "shop", subnetwork: "nodes", disableFirewalls: true },
    },
  },
  uninstall: { cleans: {}, patient: { uninstall: { timeout: "14m30s" } }, leaves: { uninstall: { cleanUp: false } } },
  unclassed: { others: {}, node: { controller: { defaultProvider: "node" } } },
  nodePorts: {
    required: {},
    maySet: { controller: { setsNodePorts: true } },
    set: { controller: { setsNodePorts: true, config: { nodePorts: "Ensure" } } },
  },
  sysctls: { set: {}, left: { agent: { initSysctls: false } } },
  namespace: { system: {}, own: {} },
  kinds: { unknown: {}, known: {} },
  placement: { usual: {}, own: { agent: placed, controller: placed } },
  logs: { usual: {}, loud: { logLevel: "debug", logFormat: "text" } },
  agentWishes: {
    none: {},
    some: {
      agent: { allowExternalIPs: "203.0.113.0/24", enforceJumpOrder: true, localVipRoutes: false, maxUnavailable: 1 },
      reservedPorts: "22",
    },
  },
  config: { usual: {}, own: { agent: { config: agentConfig }, controller: { config: controllerConfig } } },
  account: { plain: {}, annotated: { agent: role, controller: role } },
};

const axes: Axes = Object.fromEntries(Object.entries(choices).map(([axis, those]) => [axis, Object.keys(those)]));

export interface MatrixRow {
  readonly name: string;
  readonly row: Row;
  readonly setting: Setting & { readonly namespace: string };
}

/** Every combination of any three choices. */
export const matrix: readonly MatrixRow[] = coveringRows(axes).map((row) => ({
  name: Object.entries(row)
    .filter(([axis, choice]) => choice !== axes[axis]?.[0])
    .map(([axis, choice]) => `${axis} ${choice}`)
    .join(", "),
  row,
  setting: {
    values: merged(Object.entries(row).map(([axis, choice]) => choices[axis]?.[choice] ?? {})),
    namespace: row["namespace"] === "own" ? "berth" : "kube-system",
    args: row["kinds"] === "known" ? [knowingKinds] : [],
  },
}));
