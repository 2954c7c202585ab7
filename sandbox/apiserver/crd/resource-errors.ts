import { type FieldError, invalid } from "../field-error.ts";
import { isMap, type KubeObject } from "../object.ts";
import { type JsonSchema } from "./json-schema.ts";
import { listTypeErrors } from "./list-types.ts";
import { ruleErrors } from "./rules.ts";
import { schemaErrors } from "./validation.ts";

/** After one of these nobody knows whether rules can be run. */
const blocking: ReadonlySet<string> = new Set([
  "FieldValueRequired",
  "FieldValueTypeInvalid",
  "FieldValueNotSupported",
  "FieldValueTooLong",
  "FieldValueTooMany",
]);

const notChecked =
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

/** What is wrong with a custom resource: its schema first, its rules where that allows. */
export function resourceErrors(
  schema: JsonSchema,
  object: KubeObject,
  old: KubeObject | undefined,
): readonly FieldError[] {
  const twice = listTypeErrors(schema, object);
  const isOldTwice = old !== undefined && twice.length > 0 && listTypeErrors(schema, old).length > 0;
  const errors = [...schemaErrors(schema, object, "", old), ...(isOldTwice ? [] : twice)];
  if (!hasRules(schema)) return errors;
  return errors.some(({ reason }) => blocking.has(reason))
    ? [...errors, invalid("<nil>", null, notChecked)]
    : [...errors, ...ruleErrors(schema, object, old)];
}

function hasRules(schema: JsonSchema): boolean {
  const { items, properties = {}, additionalProperties } = schema;
  return (
    schema["x-kubernetes-validations"] !== undefined ||
    (items !== undefined && hasRules(items)) ||
    (isMap(additionalProperties) && hasRules(additionalProperties)) ||
    Object.values(properties).some(hasRules)
  );
}
