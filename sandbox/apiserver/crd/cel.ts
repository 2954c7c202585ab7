import { type ASTNode, Environment, EvaluationError, Optional, ParseError, TypeError } from "@marcbachmann/cel-js";
import { errorMessage } from "../../../src/base/index.ts";
import { addNetworkFunctions } from "./cel-network.ts";
import type { JsonSchema } from "./json-schema.ts";

/** An expression over `self` and `oldSelf`. */
export interface Expression {
  /** Whether it is about a change. */
  readonly usesOldSelf: boolean;
  /** Throws an error whose message is CEL's. */
  evaluate(self: unknown, oldSelf: unknown): unknown;
}

export { Optional };

/** CEL's own words, without the library's drawing of where. */
export function celMessage(error: unknown): string {
  const isOwn = error instanceof ParseError || error instanceof TypeError || error instanceof EvaluationError;
  const text = isOwn ? error.summary : errorMessage(error);
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}

/** The types whose misuse is seen before a rule runs; of objects and lists no more is known than that they are some. */
const scalarTypes: Readonly<Record<string, string>> = {
  string: "string",
  integer: "int",
  number: "double",
  boolean: "bool",
};

const speaking: ReadonlySet<string> = new Set(["date", "date-time", "duration", "byte"]);

function celType({ type = "", format = "", ...schema }: JsonSchema): string {
  return schema.nullable === true || speaking.has(format) ? "dyn" : (scalarTypes[type] ?? "dyn");
}

const environments = new Map<string, Environment>();

function environmentOf(type: string, oldType: string): Environment {
  const key = `${type} ${oldType}`;
  let found = environments.get(key);
  if (found === undefined) {
    found = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
    addNetworkFunctions(found);
    found.registerVariable("self", type).registerVariable("oldSelf", oldType);
    environments.set(key, found);
  }
  return found;
}

/** Compiles an expression about values of a schema; throws what is wrong with it. */
export function compile(
  text: string,
  schema: JsonSchema,
  result: "bool" | "string",
  hasOptionalOld: boolean,
): Expression {
  const type = celType(schema);
  const environment = environmentOf(type, hasOptionalOld ? `optional<${type}>` : type);
  const parsed = environment.parse(text);
  const checked = parsed.check();
  if (!checked.valid) throw checked.error ?? new Error("the expression is not valid");
  if (checked.type !== result && checked.type !== "dyn") throw new Error(`cel expression must evaluate to a ${result}`);
  return {
    usesOldSelf: names(parsed.ast).has("oldSelf"),
    evaluate: (self, oldSelf) => parsed({ self, oldSelf }),
  };
}

/** Every name that an expression speaks of. */
function names(node: ASTNode): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) for (const inner of value) visit(inner);
    else if (typeof value === "object" && value !== null && "op" in value && "args" in value) {
      if (value.op === "id") found.add(String(value.args));
      else visit(value.args);
    }
  };
  visit(node);
  return found;
}
