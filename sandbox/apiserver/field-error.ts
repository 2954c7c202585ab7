/** What is wrong with one field, in the words of k8s.io/apimachinery/pkg/util/validation/field. */
export interface FieldError {
  readonly field: string;
  readonly reason: string;
  /** The message without the field. */
  readonly body: string;
}

function fieldError(field: string, type: string, text: string, detail: string): FieldError {
  return { field, reason: type, body: detail === "" ? text : `${text}: ${detail}` };
}

/** Go prints a nil slice or pointer as null. */
function printed(value: unknown): string {
  return JSON.stringify(value ?? null);
}

export function required(field: string, detail = ""): FieldError {
  return fieldError(field, "FieldValueRequired", "Required value", detail);
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return fieldError(field, "FieldValueInvalid", `Invalid value: ${printed(value)}`, detail);
}

/** A value of another type than the field has. */
export function typeInvalid(field: string, value: unknown, detail: string): FieldError {
  return fieldError(field, "FieldValueTypeInvalid", `Invalid value: ${printed(value)}`, detail);
}

/** Wrong in a way that the value itself does not show. */
export function wrongValue(field: string, detail: string): FieldError {
  return fieldError(field, "FieldValueInvalid", "Invalid value", detail);
}

export function notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
  const values = supported.map((item) => JSON.stringify(item)).join(", ");
  return fieldError(
    field,
    "FieldValueNotSupported",
    `Unsupported value: ${printed(value)}`,
    `supported values: ${values}`,
  );
}

/** Without a value where that is an object or a list. */
export function duplicate(field: string, value?: unknown): FieldError {
  const text = value === undefined ? "" : `: ${printed(value)}`;
  return fieldError(field, "FieldValueDuplicate", `Duplicate value${text}`, "");
}

export function forbiddenField(field: string, detail: string): FieldError {
  return fieldError(field, "FieldValueForbidden", "Forbidden", detail);
}

export function tooLong(field: string, limit: number): FieldError {
  return fieldError(field, "FieldValueTooLong", "Too long", `may not be more than ${limit} bytes`);
}

export function tooMany(field: string, count: number, limit: number): FieldError {
  return fieldError(field, "FieldValueTooMany", `Too many: ${count}`, `must have at most ${limit} items`);
}
