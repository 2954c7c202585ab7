// Values against schemas, in the order and the words of k8s.io/kube-openapi/pkg/validation/validate.
import { type FieldError, invalid, notSupported, required, tooLong, tooMany, typeInvalid } from "../field-error.ts";
import { isMap, type JsonMap, sameJson } from "../object.ts";
import { oldItem, oldMember } from "./correlation.ts";
import { hasFormat } from "./formats.ts";
import { childPath, type JsonSchema, memberSchema } from "./json-schema.ts";
import { numberErrors } from "./numbers.ts";

/** What Go's validator knows no field of. */
const nowhere = "<nil>";

/**
 * What is wrong with a value; `old` is what an update replaces. What was wrong before may stay as it is (KEP-4008), so
 * that a stricter schema locks nobody out.
 */
export function schemaErrors(schema: JsonSchema, value: unknown, path = "", old?: unknown): readonly FieldError[] {
  if (old !== undefined && sameJson(old, value)) return [];
  const wrongType = typeErrors(schema, value, path);
  // The library of kube-apiserver stops where nothing is.
  if (value === null) return wrongType;
  return [
    ...wrongType,
    ...combinationErrors(schema, value, path),
    ...(typeof value === "string" ? textErrors(schema, value, path) : []),
    ...(typeof value === "number" ? numberErrors(schema, value, path) : []),
    ...(Array.isArray(value) ? listErrors(schema, value, path, old) : []),
    ...enumErrors(schema, value, path),
    ...(isMap(value) ? objectErrors(schema, value, path, old) : []),
  ];
}

function typesOf(schema: JsonSchema): readonly string[] {
  if (schema["x-kubernetes-int-or-string"] === true) return ["integer", "string"];
  return schema.type === undefined ? [] : [schema.type];
}

/** The JSON type of a value and the format of its Go type. */
function typeOf(value: unknown): readonly [type: string, format: string] {
  if (Array.isArray(value)) return ["array", ""];
  if (isMap(value)) return ["object", ""];
  if (typeof value === "number") return Number.isInteger(value) ? ["integer", "int64"] : ["number", "float64"];
  return [typeof value, ""];
}

function typeErrors(schema: JsonSchema, value: unknown, path: string): readonly FieldError[] {
  const types = typesOf(schema);
  const { format = "", nullable = false } = schema;
  const wrong = (wanted: string, found: string): readonly FieldError[] => [
    typeInvalid(path, found, `${path} in body must be of type ${wanted}: ${JSON.stringify(found)}`),
  ];
  if (types.length === 0) return [];
  if (value === null) return nullable ? [] : wrong(types.join(","), "null");
  const [type, goFormat] = typeOf(value);
  const fits = types.includes(type) || (type === "integer" && types.includes("number"));
  const isText = type === "string" || type === "array";
  if (!isText && format !== "" && !fits && goFormat !== format) return wrong(format, goFormat);
  if (isText && format !== "" && !types.some((each) => each === "number" || each === "integer")) return [];
  return fits ? [] : wrong(types.join(","), type);
}

function combinationErrors(schema: JsonSchema, value: unknown, path: string): readonly FieldError[] {
  const composite = (text: string): FieldError => invalid(nowhere, "", `"${path}" ${text}`);
  const results = (schemas: readonly JsonSchema[] = []): readonly (readonly FieldError[])[] =>
    schemas.map((each) => schemaErrors(each, value, path));
  const errors: FieldError[] = [];
  const any = results(schema.anyOf);
  if (any.length > 0 && any.every(({ length }) => length > 0))
    errors.push(composite("must validate at least one schema (anyOf)"), ...(any[0] ?? []));
  const one = results(schema.oneOf);
  const valid = one.filter(({ length }) => length === 0).length;
  const oneOf = "must validate one and only one schema (oneOf).";
  if (one.length > 0 && valid === 0) errors.push(composite(`${oneOf} Found none valid`), ...(one[0] ?? []));
  if (valid > 1) errors.push(composite(`${oneOf} Found ${valid} valid alternatives`));
  const all = results(schema.allOf).flat();
  if (all.length > 0) errors.push(...all, composite("must validate all the schemas (allOf)"));
  if (schema.not !== undefined && schemaErrors(schema.not, value, path).length === 0)
    errors.push(composite("must not validate the schema (not)"));
  return errors;
}

function textErrors(schema: JsonSchema, text: string, path: string): readonly FieldError[] {
  const { minLength = 0, maxLength = Infinity, pattern, format = "" } = schema;
  const { length } = Array.from(text);
  const errors: FieldError[] = [];
  if (length > maxLength) errors.push(tooLong(path, maxLength));
  else if (length < minLength)
    errors.push(invalid(path, text, `${path} in body should be at least ${minLength} chars long`));
  else if (pattern !== undefined && !new RegExp(pattern, "u").test(text))
    errors.push(invalid(path, text, `${path} in body should match '${pattern}'`));
  if (!hasFormat(format, text))
    errors.push(typeInvalid(path, text, `${path} in body must be of type ${format}: ${JSON.stringify(text)}`));
  return errors;
}

function listErrors(schema: JsonSchema, list: readonly unknown[], path: string, old: unknown): readonly FieldError[] {
  const { items, minItems = 0, maxItems = Infinity } = schema;
  const errors = list.flatMap((item, index) =>
    items === undefined ? [] : schemaErrors(items, item, `${path}[${index}]`, oldItem(schema, old, item)),
  );
  if (list.length < minItems)
    errors.push(invalid(path, list.length, `${path} in body should have at least ${minItems} items`));
  if (list.length > maxItems) errors.push(tooMany(path, list.length, maxItems));
  return errors;
}

function enumErrors({ enum: values }: JsonSchema, value: unknown, path: string): readonly FieldError[] {
  if (values === undefined || values.some((each) => sameJson(each, value))) return [];
  return [
    notSupported(
      path,
      value,
      values.map((each) => (typeof each === "string" ? each : JSON.stringify(each))),
    ),
  ];
}

function objectErrors(schema: JsonSchema, value: JsonMap, path: string, old: unknown): readonly FieldError[] {
  const { minProperties = 0, maxProperties = Infinity, required: wanted = [] } = schema;
  const names = Object.keys(value).filter((name) => value[name] !== undefined);
  if (names.length < minProperties)
    return [invalid(path, names.length, `${path} in body should have at least ${minProperties} properties`)];
  if (names.length > maxProperties) return [tooMany(path, names.length, maxProperties)];
  // Go's maps have no order, so that of the answer is nobody's promise.
  const members = names.toSorted().flatMap((name) => {
    const inner = memberSchema(schema, name);
    return inner === undefined ? [] : schemaErrors(inner, value[name], childPath(path, name), oldMember(old, name));
  });
  const missing = wanted.filter((name) => value[name] === undefined);
  return [...members, ...missing.map((name) => required(childPath(path, name)))];
}
