import { kubectl, type Step, withManifest } from "../step.ts";

const served =
  /^(NAME|(namespaces|nodes|pods|services|endpointslices|leases|deployments|replicasets|events) )|events\.k8s\.io/;

/** Of an explanation, the fields and their types, not the prose. */
const fields = /^(KIND|VERSION|FIELDS?):|^ +\S+\t</;

/** What the cluster is and serves; Namespaces and Nodes, their labels and status. */
export const clusterSteps: readonly Step[] = [
  kubectl("version"),
  kubectl("cluster-info", { keep: /control plane/ }),
  kubectl("api-versions", { keep: /^(v1|(apps|discovery\.k8s\.io|coordination\.k8s\.io|events\.k8s\.io)\/v1)$/ }),
  kubectl("api-resources --sort-by=name", { keep: served }),
  kubectl("api-resources --api-group=discovery.k8s.io -o wide"),
  kubectl("api-resources --api-group=coordination.k8s.io --verbs=watch -o name", { keep: /^leases\./ }),
  kubectl("explain service.spec.loadBalancerClass", { keep: fields }),
  kubectl("explain service.spec.ports", { keep: fields }),
  kubectl("explain service.spec.nonsense"),
  kubectl("get --raw /readyz"),
  kubectl("get widgets"),
  kubectl("get service kubernetes -n default"),
  kubectl("get service kubernetes -n default -o jsonpath='{.spec.ports[0].name} {.spec.ports[0].port} {.spec.type}'"),

  kubectl("create namespace shop"),
  kubectl("create namespace shop"),
  kubectl("create namespace Shop_1"),
  kubectl("get namespace shop"),
  kubectl("get namespaces -o name", { keep: /\/(default|kube-system|shop)$/ }),
  kubectl("describe namespace shop", { keep: /^(Name|Labels|Annotations|Status)/ }),
  kubectl("label namespace shop team=web"),
  kubectl("label namespace shop team=web"),
  kubectl("label namespace shop team=core"),
  kubectl("label namespace shop team=core --overwrite"),
  kubectl("get namespaces -l team=core"),
  kubectl("get namespaces -l 'team in (web)'"),
  kubectl("get namespaces -l 'team in web'"),
  kubectl("annotate namespace shop example.com/owner=anna"),
  kubectl("label namespace shop team-"),
  kubectl("label namespace shop 'team=not a label'"),
  kubectl("get namespace nowhere"),
  kubectl("delete namespace default"),
  kubectl("get namespace shop -o jsonpath='{.metadata.labels} {.spec.finalizers} {.status.phase}'"),

  withManifest(
    "create",
    `apiVersion: v1
kind: Node
metadata:
  name: node-a
  labels:
    topology.kubernetes.io/zone: zone-1
    node-role.kubernetes.io/worker: ""
spec:
  podCIDR: 10.244.1.0/24
  podCIDRs: [10.244.1.0/24, fd00:244:1::/64]
`,
  ),
  kubectl("get node node-a"),
  kubectl(
    `patch node node-a --subresource=status --type=merge -p '${JSON.stringify({
      status: {
        addresses: [
          { type: "InternalIP", address: "192.0.2.11" },
          { type: "ExternalIP", address: "198.51.100.11" },
          { type: "Hostname", address: "node-a" },
        ],
        conditions: [
          {
            type: "Ready",
            status: "True",
            reason: "KubeletReady",
            message: "ready",
            lastHeartbeatTime: "2026-01-02T03:04:05Z",
            lastTransitionTime: "2026-01-02T03:04:05Z",
          },
        ],
        nodeInfo: {
          architecture: "amd64",
          bootID: "1",
          containerRuntimeVersion: "sandbox://1",
          kernelVersion: "6.1.0",
          kubeProxyVersion: "",
          kubeletVersion: "v1.37.2",
          machineID: "1",
          operatingSystem: "linux",
          osImage: "Debian 12",
          systemUUID: "1",
        },
      },
    })}'`,
  ),
  kubectl("get node node-a"),
  kubectl("get node node-a -o wide"),
  kubectl("label node node-a node.kubernetes.io/exclude-from-external-load-balancers="),
  kubectl("get nodes -l node.kubernetes.io/exclude-from-external-load-balancers -o name"),
  kubectl("cordon node-a"),
  kubectl("get nodes node-a"),
  kubectl("uncordon node-a"),
  kubectl("taint node node-a example.com/maintenance=true:NoSchedule"),
  kubectl("describe node node-a", {
    keep: /^(Name|Roles|Labels|Annotations|Unschedulable|  (InternalIP|ExternalIP|Hostname|Ready)|PodCIDR)/,
  }),
  kubectl("get node node-a -o jsonpath='{.spec.podCIDRs}'"),
  kubectl('patch node node-a --type=merge -p \'{"spec":{"podCIDR":"10.244.9.0/24","podCIDRs":["10.244.9.0/24"]}}\''),
  kubectl("delete node node-a"),
];
