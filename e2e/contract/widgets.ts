/** Two kinds that nobody needs, with a use of every feature of CustomResourceDefinitions that Berth's own kinds rely on. */
export const group = "toys.example.com";

const text = { type: "string" };
const whole = { type: "integer" };

const spec = {
  type: "object",
  description: "What is wanted of a widget.",
  required: ["color"],
  properties: {
    color: { ...text, description: "The paint.", enum: ["red", "green", "blue"] },
    code: { ...text, pattern: "^[a-z]+-[0-9]+$", minLength: 3, maxLength: 8 },
    size: { ...whole, format: "int32", minimum: 1, maximum: 10, default: 3 },
    ratio: { type: "number", exclusiveMinimum: true, minimum: 0, multipleOf: 0.5 },
    loud: { type: "boolean" },
    at: { ...text, format: "date-time" },
    every: { ...text, format: "duration" },
    address: { ...text, format: "ipv4" },
    range: { ...text, format: "cidr" },
    home: { ...text, format: "uri" },
    day: { ...text, format: "date" },
    blob: { ...text, format: "byte" },
    id: { ...text, format: "uuid" },
    note: { ...text, nullable: true },
    port: { "x-kubernetes-int-or-string": true },
    labels: { type: "object", additionalProperties: { ...text, maxLength: 5 }, maxProperties: 2 },
    tags: { type: "array", items: text, minItems: 1, maxItems: 3, "x-kubernetes-list-type": "set" },
    parts: {
      type: "array",
      maxItems: 4,
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      items: {
        type: "object",
        required: ["name"],
        properties: { name: text, count: { ...whole, default: 1 }, kind: { ...text, default: "plain" } },
      },
    },
    free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    defaulted: {
      type: "object",
      default: {},
      properties: { a: { ...text, default: "x" }, b: { ...whole, nullable: true, default: 7 } },
    },
    one: {
      type: "object",
      properties: { left: text, right: text },
      oneOf: [{ required: ["left"] }, { required: ["right"] }],
    },
    any: { ...whole, anyOf: [{ minimum: 10 }, { maximum: 3 }] },
    not: { ...text, not: { enum: ["never"] } },
    all: { ...text, allOf: [{ minLength: 2 }, { maxLength: 4 }] },
  },
};

const rules = {
  type: "object",
  properties: {
    min: whole,
    max: whole,
    share: { ...whole, "x-kubernetes-validations": [{ rule: "10 / self > 1" }] },
    fixed: {
      ...text,
      maxLength: 20,
      "x-kubernetes-validations": [{ rule: "self == oldSelf", message: "fixed never changes" }],
    },
    once: {
      ...text,
      maxLength: 20,
      "x-kubernetes-validations": [
        { rule: "!oldSelf.hasValue() || oldSelf.value() == self", optionalOldSelf: true, message: "once is for ever" },
      ],
    },
    cidrs: {
      type: "array",
      maxItems: 5,
      items: {
        ...text,
        maxLength: 50,
        "x-kubernetes-validations": [
          {
            rule: "isCIDR(self) && cidr(self).prefixLength() >= 8",
            messageExpression: "self + ' is no range of a sensible size'",
          },
        ],
      },
      "x-kubernetes-validations": [{ rule: "self.all(a, self.exists_one(b, a == b))", reason: "FieldValueDuplicate" }],
    },
    ip: { ...text, maxLength: 40, "x-kubernetes-validations": [{ rule: "isIP(self) && ip(self).family() == 4" }] },
    mode: { ...text, enum: ["on", "off"], maxLength: 3, default: "on" },
    words: {
      type: "object",
      additionalProperties: { ...text, maxLength: 10 },
      maxProperties: 4,
      "x-kubernetes-validations": [
        { rule: "self.all(key, key.matches('^[a-z.]+$') && self[key] != '')", message: "words are lower case" },
      ],
    },
  },
  "x-kubernetes-validations": [
    {
      rule: "!has(self.min) || !has(self.max) || self.min <= self.max",
      message: "min may not exceed max",
      fieldPath: ".min",
      reason: "FieldValueForbidden",
    },
    { rule: "has(self.max) == has(oldSelf.max)", message: "max comes and goes never" },
    {
      rule: "self.mode == 'on' || (!has(self.cidrs) || size(self.cidrs) == 0)",
      messageExpression: "'mode ' + self.mode + ' has no cidrs'",
      fieldPath: ".mode",
      reason: "FieldValueInvalid",
    },
  ],
};

const status = {
  type: "object",
  properties: {
    phase: { ...text, enum: ["Ready", "Broken"] },
    count: whole,
    conditions: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: { type: "object", required: ["type", "status"], properties: { type: text, status: text, reason: text } },
    },
  },
};

const columns = [
  { name: "Color", type: "string", jsonPath: ".spec.color", description: "The paint" },
  { name: "Size", type: "integer", jsonPath: ".spec.size" },
  { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  { name: "Loud", type: "boolean", jsonPath: ".spec.loud", priority: 1 },
  { name: "Parts", type: "string", jsonPath: ".spec.parts[*].name", priority: 1 },
  { name: "Ratio", type: "number", jsonPath: ".spec.ratio", priority: 1 },
  { name: "At", type: "date", jsonPath: ".spec.at", priority: 1 },
  { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
];

export const widgetNames = {
  plural: "widgets",
  singular: "widget",
  kind: "Widget",
  shortNames: ["wd"] as const,
  categories: ["toys"] as const,
};

const version = {
  name: "v1alpha1",
  served: true,
  storage: true,
  subresources: { status: {} },
  additionalPrinterColumns: columns,
  schema: {
    openAPIV3Schema: {
      type: "object",
      description: "A thing to play with.",
      required: ["spec"],
      properties: {
        apiVersion: text,
        kind: text,
        metadata: { type: "object" },
        spec: { ...spec, properties: { ...spec.properties, rules } },
        status,
      },
    },
  },
};

export interface Definition {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

function definition(name: string, definitionSpec: Definition["spec"]): Definition {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name },
    spec: definitionSpec,
  };
}

/** In namespaces, with a status. */
export const widgets: Definition = definition(`widgets.${group}`, {
  group,
  scope: "Namespaced",
  names: widgetNames,
  versions: [version],
});

/** Of the cluster, in two versions, without a status, a column or names beyond the plural and the kind. */
export const gears: Definition = definition(`gears.${group}`, {
  group,
  scope: "Cluster",
  names: { plural: "gears", kind: "Gear" },
  versions: ["v1", "v1beta1"].map((name) => ({
    name,
    served: true,
    storage: name === "v1",
    ...(name === "v1" ? {} : { deprecated: true }),
    schema: {
      openAPIV3Schema: {
        type: "object",
        "x-kubernetes-validations": [{ rule: "self.teeth > 0", message: "a gear has teeth" }],
        properties: {
          teeth: { ...whole, default: 8 },
          spec: { type: "object", properties: { round: { type: "boolean" } } },
        },
      },
    },
  })),
});
