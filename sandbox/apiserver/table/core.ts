// The columns of the core kinds, as kube-apiserver's printers make them.
import type { Namespace, Node, Service } from "../../../src/api/index.ts";
import { asMap, asText, type KubeObject, valueAt } from "../object.ts";
import { ageColumn, ageOf, column, firstThree, labelText, since, type TableColumns, wide } from "./table.ts";

export const serviceColumns: TableColumns = {
  columns: [
    column("Name"),
    column("Type"),
    column("Cluster-IP"),
    column("External-IP"),
    column("Port(s)"),
    ageColumn,
    wide("Selector"),
  ],
  cells(object, now) {
    const { metadata, spec, status } = object as unknown as Service;
    const ports = (spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
      nodePort === undefined ? `${port}/${protocol}` : `${port}:${nodePort}/${protocol}`,
    );
    return [
      metadata.name ?? "",
      spec?.type ?? "",
      spec?.clusterIPs?.[0] ?? "<none>",
      externalIps(spec, status),
      ports.join(",") || "<none>",
      ageOf(object, now),
      labelText(spec?.selector),
    ];
  },
};

function externalIps(spec: Service["spec"], status: Service["status"]): string {
  const fixed = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case "LoadBalancer": {
      const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? "");
      const text = [...new Set(ingress)]
        .filter((address) => address !== "")
        .toSorted()
        .join(",");
      return [...(text === "" ? [] : [text]), ...fixed].join(",") || "<pending>";
    }
    case "ExternalName":
      return spec.externalName ?? "";
    case "ClusterIP":
    case "NodePort":
      return fixed.join(",") || "<none>";
    case undefined:
    default:
      return "<unknown>";
  }
}

export const nodeColumns: TableColumns = {
  columns: [
    column("Name"),
    column("Status"),
    column("Roles"),
    ageColumn,
    column("Version"),
    wide("Internal-IP"),
    wide("External-IP"),
    wide("OS-Image"),
    wide("Kernel-Version"),
    wide("Container-Runtime"),
  ],
  cells(object, now) {
    const { metadata, spec, status } = object as unknown as Node;
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    const state = ready === undefined ? "Unknown" : ready.status === "True" ? "Ready" : "NotReady";
    const info = status?.nodeInfo;
    const address = (type: string): string => status?.addresses?.find((a) => a.type === type)?.address ?? "<none>";
    const kernel = info?.kernelVersion || "<unknown>";
    return [
      metadata.name ?? "",
      spec?.unschedulable === true ? `${state},SchedulingDisabled` : state,
      nodeRoles(metadata.labels ?? {}),
      ageOf(object, now),
      info?.kubeletVersion ?? "",
      address("InternalIP"),
      address("ExternalIP"),
      info?.osImage || "<unknown>",
      info?.architecture ? `${kernel} (${info.architecture})` : kernel,
      info?.containerRuntimeVersion || "<unknown>",
    ];
  },
};

const rolePrefix = "node-role.kubernetes.io/";

function nodeRoles(labels: Readonly<Record<string, string>>): string {
  const roles = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix) && key.length > rolePrefix.length) return [key.slice(rolePrefix.length)];
    return key === "kubernetes.io/role" && value !== "" ? [value] : [];
  });
  return [...new Set(roles)].toSorted().join(",") || "<none>";
}

export const namespaceColumns: TableColumns = {
  columns: [column("Name"), column("Status"), ageColumn],
  cells(object, now) {
    const { metadata, status } = object as unknown as Namespace;
    return [metadata.name ?? "", status?.phase ?? "", ageOf(object, now)];
  },
};

export const endpointsColumns: TableColumns = {
  columns: [column("Name"), column("Endpoints"), ageColumn],
  cells(object, now) {
    const subsets = (object["subsets"] ?? []) as readonly {
      addresses?: { ip: string }[];
      ports?: { port: number }[];
    }[];
    const pairs = subsets.flatMap(({ addresses = [], ports = [] }) =>
      ports.length === 0
        ? addresses.map(({ ip }) => ip)
        : ports.flatMap(({ port }) =>
            addresses.map(({ ip }) => (ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`)),
          ),
    );
    return [object.metadata.name ?? "", pairs.length === 0 ? "<none>" : firstThree(pairs), ageOf(object, now)];
  },
};

export const eventColumns: TableColumns = {
  columns: [
    column("Last Seen"),
    column("Type"),
    column("Reason"),
    column("Object"),
    wide("Subobject"),
    wide("Source"),
    column("Message"),
    wide("First Seen"),
    wide("Count"),
    wide("Name", { format: "name" }),
  ],
  cells(event, now) {
    const first = since(event["firstTimestamp"] ?? event["eventTime"], now);
    const series = asMap(event["series"]);
    const last =
      event["series"] !== undefined
        ? since(series["lastObservedTime"], now)
        : typeof event["lastTimestamp"] === "string"
          ? since(event["lastTimestamp"], now)
          : first;
    const count = event["series"] !== undefined ? series["count"] : event["count"] || 1;
    const about = asMap(event["involvedObject"]);
    const kind = asText(about["kind"]).toLowerCase();
    return [
      last,
      asText(event["type"]),
      asText(event["reason"]),
      asText(about["name"]) === "" ? kind : `${kind}/${asText(about["name"])}`,
      asText(about["fieldPath"]),
      eventSource(event),
      asText(event["message"]).trim(),
      first,
      Number(count),
      event.metadata.name ?? "",
    ];
  },
};

function eventSource(event: KubeObject): string {
  const component = asText(valueAt(event, "source.component")) || asText(event["reportingComponent"]);
  const instance = asText(valueAt(event, "source.host")) || asText(event["reportingInstance"]);
  return instance === "" ? component : `${component}, ${instance}`;
}

export const secretColumns: TableColumns = {
  columns: [column("Name"), column("Type"), column("Data"), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? "",
    asText(object["type"]),
    Object.keys(asMap(object["data"])).length,
    ageOf(object, now),
  ],
};

export const configMapColumns: TableColumns = {
  columns: [column("Name"), column("Data"), ageColumn],
  cells: (object, now) => [
    object.metadata.name ?? "",
    Object.keys(asMap(object["data"])).length + Object.keys(asMap(object["binaryData"])).length,
    ageOf(object, now),
  ],
};

export const serviceAccountColumns: TableColumns = {
  columns: [column("Name"), ageColumn],
  cells: (object, now) => [object.metadata.name ?? "", ageOf(object, now)],
};
