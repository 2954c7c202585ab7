import { type FieldError, invalid } from "../field-error.ts";
import type { JsonSchema } from "./json-schema.ts";

const nowhere = "<nil>";
const int32 = 2 ** 31;

/** What is wrong with a number, its type apart. */
export function numberErrors(schema: JsonSchema, value: number, path: string): readonly FieldError[] {
  return [
    ...rangeErrors(schema, value, path),
    ...multipleErrors(schema, value, path),
    ...minimumErrors(schema, value, path),
    ...maximumErrors(schema, value, path),
  ];
}

function rangeErrors({ type, format = "" }: JsonSchema, value: number, path: string): readonly FieldError[] {
  if (type !== "integer") return [];
  const fits = Number.isInteger(value) && (format !== "int32" || (value >= -int32 && value < int32));
  if (fits) return [];
  const text = format === "" ? "value must be of type integer (default format)" : "value must be of type integer";
  return [invalid(nowhere, "", `Checked ${text}${format === "" ? "" : ` with format ${format}`} in ${path}`)];
}

/** Go takes the factor for an integer where the value is one, whatever is lost with it. */
function multipleErrors({ multipleOf }: JsonSchema, value: number, path: string): readonly FieldError[] {
  if (multipleOf === undefined) return [];
  const factor = Number.isInteger(value) ? Math.trunc(multipleOf) : multipleOf;
  if (factor <= 0) return [invalid(path, factor, `factor MultipleOf declared for ${path} must be positive: ${factor}`)];
  return Number.isInteger(value / factor)
    ? []
    : [invalid(path, value, `${path} in body should be a multiple of ${multipleOf}`)];
}

function minimumErrors({ minimum, exclusiveMinimum }: JsonSchema, value: number, path: string): readonly FieldError[] {
  if (minimum === undefined || value > minimum || (value === minimum && exclusiveMinimum !== true)) return [];
  const than = exclusiveMinimum === true ? "greater than" : "greater than or equal to";
  return [invalid(path, value, `${path} in body should be ${than} ${minimum}`)];
}

function maximumErrors({ maximum, exclusiveMaximum }: JsonSchema, value: number, path: string): readonly FieldError[] {
  if (maximum === undefined || value < maximum || (value === maximum && exclusiveMaximum !== true)) return [];
  const than = exclusiveMaximum === true ? "less than" : "less than or equal to";
  return [invalid(path, value, `${path} in body should be ${than} ${maximum}`)];
}
