import type { JsonMap } from "../object.ts";
import { apiVersionOf, type ResourceType } from "../resource-type.ts";
import { compareVersions } from "../version-order.ts";

const collectionVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/** The same in the order that custom resources have them. */
const customVerbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const subresourceVerbs: Readonly<Record<string, readonly string[]>> = {
  status: ["get", "patch", "update"],
  scale: ["get", "patch", "update"],
  binding: ["create"],
  eviction: ["create"],
  finalize: ["update"],
  token: ["create"],
};
/** Subresources whose bodies are of another kind. */
const subresourceKinds: Readonly<Record<string, { group: string; version: string; kind: string }>> = {
  scale: { group: "autoscaling", version: "v1", kind: "Scale" },
  binding: { group: "", version: "v1", kind: "Binding" },
  eviction: { group: "policy", version: "v1", kind: "Eviction" },
  token: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" },
};

/** Namespaces are never deleted as a collection. */
function verbsOf(type: ResourceType): readonly string[] {
  if (type.isReview) return ["create"];
  if (type.custom !== undefined) return customVerbs;
  return type.kind === "Namespace" ? collectionVerbs.filter((verb) => verb !== "deletecollection") : collectionVerbs;
}

function groupsOf(types: readonly ResourceType[]): readonly string[] {
  return [...new Set(types.map(({ group }) => group))].toSorted();
}

/** The preferred one first. */
function versionsOf(types: readonly ResourceType[], name: string): readonly string[] {
  const versions = types.filter(({ group }) => group === name).map(({ version }) => version);
  return [...new Set(versions)].toSorted(compareVersions);
}

function namedGroup(types: readonly ResourceType[], name: string): JsonMap {
  const versions = versionsOf(types, name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions, preferredVersion: versions[0] };
}

/** The documents of plain discovery: `/api`, `/apis`, `/apis/GROUP`, `/api/v1`, `/apis/GROUP/VERSION`. */
export function plainDiscovery(types: readonly ResourceType[], path: string, address: string): JsonMap | undefined {
  const groups = groupsOf(types).filter((group) => group !== "");
  if (path === "/api")
    return {
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress: address }],
    };
  if (path === "/apis")
    return { kind: "APIGroupList", apiVersion: "v1", groups: groups.map((name) => namedGroup(types, name)) };
  const group = groups.find((name) => path === `/apis/${name}`);
  if (group !== undefined) return { kind: "APIGroup", apiVersion: "v1", ...namedGroup(types, group) };
  const groupVersion = path === "/api/v1" ? "v1" : path.startsWith("/apis/") ? path.slice("/apis/".length) : "";
  const served = types.filter((type) => apiVersionOf(type) === groupVersion);
  if (served.length === 0) return undefined;
  const metadata = served.some(({ custom }) => custom !== undefined) ? { metadata: {} } : {};
  return {
    kind: "APIResourceList",
    apiVersion: "v1",
    ...metadata,
    groupVersion,
    resources: served.flatMap(plainResources),
  };
}

function plainResources(type: ResourceType): JsonMap[] {
  const { plural, singular, namespaced, kind, shortNames, categories } = type;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: verbsOf(type),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    ...(type.custom === undefined ? {} : { storageVersionHash: type.custom.storageVersionHash }),
  };
  const below = type.subresources.map((name) => ({
    name: `${plural}/${name}`,
    singularName: "",
    namespaced,
    kind,
    ...subresourceKinds[name],
    verbs: subresourceVerbs[name],
  }));
  return [main, ...below];
}

/** The document of aggregated discovery, at `/api` for the core group and at `/apis` for all others. */
export function aggregatedDiscovery(types: readonly ResourceType[], path: string): JsonMap {
  const groups = groupsOf(types).filter((group) => (group === "") === (path === "/api"));
  return {
    kind: "APIGroupDiscoveryList",
    apiVersion: "apidiscovery.k8s.io/v2",
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === "" ? {} : { name: group },
      versions: versionsOf(types, group).map((version) => ({
        version,
        resources: types.filter((type) => type.group === group && type.version === version).map(aggregatedResource),
        freshness: "Current",
      })),
    })),
  };
}

function aggregatedResource(type: ResourceType): JsonMap {
  const { group, version, kind, plural, singular, namespaced, shortNames, categories } = type;
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? "Namespaced" : "Cluster",
    singularResource: singular,
    verbs: verbsOf(type),
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    subresources: type.subresources.map((name) => ({
      subresource: name,
      responseKind: subresourceKinds[name] ?? { group, version, kind },
      verbs: subresourceVerbs[name],
    })),
  };
}
