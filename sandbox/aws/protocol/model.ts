// AWS' own description of its requests and answers, as botocore has it (e2e/aws/testing/botocore.ts): what is not in it,
// no request may hold and no answer does.
import { readFileSync } from "node:fs";

export type Api = "elb" | "ec2" | "tagging" | "sts";

export interface Member {
  readonly shape: string;
  readonly locationName?: string;
  readonly queryName?: string;
}

/** What a value may be. */
export interface Shape {
  readonly type: "structure" | "list" | "map" | "string" | "boolean" | "integer" | "long" | "timestamp";
  readonly members?: Readonly<Record<string, Member>>;
  readonly required?: readonly string[];
  readonly member?: Member;
  readonly enum?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
}

interface Operation {
  readonly input?: string;
  readonly output?: string;
  /** What it is refused with, beside what any request may be. */
  readonly errors: readonly string[];
}

export interface Model {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

function read(api: Api): Model {
  return JSON.parse(readFileSync(new URL(`../model/${api}.json`, import.meta.url), "utf8")) as Model;
}

export const models: Readonly<Record<Api, Model>> = {
  elb: read("elb"),
  ec2: read("ec2"),
  tagging: read("tagging"),
  sts: read("sts"),
};

/** Why a value is none of its shape. */
export interface Misfit {
  readonly kind: "unknown" | "missing" | "wrong";
  /** `SubnetMappings.1.SubnetId` */
  readonly path: string;
  readonly value: unknown;
  readonly constraint: string;
}

/** What is broken of a shape, in AWS' words. */
type Check = (shape: Shape, value: unknown) => string | undefined;

/** Of answers nobody says how long they are: AWS shows no tags as a list of none. */
const checks: Readonly<Record<"request" | "answer", readonly Check[]>> = {
  request: [typeBroken, enumBroken, limitBroken],
  answer: [typeBroken, enumBroken],
};

/** The first thing in a request or an answer that its shape does not admit; undefined: it fits. */
export function misfit(
  model: Model,
  of: keyof typeof checks,
  name: string,
  value: unknown,
  path: string = "",
): Misfit | undefined {
  const shape = model.shapes[name] ?? { type: "structure" };
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  for (const check of checks[of]) {
    const constraint = check(shape, value);
    if (constraint !== undefined) return { kind: "wrong", path, value, constraint };
  }
  if (Array.isArray(value))
    return first(value, (one, i) => misfit(model, of, shape.member?.shape ?? "", one, at(`${i + 1}`)));
  if (shape.type !== "structure") return undefined;
  const given = Object.entries(value as object).filter(([, one]) => one !== undefined);
  const missing = shape.required?.find((key) => !given.some(([other]) => other === key));
  if (missing !== undefined)
    return { kind: "missing", path: at(missing), value: null, constraint: "Member must not be null" };
  return first(given, ([key, one]) => {
    const member = shape.members?.[key];
    return member === undefined
      ? { kind: "unknown", path: at(key), value: one, constraint: "Member must be known" }
      : misfit(model, of, member.shape, one, at(key));
  });
}

function first<T>(items: readonly T[], find: (item: T, i: number) => Misfit | undefined): Misfit | undefined {
  for (const [i, item] of items.entries()) {
    const found = find(item, i);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isOfType: Readonly<Record<Shape["type"], (value: unknown) => boolean>> = {
  structure: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  map: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  list: Array.isArray,
  string: (value) => typeof value === "string",
  timestamp: (value) => typeof value === "string",
  boolean: (value) => typeof value === "boolean",
  integer: Number.isSafeInteger,
  long: Number.isSafeInteger,
};

function typeBroken({ type }: Shape, value: unknown): string | undefined {
  return isOfType[type](value) ? undefined : `Member must be a ${type}`;
}

function enumBroken({ enum: values }: Shape, value: unknown): string | undefined {
  const isKnown = values?.includes(value as string) ?? true;
  return isKnown ? undefined : `Member must satisfy enum value set: [${values?.join(", ")}]`;
}

function limitBroken({ min, max, pattern }: Shape, value: unknown): string | undefined {
  const [what, size] =
    typeof value === "number" ? ["value", value] : ["length", (value as { readonly length?: number }).length ?? 0];
  if (min !== undefined && size < min) return `Member must have ${what} greater than or equal to ${min}`;
  if (max !== undefined && size > max) return `Member must have ${what} less than or equal to ${max}`;
  return pattern === undefined || new RegExp(pattern, "u").test(value as string)
    ? undefined
    : `Member must satisfy regular expression pattern: ${pattern}`;
}
