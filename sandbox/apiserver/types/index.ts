// Every kind that is served, one row each. Invariant: what the rest of the server knows about a kind is in its row.

import { rbacGroup } from "../access/authorizer.ts";
import type { ServiceAddresses } from "../addresses.ts";
import { definitionBehaviour, definitionColumns, definitions } from "../crd/index.ts";
import type { Behaviour, ResourceType, Subresource } from "../resource-type.ts";
import { serviceBehaviour } from "../service/behaviour.ts";
import { bindingColumns, roleColumns } from "../table/access.ts";
import {
  configMapColumns,
  endpointsColumns,
  eventColumns,
  namespaceColumns,
  nodeColumns,
  secretColumns,
  serviceAccountColumns,
  serviceColumns,
} from "../table/core.ts";
import { podColumns } from "../table/pod.ts";
import type { TableColumns } from "../table/table.ts";
import { deploymentColumns, endpointSliceColumns, leaseColumns, replicaSetColumns } from "../table/workload.ts";
import {
  clusterRoleBehaviour,
  clusterRoleBindingBehaviour,
  reviewBehaviour,
  roleBehaviour,
  roleBindingBehaviour,
} from "./access.ts";
import { leaseBehaviour, namespaceBehaviour, serviceAccountBehaviour } from "./core.ts";
import { configMapBehaviour, secretBehaviour } from "./data.ts";
import { endpointSliceBehaviour } from "./endpoint-slice.ts";
import { endpointsBehaviour } from "./endpoints.ts";
import { coreEventBehaviour, eventBehaviour, eventsView } from "./event.ts";
import { nodeBehaviour } from "./node.ts";
import { podBehaviour } from "./pod.ts";
import { deploymentBehaviour, replicaSetBehaviour } from "./workload.ts";

interface Row {
  readonly short?: string | readonly string[];
  readonly inAll?: boolean;
  /** Beside `all`. */
  readonly category?: string;
  readonly ofCluster?: boolean;
  readonly subresources?: readonly Subresource[];
  readonly isReview?: boolean;
  readonly view?: ResourceType["view"];
  /** Where it is not that of k8s.io/api. */
  readonly schema?: string;
}

function type(
  group: string,
  kind: string,
  plural: string,
  behaviour: Behaviour,
  columns: TableColumns,
  row: Row = {},
): ResourceType {
  const apiPackage = group === "" ? "core" : group.split(".")[0];
  return {
    group,
    version: "v1",
    kind,
    plural,
    singular: kind.toLowerCase(),
    shortNames: [row.short ?? []].flat(),
    categories: [row.inAll === true ? "all" : [], row.category ?? []].flat(),
    namespaced: row.ofCluster !== true,
    schema: row.schema ?? `io.k8s.api.${apiPackage}.v1.${kind}`,
    collection: plural,
    subresources: row.subresources ?? [],
    isReview: row.isReview === true,
    behaviour,
    columns,
    ...(row.view === undefined ? {} : { view: row.view }),
  };
}

function review(group: string, kind: string): ResourceType {
  const plural = `${kind.toLowerCase()}s`;
  return type(group, kind, plural, reviewBehaviour, roleColumns, { ofCluster: true, isReview: true });
}

export function resourceTypes(addresses: ServiceAddresses): readonly ResourceType[] {
  return [
    type("", "ConfigMap", "configmaps", configMapBehaviour, configMapColumns, { short: "cm" }),
    type("", "Endpoints", "endpoints", endpointsBehaviour, endpointsColumns, { short: "ep" }),
    type("", "Event", "events", coreEventBehaviour, eventColumns, { short: "ev" }),
    type("", "Namespace", "namespaces", namespaceBehaviour, namespaceColumns, {
      short: "ns",
      ofCluster: true,
      subresources: ["finalize", "status"],
    }),
    type("", "Node", "nodes", nodeBehaviour, nodeColumns, { short: "no", ofCluster: true, subresources: ["status"] }),
    type("", "Pod", "pods", podBehaviour, podColumns, {
      short: "po",
      inAll: true,
      subresources: ["binding", "eviction", "status"],
    }),
    type("", "Secret", "secrets", secretBehaviour, secretColumns),
    type("", "ServiceAccount", "serviceaccounts", serviceAccountBehaviour, serviceAccountColumns, {
      short: "sa",
      subresources: ["token"],
    }),
    type("", "Service", "services", serviceBehaviour(addresses), serviceColumns, {
      short: "svc",
      inAll: true,
      subresources: ["status"],
    }),
    type("apiextensions.k8s.io", "CustomResourceDefinition", definitions, definitionBehaviour, definitionColumns, {
      short: ["crd", "crds"],
      category: "api-extensions",
      ofCluster: true,
      subresources: ["status"],
      schema: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
    }),
    type("apps", "Deployment", "deployments", deploymentBehaviour, deploymentColumns, {
      short: "deploy",
      inAll: true,
      subresources: ["scale", "status"],
    }),
    type("apps", "ReplicaSet", "replicasets", replicaSetBehaviour, replicaSetColumns, {
      short: "rs",
      inAll: true,
      subresources: ["scale", "status"],
    }),
    type("events.k8s.io", "Event", "events", eventBehaviour, eventColumns, { short: "ev", view: eventsView }),
    type("coordination.k8s.io", "Lease", "leases", leaseBehaviour, leaseColumns),
    type("discovery.k8s.io", "EndpointSlice", "endpointslices", endpointSliceBehaviour, endpointSliceColumns),
    type(rbacGroup, "ClusterRole", "clusterroles", clusterRoleBehaviour, roleColumns, { ofCluster: true }),
    type(rbacGroup, "ClusterRoleBinding", "clusterrolebindings", clusterRoleBindingBehaviour, bindingColumns, {
      ofCluster: true,
    }),
    type(rbacGroup, "Role", "roles", roleBehaviour, roleColumns),
    type(rbacGroup, "RoleBinding", "rolebindings", roleBindingBehaviour, bindingColumns),
    review("authentication.k8s.io", "SelfSubjectReview"),
    review("authorization.k8s.io", "SelfSubjectAccessReview"),
    review("authorization.k8s.io", "SelfSubjectRulesReview"),
    review("authorization.k8s.io", "SubjectAccessReview"),
  ];
}
