import { readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

/** A node of a CustomResourceDefinition's schema. */
export interface StructuralSchema {
  readonly type: "object" | "array" | "string" | "integer" | "boolean";
  readonly properties?: Readonly<Record<string, StructuralSchema>>;
  readonly additionalProperties?: StructuralSchema;
  readonly items?: StructuralSchema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly format?: string;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message: string }[];
  readonly description?: string;
}

/** One of the files in `crds`. */
export interface Definition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly scope: "Cluster" | "Namespaced";
    readonly names: { readonly kind: string; readonly plural: string };
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: StructuralSchema } }[];
  };
}

/** A value that an API server accepts at a place of an object, and one that it refuses. */
export interface RuleCase {
  readonly rule: string;
  readonly kind: string;
  /** Where the value is: `spec.nodePorts`. */
  readonly at: string;
  /** Where the refusal stands: `spec.nodePorts.band`. */
  readonly path: string;
  /** Absent: the words are the API server's. */
  readonly message?: string;
  /** The object before the change that is accepted or refused; absent: it is made. */
  readonly before?: object;
  readonly accepted: object;
  readonly refused: object;
}

interface Row extends Pick<RuleCase, "rule" | "message"> {
  readonly at: readonly string[];
  readonly below?: string;
  readonly before?: unknown;
  readonly accepted: unknown;
  readonly refused: unknown;
}

const crds = new URL("../../../../charts/berth/files/crds/", import.meta.url);

const fine: Readonly<Record<string, object>> = {
  LoadBalancerClass: { spec: { loadBalancerClass: "example.com/a", l2: {} } },
  IPAddressPool: { spec: { ranges: ["192.0.2.0/24"] } },
};

/** What is in `charts/berth/files/crds`, by kind. */
export const definitions: ReadonlyMap<string, Definition> = new Map(
  readdirSync(crds)
    .filter((name) => name.endsWith(".yaml"))
    .map((name): Definition => parse(readFileSync(new URL(name, crds), "utf8")))
    .map((definition) => [definition.spec.names.kind, definition]),
);

/** The table `testdata/rules.yaml`. */
export const ruleCases: readonly RuleCase[] = (
  parse(readFileSync(new URL("testdata/rules.yaml", import.meta.url), "utf8")) as Row[]
).flatMap(({ at, ...row }) => at.map((place) => ruleCase(row, place)));

function ruleCase({ rule, message, below = "", before, accepted, refused }: Omit<Row, "at">, place: string): RuleCase {
  const [kind = "", at = ""] = place.split(" ");
  const object = (value: unknown): object => put(fineObject(kind), at.split("."), value) as object;
  return {
    rule,
    kind,
    at,
    path: at + below,
    ...(message !== undefined && { message }),
    ...(before !== undefined && { before: object(before) }),
    accepted: object(accepted),
    refused: object(refused),
  };
}

/** An object of a kind, called `case`, with which nothing is wrong. */
export function fineObject(kind: string): object {
  return { apiVersion: "berth.dev/v1alpha1", kind, metadata: { name: "case" }, ...fine[kind] };
}

function put(into: unknown, [first, ...rest]: readonly string[], value: unknown): unknown {
  if (first === undefined) return value;
  const fields = (into ?? {}) as Readonly<Record<string, unknown>>;
  return { ...fields, [first]: put(fields[first], rest, value) };
}

/** The schema of a kind as its file in `crds` has it. */
export function schemaOf(kind: string): StructuralSchema {
  const schema = definitions.get(kind)?.spec.versions[0]?.schema.openAPIV3Schema;
  if (schema === undefined) throw new Error(`crds has no ${kind}`);
  return schema;
}
