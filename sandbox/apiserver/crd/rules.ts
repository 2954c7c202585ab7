// `x-kubernetes-validations`: what rules say of a value and of its change.
import { duplicate, type FieldError, forbiddenField, invalid, required, wrongValue } from "../field-error.ts";
import { isMap, sameJson } from "../object.ts";
import { celMessage, compile, type Expression, Optional } from "./cel.ts";
import { celValue, membersOf } from "./cel-values.ts";
import { oldItem, oldMember } from "./correlation.ts";
import { childPath, type JsonSchema, type ValidationRule } from "./json-schema.ts";

/** A rule that is ready to run. */
interface Compiled {
  readonly rule: Expression;
  readonly message: Expression | undefined;
}

const compiled = new WeakMap<ValidationRule, Compiled>();

function compiledRule(rule: ValidationRule, schema: JsonSchema): Compiled {
  let found = compiled.get(rule);
  if (found === undefined) {
    const { optionalOldSelf = false, messageExpression = "" } = rule;
    found = {
      rule: compile(rule.rule, schema, "bool", optionalOldSelf),
      message: messageExpression === "" ? undefined : compile(messageExpression, schema, "string", optionalOldSelf),
    };
    compiled.set(rule, found);
  }
  return found;
}

/** What the rules of a schema say against a value that fits it; `old` is what an update replaces. */
export function ruleErrors(schema: JsonSchema, value: unknown, old: unknown, path = ""): readonly FieldError[] {
  const own = schema["x-kubernetes-validations"] ?? [];
  const isRoot = path === "";
  const self = own.length === 0 ? undefined : celValue(schema, value, isRoot);
  const oldSelf = own.length === 0 || old === undefined ? undefined : celValue(schema, old, isRoot);
  const isUnchanged = old !== undefined && sameJson(old, value);
  const errors = own.flatMap((rule) => {
    const { rule: expression } = compiledRule(rule, schema);
    const { optionalOldSelf = false } = rule;
    // What was wrong before may stay, and without a past there is no change to speak of.
    if (expression.usesOldSelf ? old === undefined && !optionalOldSelf : isUnchanged) return [];
    const past = optionalOldSelf ? (old === undefined ? Optional.none() : Optional.of(oldSelf)) : oldSelf;
    return failure(rule, schema, { value, self, past, path });
  });
  const inner = membersOf(schema, value).flatMap(([name, member, each]) =>
    ruleErrors(member, each, oldOf(schema, old, name, each), memberPath(schema, path, name)),
  );
  return [...errors, ...inner];
}

function oldOf(schema: JsonSchema, old: unknown, name: string | number, value: unknown): unknown {
  return typeof name === "number" ? oldItem(schema, old, value) : oldMember(old, name);
}

/** Rules name the keys of a map in brackets. */
function memberPath({ properties }: JsonSchema, path: string, name: string | number): string {
  if (typeof name === "number") return `${path}[${name}]`;
  return properties !== undefined && Object.hasOwn(properties, name) ? childPath(path, name) : `${path}[${name}]`;
}

interface Place {
  readonly value: unknown;
  readonly self: unknown;
  readonly past: unknown;
  readonly path: string;
}

function failure(rule: ValidationRule, schema: JsonSchema, place: Place): readonly FieldError[] {
  const { self, past, path, value } = place;
  try {
    if (compiledRule(rule, schema).rule.evaluate(self, past) === true) return [];
  } catch (error) {
    const text = rule.message ?? rule.rule.trim();
    return [invalid(path || nowhere, schema.type ?? "", `${celMessage(error)} evaluating rule: ${text}`)];
  }
  const at = rule.fieldPath === undefined ? path : `${path}${rule.fieldPath.replaceAll(/\['([^']*)'\]/g, "[$1]")}`;
  const field = path === "" ? at.replace(/^\./, "") : at;
  const detail = messageOf(rule, schema, place);
  switch (rule.reason) {
    case "FieldValueForbidden":
      return [forbiddenField(field || nowhere, detail)];
    case "FieldValueRequired":
      return [required(field || nowhere, detail)];
    case "FieldValueDuplicate":
      return [duplicate(field || nowhere, isWhole(value) ? undefined : value)];
    case undefined:
    default:
      return [invalidAt(field, value, detail)];
  }
}

const nowhere = "<nil>";

function isWhole(value: unknown): boolean {
  return isMap(value) || Array.isArray(value);
}

/** Objects and lists are too long to be shown. */
function invalidAt(path: string, value: unknown, detail: string): FieldError {
  return isWhole(value) ? wrongValue(path || nowhere, detail) : invalid(path || nowhere, value, detail);
}

function messageOf(rule: ValidationRule, schema: JsonSchema, { self, past }: Place): string {
  const plain = rule.message ?? `failed rule: ${rule.rule.trim()}`;
  try {
    const text = compiledRule(rule, schema).message?.evaluate(self, past);
    return typeof text === "string" && text.trim() !== "" && !text.includes("\n") ? text.trim() : plain;
  } catch {
    // A message that cannot be made is no reason to let the value through.
    return plain;
  }
}
