// The releases that golden files show, and their values.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { Setting } from "./helm.ts";

/** Helm is told that the cluster knows our kinds already. */
export const knowingKinds = "--api-versions=berth.dev/v1alpha1/LoadBalancerClass";

/** An agent that runs beside kube-proxy and is not in its way. */
export const besideKubeProxy: object = {
  serviceProxyName: "berth",
  chainPrefix: "BERTH",
  config: { healthzBindAddress: "0.0.0.0:11256", metricsBindAddress: "0.0.0.0:11249" },
};

const inPlaceOfKubeProxy = { apiServer: { host: "192.0.2.10" } };
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

/** The definitions are the same in all and long; `goldens.test.ts` compares them. */
const crds = { install: false };

/** What the guides have the command line say. */
const ofMachines = ["--set=agent.apiServer.host=192.0.2.10", "--set=agent.config.clusterCIDR=10.244.0.0/16"];
const vpc = "vpc-0123456789abcdef0";
const ofGoogle = [
  "--set=gcp.project=shop",
  "--set=gcp.region=europe-west1",
  "--set=gcp.network=shop",
  "--set=gcp.subnetwork=nodes",
  "--set=gcp.nodeTags={berth-node}",
];

export const cases: Readonly<Record<string, Setting>> = {
  "replace-kube-proxy": { values: { crds, agent: inPlaceOfKubeProxy } },
  "load-balancers-only": {
    values: { crds, agent: { enabled: false }, controller: { defaultProvider: "node" } },
    args: [knowingKinds],
  },
  "agent-only": {
    values: { crds, agent: { ...inPlaceOfKubeProxy, initSysctls: false }, controller: { enabled: false } },
  },
  "beside-kube-proxy": { values: { crds, agent: besideKubeProxy, controller: { replicas: 1 } }, namespace: "berth" },
  "air-gapped": {
    values: {
      crds,
      image: {
        registry: "registry.example.com/mirror/",
        tag: "0.1.0-1",
        pullPolicy: "Always",
        pullSecrets: [{ name: "mirror" }],
      },
      agent: { ...inPlaceOfKubeProxy, image: { digest } },
      controller: { setsNodePorts: true, config: { nodePorts: "Ensure", nodePortRange: "30000-31999" } },
    },
  },
  observed: {
    values: {
      crds,
      logLevel: "debug",
      logFormat: "text",
      agent: inPlaceOfKubeProxy,
      metrics: { expose: true, monitors: { enabled: true, labels: { release: "prometheus" } } },
      networkPolicy: { enabled: true, metricsFrom: [{ namespaceSelector: { matchLabels: { name: "monitoring" } } }] },
    },
  },
  kind: { values: { crds, ...deployed("kind") } },
  kubeadm: {
    values: { crds, ...deployed("kubeadm") },
    args: ofMachines,
  },
  eks: {
    values: { crds, ...deployed("eks") },
    args: [
      "--set=aws.region=eu-west-1",
      `--set=aws.vpcID=${vpc}`,
      "--set=aws.roleARN=arn:aws:iam::123456789012:role/berth",
    ],
  },
  "ec2-kubeadm": {
    values: { crds, ...deployed("ec2-kubeadm") },
    args: [
      ...ofMachines,
      "--set=aws.region=eu-west-1",
      `--set=aws.vpcID=${vpc}`,
      "--set=aws.credentials.secret=berth-aws",
    ],
  },
  gke: {
    values: { crds, ...deployed("gke") },
    args: [...ofGoogle, "--set=gcp.serviceAccount=berth@shop.iam.gserviceaccount.com"],
  },
  "gce-kubeadm": {
    values: { crds, ...deployed("gce-kubeadm") },
    args: [...ofMachines, ...ofGoogle, "--set=gcp.credentials.secret=berth-gcp"],
  },
};

function deployed(name: string): object {
  return parse(readFileSync(new URL(`../../deploy/${name}/values.yaml`, import.meta.url), "utf8")) as object;
}
