import { group } from "../../widgets.ts";
import { create, type Exchange, get, mergePatch, patch, remove, update } from "../exchange.ts";
import { definitions } from "./definitions.ts";
import { inEveryForm, tryCreate, tryPatch } from "./variants.ts";

const widgets = `/apis/${group}/v1alpha1/namespaces/default/widgets`;
const a = `${widgets}/a`;
const gears = `/apis/${group}/v1/gears`;
const oldGears = `/apis/${group}/v1beta1/gears`;

function widget(spec: object, more: object = {}): object {
  return {
    apiVersion: `${group}/v1alpha1`,
    kind: "Widget",
    metadata: { name: "a" },
    spec: { color: "red", ...spec },
    ...more,
  };
}

/** Each spec in place of the usual one, without leaving it. */
function trySpecs(...specs: readonly object[]): Exchange[] {
  return tryCreate(
    widgets,
    widget({}),
    specs.map((spec) => ({ spec })),
  );
}

const schema: readonly Exchange[] = [
  create(`${widgets}?dryRun=All`, { apiVersion: `${group}/v1alpha1`, kind: "Widget", metadata: { name: "a" } }),
  create(`${widgets}?dryRun=All`, widget({}, { spec: "red" })),
  create(`${widgets}?dryRun=All`, widget({}, { spec: {} })),
  create(`${widgets}?dryRun=All`, widget({}, { spec: null })),
  ...trySpecs(
    { color: "pink" },
    { color: 7 },
    { color: null },
    { code: "A" },
    { code: "abcdefgh-1" },
    { code: "abc" },
    { size: 0 },
    { size: 11 },
    { size: 1.5 },
    { size: "3" },
    { size: 3_000_000_000 },
    { size: null },
    { ratio: 0 },
    { ratio: 0.7 },
    { ratio: 2 },
    { loud: "yes" },
    { at: "yesterday" },
    { at: "2026-01-02T03:04:05Z", every: "5m", day: "2026-01-02", id: "8e65fb2a-0000-4000-8000-000000000000" },
    { every: "often" },
    { day: "2026-13-02" },
    { id: "me" },
    { address: "::1" },
    { range: "10.0.0.0" },
    { home: "nowhere" },
    { blob: "%" },
    { note: null },
    { port: 80 },
    { port: "http" },
    { port: true },
    { labels: { a: "b", c: "longer" } },
    { labels: { a: "1", b: "2", c: "3" } },
    { labels: { a: 1 } },
    { labels: { a: null } },
    { tags: [] },
    { tags: ["a", "b", "c", "d"] },
    { tags: ["a", "b", "a"] },
    { tags: [1] },
    { tags: "a" },
    { parts: [{}, { name: "x", count: "y" }] },
    { parts: [{ name: "x" }, { name: "x", kind: null }] },
    { parts: [{ name: "x", wrong: 1 }] },
    { free: { any: [{ thing: 1 }] } },
    { defaulted: { a: "y", b: null, c: 1 } },
    { one: {} },
    { one: { left: "l", right: "r" } },
    { one: { left: "l" } },
    { any: 5 },
    { any: 12 },
    { not: "never" },
    { all: "x" },
    { all: "abcde" },
    { wrong: 1, rules: { more: 2 } },
  ),
  create(`${widgets}?fieldValidation=Strict`, widget({ wrong: 1, rules: { more: 2 } })),
  create(`${widgets}?fieldValidation=Strict`, widget({}, { metadata: { name: "a", color: "red" } })),
  create(`${widgets}?fieldValidation=Ignore&dryRun=All`, widget({ wrong: 1 })),
  create(widgets, widget({}, { metadata: { name: "A_b" } })),
  create(widgets, widget({}, { metadata: { name: "a", labels: { "not a key": "x" } } })),
  create(widgets, widget({}, { metadata: { name: "a", labels: { a: 1 } } }), { brief: true }),
  create(widgets, widget({}, { metadata: { name: "a", namespace: "elsewhere" } })),
  create(widgets, widget({}, { kind: "Gadget" })),
  create(widgets, { metadata: { name: "a" } }),
  create(`/apis/${group}/v1alpha1/namespaces/nowhere/widgets`, widget({})),
  get(`/apis/${group}/v1alpha1/nothings`),
];

const rules: readonly Exchange[] = trySpecs(
  ...[
    { min: 2, max: 1 },
    { min: 1, max: 2 },
    { min: 1.5 },
    { min: 9007199254740991 },
    { share: 0 },
    { share: 20 },
    { fixed: "new", once: "new" },
    { cidrs: ["10.0.0.0/8", "fd00::/64"] },
    { cidrs: ["10.0.0.0/7", "nonsense"] },
    { cidrs: ["10.0.0.0/8", "10.0.0.0/8"] },
    { mode: "off", cidrs: ["10.0.0.0/8"] },
    { ip: "::1" },
    { ip: "10.1.2.3" },
    { words: { a: "b", "c.d": "e" } },
    { words: { A: "b" } },
  ].map((rules) => ({ rules })),
);

const changes: readonly Exchange[] = [
  create(
    widgets,
    widget(
      { rules: { fixed: "f", once: "o", max: 3 }, parts: [{ name: "p" }, { name: "q" }] },
      { status: { phase: "Ready" } },
    ),
    {
      capture: { first: "metadata.resourceVersion" },
    },
  ),
  create(widgets, widget({})),
  get(a),
  ...tryPatch(a, [
    { spec: { rules: { fixed: "g" } } },
    { spec: { rules: { once: "p" } } },
    { spec: { rules: { max: null } } },
    { spec: { rules: { fixed: null, once: null } } },
    { spec: { color: "pink" } },
    { spec: { wrong: 1 } },
    { spec: null },
    { metadata: { name: "b" } },
    { metadata: { resourceVersion: "1" } },
    { metadata: { generation: 9 } },
  ]),
  mergePatch(a, { metadata: { labels: { a: "b" } } }),
  mergePatch(a, { spec: { size: 4 }, status: { phase: "Broken" } }),
  mergePatch(a, { spec: { size: 4 } }),
  mergePatch(`${a}/status`, {
    metadata: { labels: { c: "d" } },
    spec: { size: 5 },
    status: { phase: "Ready", wrong: 1 },
  }),
  mergePatch(`${a}/status`, { status: { phase: "Nice" } }),
  mergePatch(`${a}/status`, {
    status: {
      conditions: [
        { type: "Ready", status: "True" },
        { type: "Ready", status: "False" },
      ],
    },
  }),
  mergePatch(`${a}/status`, { status: { conditions: [{ type: "Ready", status: "True" }] } }),
  get(`${a}/status`),
  get(`${a}/scale`),
  patch("application/json-patch+json", a, [{ op: "replace", path: "/spec/size", value: 6 }]),
  patch("application/strategic-merge-patch+json", a, { spec: { size: 7 } }),
  update(a, widget({})),
  update(a, widget({ size: 8 }, { metadata: { name: "a", resourceVersion: "${first}" } })),
  update(`${widgets}/b`, widget({}, { metadata: { name: "b", resourceVersion: "1" } })),
  create(
    widgets,
    widget({ color: "blue", ratio: 1.5, loud: true, at: "2026-01-02T03:04:05Z" }, { metadata: { name: "b" } }),
  ),
  ...inEveryForm(widgets),
  get(a, { headers: { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" } }),
  get(`${widgets}?fieldSelector=spec.color%3Dred`),
  get(`${widgets}?fieldSelector=metadata.name%3Db`),
  get(`${widgets}?labelSelector=a%3Db`),
  get(`${widgets}?limit=1`),
  get(`${widgets}?watch=true&resourceVersion=0`, {
    events: 4,
    during: [mergePatch(`${widgets}/b`, { spec: { loud: false } }), remove(`${widgets}/b`)],
  }),
  mergePatch(a, { metadata: { finalizers: ["example.com/keep"] } }),
  remove(a),
  mergePatch(a, { metadata: { finalizers: null } }),
  get(a),
];

const versions: readonly Exchange[] = [
  create(gears, {
    apiVersion: `${group}/v1`,
    kind: "Gear",
    metadata: { name: "g" },
    spec: { round: true },
    status: { a: 1 },
  }),
  get(`${oldGears}/g`),
  mergePatch(`${oldGears}/g`, { teeth: 9 }),
  get(`${gears}/g`),
  get(gears),
  ...inEveryForm(gears),
  get(`${gears}/g/status`),
  mergePatch(`${gears}/g`, { teeth: 0 }),
  create(oldGears, {
    apiVersion: `${group}/v1beta1`,
    kind: "Gear",
    metadata: { generateName: "probe-" },
    teeth: "many",
  }),
];

/** Custom resources of the toy kinds, and their end with that of the kinds. */
export const customSteps: readonly Exchange[] = [
  ...schema,
  ...rules,
  ...changes,
  ...versions,
  create(widgets, widget({})),
  remove(`${definitions}/widgets.${group}`),
  get(`${definitions}/widgets.${group}`, { until: /NotFound/ }),
  get(a, { until: /page not found/ }),
  remove(`${definitions}/gears.${group}`, undefined, { brief: true }),
  get(`${definitions}/gears.${group}`, { until: /NotFound/ }),
  get(`/apis/${group}`, { until: /page not found/ }),
];
