// The columns of the kinds of apps, coordination.k8s.io and discovery.k8s.io.
import type { Deployment, EndpointSlice, Lease, ReplicaSet } from "../../../src/api/index.ts";
import { ageColumn, ageOf, column, firstThree, labelText, type TableColumns, wide } from "./table.ts";

interface PodTemplate {
  readonly spec?: { readonly containers: readonly { name: string; image?: string }[] };
}

function containerCells(template: PodTemplate | undefined): [string, string] {
  const containers = template?.spec?.containers ?? [];
  return [containers.map(({ name }) => name).join(","), containers.map(({ image }) => image ?? "").join(",")];
}

export const deploymentColumns: TableColumns = {
  columns: [
    column("Name"),
    column("Ready"),
    column("Up-to-date"),
    column("Available"),
    ageColumn,
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
  ],
  cells(object, now) {
    const { metadata, spec, status } = object as unknown as Deployment;
    return [
      metadata.name ?? "",
      `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
      status?.updatedReplicas ?? 0,
      status?.availableReplicas ?? 0,
      ageOf(object, now),
      ...containerCells(spec?.template),
      labelText(spec?.selector.matchLabels),
    ];
  },
};

export const replicaSetColumns: TableColumns = {
  columns: [
    column("Name"),
    column("Desired", { type: "integer" }),
    column("Current", { type: "integer" }),
    column("Ready", { type: "integer" }),
    ageColumn,
    wide("Containers"),
    wide("Images"),
    wide("Selector"),
  ],
  cells(object, now) {
    const { metadata, spec, status } = object as unknown as ReplicaSet;
    return [
      metadata.name ?? "",
      spec?.replicas ?? 0,
      status?.replicas ?? 0,
      status?.readyReplicas ?? 0,
      ageOf(object, now),
      ...containerCells(spec?.template),
      labelText(spec?.selector.matchLabels),
    ];
  },
};

export const leaseColumns: TableColumns = {
  columns: [column("Name"), column("Holder"), ageColumn],
  cells(object, now) {
    const { metadata, spec } = object as unknown as Lease;
    return [metadata.name ?? "", spec?.holderIdentity ?? "", ageOf(object, now)];
  },
};

export const endpointSliceColumns: TableColumns = {
  columns: [column("Name"), column("AddressType"), column("Ports"), column("Endpoints"), ageColumn],
  cells(object, now) {
    const { metadata, addressType, ports, endpoints } = object as unknown as EndpointSlice;
    return [
      metadata.name ?? "",
      addressType,
      firstThree((ports ?? []).map(({ port, name }) => `${port ?? name ?? "*"}`)),
      firstThree((endpoints ?? []).flatMap(({ addresses }) => addresses)),
      ageOf(object, now),
    ];
  },
};
