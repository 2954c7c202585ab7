import { type Definition, gears, group, widgetNames, widgets } from "../../widgets.ts";
import { create, type Exchange, get, mergePatch, remove } from "../exchange.ts";
import { inEveryForm } from "./variants.ts";

export const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const widgetsPath = `/apis/${group}/v1alpha1/widgets`;

const schemaOf = (root: object): object => ({ openAPIV3Schema: { type: "object", ...root } });
const plain = { name: "v1", served: true, storage: true, schema: schemaOf({}) };

/** Widgets without a schema to speak of and with another spec, tried without leaving them. */
function tryDefinition(change: Readonly<Record<string, unknown>>, metadata = widgets.metadata): Exchange {
  const spec = { ...widgets.spec, versions: [plain], ...change };
  return create(`${definitions}?dryRun=All`, { ...widgets, metadata, spec });
}

function trySchema(root: object, more: object = {}): Exchange {
  return tryDefinition({ versions: [{ ...plain, schema: schemaOf(root), ...more }] });
}

/** One field of a spec; where the server speaks with the words of a parser, only that it refuses counts. */
function trySpec(field: object, brief = false): Exchange {
  const exchange = trySchema({ properties: { spec: { type: "object", properties: { field } } } });
  return brief ? { ...exchange, brief } : exchange;
}

const rule = (rule: string, more: object = {}): object => ({ "x-kubernetes-validations": [{ rule, ...more }] });

const refusals: readonly Exchange[] = [
  tryDefinition({}, { name: "gadgets.toys.example.com" }),
  tryDefinition({ scope: "Global" }),
  tryDefinition({ group: "" }),
  tryDefinition({ versions: [] }),
  tryDefinition({ names: { ...widgetNames, kind: "a widget", shortNames: ["W"] } }),
  tryDefinition({ versions: [{ name: "v1", served: true, storage: true }] }),
  tryDefinition({ versions: [plain, { ...plain, name: "v2" }] }),
  tryDefinition({ versions: [{ ...plain, name: "V1", storage: false }] }),
  trySchema({ type: "string" }),
  trySpec({}),
  trySpec({ type: "text" }),
  trySpec({ type: "array" }),
  trySpec({ type: "integer", default: "one" }),
  trySpec({ type: "object", properties: { a: { type: "string" } }, additionalProperties: { type: "string" } }),
  trySpec({ type: "string", pattern: "(" }, true),
  trySpec({ type: "array", items: { type: "string" }, "x-kubernetes-list-type": "map" }),
  trySpec({ type: "string", nullable: true, uniqueItems: true }),
  trySpec({ type: "string", maxLength: 9, ...rule("self.size() >") }, true),
  trySpec({ type: "string", maxLength: 9, ...rule("self + 1") }, true),
  trySpec({ type: "string", maxLength: 9, ...rule("unknown == self") }, true),
  trySpec({ type: "string", maxLength: 9, ...rule("") }),
  trySpec({ type: "string", maxLength: 9, ...rule("self == ''", { reason: "Other" }) }),
  trySpec({ type: "string", maxLength: 9, ...rule("self == ''", { message: "two\nlines" }) }),
  trySchema({}, { additionalPrinterColumns: [{ name: "A", type: "text", jsonPath: "spec" }] }),
  create(`${definitions}?fieldValidation=Strict`, {
    ...widgets,
    spec: { ...widgets.spec, versions: [plain], wrong: 1 },
  }),
];

function establish(definition: Definition, path: string): Exchange[] {
  const { name } = definition.metadata;
  return [
    create(definitions, definition),
    get(`${definitions}/${name}`, {
      until: /"type":"Established","status":"True"|"status":"True"[^}]*"type":"Established"/,
    }),
    get(path, { until: /"items"/ }),
  ];
}

/** Definitions themselves, and how their kinds are found. Leaves both. */
export const definitionSteps: readonly Exchange[] = [
  get(definitions),
  ...refusals,
  get(widgetsPath),
  ...establish(widgets, widgetsPath),
  ...establish(gears, `/apis/${group}/v1beta1/gears`),
  create(definitions, widgets),
  get(`/apis/${group}`, { until: /v1beta1/ }),
  get(`/apis/${group}/v1alpha1`, { until: /widgets/ }),
  get(`/apis/${group}/v1`, { until: /gears/ }),
  get(`/apis/${group}/v1beta1`, { until: /gears/ }),
  get(`/apis/${group}/v2`),
  ...inEveryForm(definitions),
  get(`${definitions}?fieldSelector=metadata.name%3Dgears.${group}`, { brief: true }),
  mergePatch(`${definitions}/widgets.${group}`, { metadata: { labels: { a: "b" } } }),
  mergePatch(`${definitions}/widgets.${group}`, { spec: { scope: "Cluster" } }),
  mergePatch(`${definitions}/widgets.${group}`, { spec: { group: "games.example.com" } }),
  mergePatch(`${definitions}/widgets.${group}/status`, { status: { storedVersions: [] } }),
  // A second owner of the names gets none of them.
  create(definitions, {
    ...widgets,
    metadata: { name: `gadgets.${group}` },
    spec: { ...widgets.spec, versions: [plain], names: { ...widgetNames, plural: "gadgets" } },
  }),
  get(`${definitions}/gadgets.${group}`, { until: /NamesAccepted/ }),
  remove(`${definitions}/gadgets.${group}`),
  get(`${definitions}/gadgets.${group}`, { until: /NotFound/ }),
];
