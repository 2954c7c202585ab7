import { errorMessage } from "../../../src/base/index.ts";
import { type FieldError, forbiddenField, invalid, notSupported, required } from "../field-error.ts";
import { celMessage, compile } from "./cel.ts";
import type { JsonSchema, ValidationRule } from "./json-schema.ts";
import { schemaErrors } from "./validation.ts";

const types = ["array", "boolean", "integer", "number", "object", "string"];
const reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];

/** What keeps a schema from being structural: types everywhere, lists and maps that say what they hold. */
export function structuralErrors(schema: JsonSchema, path: string): readonly FieldError[] {
  const isObject = schema.type === "object";
  const root =
    isObject || schema.type === undefined ? [] : [invalid(`${path}.type`, schema.type, "must be object at the root")];
  const missing = schema.type === undefined ? [required(`${path}.type`, "must not be empty at the root")] : [];
  return root.length > 0 ? root : [...missing, ...nodeErrors(schema, path)];
}

function nodeErrors(schema: JsonSchema, path: string): readonly FieldError[] {
  const { type, items, properties = {}, additionalProperties } = schema;
  const errors: FieldError[] = [];
  if (type !== undefined && !types.includes(type)) errors.push(notSupported(`${path}.type`, type, types));
  else if (type === "array" && items === undefined) errors.push(required(`${path}.items`, "must be specified"));
  if (schema.uniqueItems === true)
    errors.push(
      forbiddenField(
        `${path}.uniqueItems`,
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
      ),
    );
  if (additionalProperties !== undefined && schema.properties !== undefined)
    errors.push(
      forbiddenField(`${path}.additionalProperties`, "additionalProperties and properties are mutual exclusive"),
    );
  errors.push(...patternErrors(schema, path), ...listErrors(schema, path), ...defaultErrors(schema, path));
  for (const [index, rule] of (schema["x-kubernetes-validations"] ?? []).entries())
    errors.push(...ruleErrors(rule, schema, `${path}.x-kubernetes-validations[${index}]`));
  const inner: readonly (readonly [string, JsonSchema, string])[] = [
    ...Object.entries(properties).map(
      ([name, each]) => [`${path}.properties[${name}]`, each, "must not be empty for specified object fields"] as const,
    ),
    ...(items === undefined ? [] : [[`${path}.items`, items, "must not be empty for specified array items"] as const]),
    ...(typeof additionalProperties === "object"
      ? [
          [
            `${path}.additionalProperties`,
            additionalProperties,
            "must not be empty for specified object fields",
          ] as const,
        ]
      : []),
  ];
  for (const [at, each, why] of inner) {
    if (!mayLackType(each) && each.type === undefined) errors.push(required(`${at}.type`, why));
    errors.push(...nodeErrors(each, at));
  }
  return errors;
}

function mayLackType(schema: JsonSchema): boolean {
  return schema["x-kubernetes-int-or-string"] === true || schema["x-kubernetes-preserve-unknown-fields"] === true;
}

function patternErrors({ pattern }: JsonSchema, path: string): readonly FieldError[] {
  if (pattern === undefined) return [];
  try {
    RegExp(pattern, "u");
    return [];
  } catch (error) {
    return [
      invalid(`${path}.pattern`, pattern, `must be a valid regular expression, but isn't: ${errorMessage(error)}`),
    ];
  }
}

function listErrors(schema: JsonSchema, path: string): readonly FieldError[] {
  if (schema["x-kubernetes-list-type"] !== "map") return [];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const { items = {} } = schema;
  return [
    ...(keys.length > 0
      ? []
      : [required(`${path}.x-kubernetes-list-map-keys`, "must not be empty if x-kubernetes-list-type is map")]),
    ...(items.type === "object"
      ? []
      : [invalid(`${path}.items.type`, items.type, "must be object if parent array's x-kubernetes-list-type is map")]),
    ...keys.flatMap((key, index) =>
      items.properties?.[key] === undefined && items.type === "object"
        ? [invalid(`${path}.x-kubernetes-list-map-keys[${index}]`, key, "entries must all be names of item properties")]
        : [],
    ),
  ];
}

/** A default must fit its own schema; the fields that it lacks have defaults of their own. */
function defaultErrors(schema: JsonSchema, path: string): readonly FieldError[] {
  if (schema.default === undefined) return [];
  const at = `${path}.default`;
  return schemaErrors(schema, schema.default).map((error) => ({
    ...error,
    field: error.field === "" ? at : error.field === "<nil>" ? error.field : `${at}.${error.field}`,
  }));
}

function ruleErrors(rule: ValidationRule, schema: JsonSchema, path: string): readonly FieldError[] {
  const { message = "", messageExpression = "", reason, optionalOldSelf = false } = rule;
  if (rule.rule.trim() === "") return [required(`${path}.rule`, "rule is not specified")];
  const compiled = (field: string, text: string, result: "bool" | "string"): readonly FieldError[] => {
    try {
      compile(text, schema, result, optionalOldSelf);
      return [];
    } catch (error) {
      return [invalid(`${path}.${field}`, goRule(rule), `compilation failed: ${celMessage(error)}`)];
    }
  };
  return [
    ...(message.includes("\n") ? [invalid(`${path}.message`, message, "must not contain line breaks")] : []),
    ...(reason === undefined || reasons.includes(reason) ? [] : [notSupported(`${path}.reason`, reason, reasons)]),
    ...compiled("rule", rule.rule, "bool"),
    ...(messageExpression === "" ? [] : compiled("messageExpression", messageExpression, "string")),
  ];
}

/** As Go prints the internal form. */
function goRule(rule: ValidationRule): object {
  return {
    Rule: rule.rule,
    Message: rule.message ?? "",
    MessageExpression: rule.messageExpression ?? "",
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? "",
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  };
}
