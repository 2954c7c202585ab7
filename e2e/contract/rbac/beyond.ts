import type { RoleOwner } from "../../../sandbox/cluster/service-accounts.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly body?: object;
}

const core = "/api/v1";
const web = `${core}/namespaces/default/services/web`;
const leases = "/apis/coordination.k8s.io/v1/namespaces";
const slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const events = "/apis/events.k8s.io/v1/namespaces/default/events";
const rbac = "/apis/rbac.authorization.k8s.io/v1";

/** What neither may do. */
const both: readonly Call[] = [
  { method: "GET", path: `${core}/secrets` },
  { method: "GET", path: `${core}/namespaces/kube-system/secrets/a` },
  { method: "GET", path: `${core}/pods` },
  { method: "GET", path: `${core}/configmaps` },
  { method: "GET", path: `${core}/endpoints` },
  { method: "GET", path: `${core}/namespaces/default` },
  { method: "GET", path: `${core}/nodes/node-a` },
  { method: "PATCH", path: `${core}/nodes/node-a`, body: {} },
  { method: "PATCH", path: `${core}/nodes/node-a/status`, body: {} },
  { method: "DELETE", path: `${core}/nodes/node-a` },
  { method: "POST", path: `${core}/namespaces/default/services`, body: {} },
  { method: "PUT", path: web, body: {} },
  { method: "PATCH", path: web, body: {} },
  { method: "PUT", path: `${web}/status`, body: {} },
  { method: "GET", path: `${web}/status` },
  { method: "DELETE", path: web },
  { method: "DELETE", path: `${core}/namespaces/default/services` },
  { method: "POST", path: slices, body: {} },
  { method: "PATCH", path: `${slices}/web`, body: {} },
  { method: "GET", path: events },
  { method: "DELETE", path: `${events}/a` },
  { method: "POST", path: `${core}/namespaces/default/events`, body: {} },
  { method: "GET", path: `${leases}/kube-system/leases` },
  { method: "GET", path: `${leases}/kube-system/leases/kube-scheduler` },
  { method: "PATCH", path: `${leases}/kube-system/leases/kube-scheduler`, body: {} },
  { method: "PUT", path: `${leases}/kube-system/leases/berth-controller`, body: {} },
  { method: "DELETE", path: `${leases}/kube-system/leases/berth-controller` },
  { method: "GET", path: `${leases}/default/leases/berth-controller` },
  { method: "POST", path: `${leases}/default/leases`, body: {} },
  { method: "POST", path: `${core}/namespaces/kube-system/serviceaccounts/berth-controller/token`, body: {} },
  { method: "GET", path: `${rbac}/clusterroles` },
  { method: "POST", path: `${rbac}/clusterrolebindings`, body: {} },
  { method: "GET", path: "/metrics" },
  { method: "GET", path: "/logs" },
];

const own: Readonly<Record<RoleOwner, readonly Call[]>> = {
  agent: [
    { method: "GET", path: web },
    { method: "PATCH", path: `${web}/status`, body: {} },
    { method: "GET", path: `${slices}/web` },
    { method: "GET", path: `${core}/namespaces` },
    { method: "GET", path: `${core}/namespaces/kube-system` },
    { method: "GET", path: `${leases}/berth-node-lease/leases` },
    { method: "PUT", path: `${leases}/berth-node-lease/leases/berth-agent-node-a`, body: {} },
    { method: "DELETE", path: `${leases}/berth-node-lease/leases/berth-agent-node-a` },
    { method: "POST", path: `${leases}/kube-system/leases`, body: {} },
    { method: "GET", path: `${leases}/kube-system/leases/berth-controller` },
    { method: "PATCH", path: `${leases}/kube-system/leases/berth-controller`, body: {} },
  ],
  controller: [
    { method: "GET", path: `${leases}/berth-node-lease/leases/berth-agent-node-a` },
    { method: "PATCH", path: `${leases}/berth-node-lease/leases/berth-agent-node-a`, body: {} },
    { method: "POST", path: `${leases}/berth-node-lease/leases`, body: {} },
    { method: "GET", path: `${slices}/web` },
  ],
};

/** Calls that lie beyond the rights of a process, near to those that it has. */
export function beyond(owner: RoleOwner): readonly Call[] {
  return [...both, ...own[owner]];
}
