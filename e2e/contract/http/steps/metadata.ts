import { create, type Exchange, get, mergePatch, remove } from "../exchange.ts";
import { tryCreate, tryPatch } from "./variants.ts";

const configMaps = "/api/v1/namespaces/api/configmaps";
const base = { metadata: { name: "meta" } };

function metadata(...each: readonly object[]): object[] {
  return each.map((more) => ({ metadata: more }));
}

const owner = { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: "0a1b2c3d-0000-4111-8222-333344445555" };

/** What every object has, tried on one that has nothing else. */
export const metadataSteps: readonly Exchange[] = [
  ...tryCreate(
    configMaps,
    base,
    metadata(
      {},
      { name: "" },
      { name: null },
      { name: "", generateName: "Bad.probe-" },
      { name: "given", generateName: "probe-" },
      { name: "a".repeat(254) },
      { name: "a/b" },
      { name: ".." },
      { name: "a..b" },
      { namespace: "" },
      { labels: { "": "a" } },
      { labels: { "example.com/a": "b", "example.com/": "c" } },
      { labels: { "a/b/c": "d" } },
      { labels: { "UPPER.com/a": "b" } },
      { labels: { ["a".repeat(64)]: "b" } },
      { labels: { [`${"a".repeat(254)}/b`]: "c" } },
      { labels: { a: "b".repeat(64) } },
      { labels: { a: "-b" } },
      { labels: { a: 1 } },
      { labels: { a: null } },
      { labels: null },
      { labels: [] },
      { annotations: { "Example.com/UPPER": "b" } },
      { annotations: { "not a key": "b" } },
      { annotations: { a: true } },
      { finalizers: ["plain"] },
      { finalizers: ["example.com/a", "example.com/a"] },
      { finalizers: ["not a name/a b"] },
      { finalizers: [""] },
      { finalizers: ["orphan", "foregroundDeletion"] },
      { finalizers: ["kubernetes"] },
      { ownerReferences: [owner] },
      { ownerReferences: [{ ...owner, uid: "" }] },
      { ownerReferences: [{ ...owner, apiVersion: "" }] },
      { ownerReferences: [{ ...owner, apiVersion: "a/b/c" }] },
      { ownerReferences: [{ ...owner, kind: "", name: "" }] },
      { ownerReferences: [{ ...owner, kind: "Event" }] },
      { ownerReferences: [owner, owner] },
      {
        ownerReferences: [
          { ...owner, controller: true },
          { ...owner, name: "b", controller: true },
        ],
      },
      { ownerReferences: [{ ...owner, blockOwnerDeletion: "yes" }] },
      { creationTimestamp: "yesterday" },
      { uid: "mine", generation: 9, creationTimestamp: "2020-01-02T03:04:05Z", selfLink: "/x" },
      { deletionTimestamp: "2020-01-02T03:04:05Z", deletionGracePeriodSeconds: 3 },
      { managedFields: [{ manager: "a" }] },
      { resourceVersion: "0" },
      { resourceVersion: "x" },
    ),
  ),
  create(configMaps, { metadata: { name: "meta", labels: { a: "1" }, annotations: { b: "2" } } }),
  ...tryPatch(
    `${configMaps}/meta`,
    metadata(
      { labels: { a: null } },
      { labels: { a: "not a value" } },
      { annotations: { b: null, c: "3" } },
      { finalizers: ["plain"] },
      { finalizers: ["example.com/a"] },
      { uid: "another" },
      { resourceVersion: "x" },
      { resourceVersion: "0" },
      { ownerReferences: [{ ...owner, name: "" }] },
      { generateName: "probe-" },
      { generation: 5 },
    ),
  ),
  mergePatch(`${configMaps}/meta`, { metadata: { finalizers: ["example.com/a", "example.com/b"] } }),
  remove(`${configMaps}/meta`),
  ...tryPatch(
    `${configMaps}/meta`,
    metadata(
      { finalizers: ["example.com/a"] },
      { finalizers: ["example.com/c"] },
      { finalizers: ["example.com/b", "example.com/a"] },
      { deletionTimestamp: null },
      { labels: { late: "yes" } },
    ),
  ),
  create(configMaps, base),
  remove(`${configMaps}/meta`, { propagationPolicy: "Background" }),
  remove(`${configMaps}/meta`, { propagationPolicy: "Orphan", orphanDependents: true }),
  remove(`${configMaps}/meta?propagationPolicy=Sideways`),
  remove(`${configMaps}/meta?gracePeriodSeconds=-1`, undefined, { brief: true }),
  mergePatch(`${configMaps}/meta`, { metadata: { finalizers: null } }),
  get(`${configMaps}/meta`),
];
