import { create, type Exchange, get, mergePatch, remove } from "../exchange.ts";

const services = "/api/v1/namespaces/api/services";

function service(name: string, address: string, labels: object = {}): Exchange {
  return create(services, { metadata: { name, labels }, spec: { clusterIP: address, ports: [{ port: 80 }] } });
}

const initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

/** Watches: from a version, from now, with the initial state first, through selectors. */
export const watchSteps: readonly Exchange[] = [
  { ...service("a", "10.96.0.91", { app: "web" }), capture: { version: "metadata.resourceVersion" } },
  get(`${services}?watch=true&resourceVersion=\${version}`, {
    events: 5,
    during: [
      service("b", "10.96.0.92", { app: "web" }),
      mergePatch(`${services}/a`, { metadata: { labels: { app: "api" } } }),
      mergePatch(`${services}/a`, { metadata: { finalizers: ["example.com/a"] } }),
      remove(`${services}/b`),
      remove(`${services}/a`),
    ],
  }),
  get(`${services}?watch=true&resourceVersion=\${version}`, { events: 5 }),
  get(`${services}?watch=true&resourceVersion=\${version}&labelSelector=app%3Dweb`, { events: 3 }),
  get(`${services}?watch=true&resourceVersion=\${version}&fieldSelector=metadata.name%3Db`, { events: 2 }),
  get(`${services}?watch=true`, { events: 1 }),
  get(`${services}?watch=true&resourceVersion=0`, { events: 1 }),
  get(`${services}?watch=1&${initial}`, {
    events: 4,
    during: [
      mergePatch(`${services}/a`, { metadata: { labels: { b: "1" } } }),
      mergePatch(`${services}/a`, { metadata: { finalizers: null } }),
    ],
  }),
  get(`${services}?watch=1&${initial}`, { events: 1 }),
  service("c", "10.96.0.93"),
  service("d", "10.96.0.94", { app: "web" }),
  get(`${services}?watch=1&${initial}`, { events: 3 }),
  get(`${services}?watch=1&${initial}&labelSelector=app%3Dweb`, { events: 2 }),
  get(`${services}?watch=1&${initial}&resourceVersion=\${version}`, { events: 3 }),
  get(`${services}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true`, { events: 1 }),
  get(`${services}?watch=1&sendInitialEvents=true&resourceVersionMatch=Exact&resourceVersion=0`, { events: 1 }),
  get(`${services}?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=\${version}`, {
    events: 1,
  }),
  get(`${services}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan`),
  get(`${services}?watch=1&timeoutSeconds=1&resourceVersion=\${version}&labelSelector=none`, { events: 1 }),
  // Older than what the server has seen itself.
  get(`${services}?watch=1&resourceVersion=1`, { events: 1 }),
  get(`${services}?watch=1&resourceVersion=soon`, { brief: true }),
  get(`${services}?watch=1&timeoutSeconds=1&resourceVersion=99999999`, { events: 1 }),
  get(`${services}/c?watch=1&fieldSelector=metadata.name%3Dd`, { events: 1 }),
  get("/api/v1/watch/namespaces/api/services", { events: 2 }),
  get("/api/v1/watch/namespaces/api/services/d", { events: 1 }),
  get(`${services}?watch=1&${initial}`, {
    events: 3,
    headers: { accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1" },
  }),
  get(`${services}?watch=1&resourceVersion=0`, {
    events: 2,
    headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" },
  }),
  remove(services),
  remove("/api/v1/namespaces/api"),
];
