import { create, type Exchange, get, remove } from "../exchange.ts";

const services = "/api/v1/namespaces/api/services";

function service(name: string, address: string, labels: object): Exchange {
  return create(services, { metadata: { name, labels }, spec: { clusterIP: address, ports: [{ port: 80 }] } });
}

function accept(kind: string): { headers: Record<string, string> } {
  return { headers: { accept: `application/json;as=${kind};g=meta.k8s.io;v=v1` } };
}

/** Lists: selectors, pages, versions, other representations. */
export const listSteps: readonly Exchange[] = [
  get(services),
  service("a", "10.96.0.91", { app: "web", tier: "edge" }),
  service("b", "10.96.0.92", { app: "web" }),
  { ...service("c", "10.96.0.93", { app: "api" }), capture: { version: "metadata.resourceVersion" } },
  get(`${services}?limit=2`, { capture: { page: "metadata.continue" } }),
  get(`${services}?limit=2&continue=\${page}`),
  get(`${services}?limit=2&continue=nonsense`, { brief: true }),
  get(`${services}?limit=3`),
  get(`${services}?limit=many`, { brief: true }),
  get(`${services}?labelSelector=app%3Dweb&limit=1`),
  get(`${services}?labelSelector=app%20in%20(api,web),!tier`),
  get(`${services}?labelSelector=app%20!in%20(web)`),
  get(`${services}?labelSelector=app%3D%3D%3D`),
  get(`${services}?fieldSelector=metadata.name%3Da`),
  get(`${services}?fieldSelector=metadata.name!%3Da,metadata.namespace%3Dapi`),
  get(`${services}?fieldSelector=spec.clusterIP%3D10.96.0.92`),
  get(`${services}?fieldSelector=spec.ports%3D1`),
  get(`/api/v1/services?fieldSelector=metadata.name%3Dc`),
  get(`${services}?resourceVersion=\${version}&resourceVersionMatch=Exact&limit=1`),
  get(`${services}?resourceVersion=\${version}&resourceVersionMatch=NotOlderThan&fieldSelector=metadata.name%3Da`),
  get(`${services}?resourceVersion=0&limit=1`),
  get(`${services}?resourceVersion=99999999`),
  get(`${services}?resourceVersionMatch=Exact`),
  get(`${services}?resourceVersion=0&resourceVersionMatch=Exact`),
  get(`${services}?resourceVersion=1&resourceVersionMatch=Sometimes`),
  get(`${services}?resourceVersion=soon`, { brief: true }),
  get(`${services}?resourceVersion=1&limit=1&continue=\${page}`),
  // Versions and pages: what goes together.
  ...["", "&resourceVersionMatch=Exact", "&resourceVersionMatch=NotOlderThan"].flatMap((match) =>
    ["0", "1", "${version}", "99999999"].map((version) =>
      get(`${services}?limit=1&resourceVersion=${version}${match}`, { brief: true }),
    ),
  ),
  get(`${services}?limit=1&continue=\${page}&resourceVersionMatch=Exact`),
  get(`${services}?limit=1&continue=\${page}&resourceVersion=0`),
  get(`${services}?limit=0`),
  get(`${services}?limit=-1`, { brief: true }),
  get(`${services}?limit=2&resourceVersion=\${version}&resourceVersionMatch=NotOlderThan`),
  get(`${services}?limit=1&fieldSelector=metadata.name%3Dc`),
  get(`${services}?timeoutSeconds=5&limit=1&labelSelector=app`),
  get(services, accept("Table")),
  get(`${services}?includeObject=None&labelSelector=app%3Dapi`, accept("Table")),
  get(`${services}/a`, accept("Table")),
  get(services, accept("PartialObjectMetadataList")),
  get(`${services}/a`, accept("PartialObjectMetadata")),
  get(`${services}/a`, { headers: { accept: "text/html" }, brief: true }),
  remove(`${services}?labelSelector=app%3Dweb`),
  get(services),
  remove(services),
];
