import { isMap, type JsonMap } from "./object.ts";
import { type Schema, type Schemas, structName } from "./schema.ts";

/** A body that fits its type. `unknown` lists the fields that the type does not have; they are gone from `object`. */
export interface Decoded {
  readonly object: JsonMap;
  readonly unknown: readonly string[];
}

/** A value that does not fit the Go type of its field, in the words of Go's JSON decoder. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

/**
 * Reads a JSON value as an object of the named schema: drops nulls and unknown fields, checks every type. The object
 * shares nothing with the value.
 */
export function decode(schemas: Schemas, schemaName: string, value: unknown): Decoded {
  const unknown: string[] = [];
  const walk = new Walk(schemas, unknown);
  const object = walk.value(schemas.named(schemaName), value, { struct: structName(schemaName), go: "", path: "" });
  if (!isMap(object)) throw new DecodeError(`json: cannot unmarshal ${jsonKind(value)} into Go value`);
  return { object, unknown };
}

/** Where the walk is: the Go struct around it, its field path as Go prints it and as strict decoding prints it. */
interface Place {
  readonly struct: string;
  readonly go: string;
  readonly path: string;
}

class Walk {
  readonly #schemas: Schemas;
  readonly #unknown: string[];

  constructor(schemas: Schemas, unknown: string[]) {
    this.#schemas = schemas;
    this.#unknown = unknown;
  }

  value(schema: Schema, value: unknown, place: Place): unknown {
    const reference = this.#schemas.referenced(schema);
    if (reference !== undefined) {
      const target = this.#schemas.named(reference);
      if (target.format === "date-time") checkTime(value, reference.endsWith("MicroTime"));
      if (target.properties === undefined) return this.value(target, value, place);
      if (!isMap(value)) throw mismatch(value, place, this.#goType(schema));
      const struct = structName(reference);
      return this.value(target, value, { ...place, struct });
    }
    if (schema.format === "int-or-string" && typeof value === "number" && !Number.isInteger(value))
      throw mismatch(value, place, "int32");
    if (schema.oneOf !== undefined || schema.type === undefined) return value;
    switch (schema.type) {
      case "object":
        return this.#object(schema, value, place);
      case "array":
        if (!Array.isArray(value)) throw mismatch(value, place, `[]${this.#goType(schema.items ?? {})}`);
        return value
          .filter((item) => item !== null)
          .map((item, index) => this.value(schema.items ?? {}, item, { ...place, path: `${place.path}[${index}]` }));
      case "string":
        if (typeof value !== "string") throw mismatch(value, place, this.#goType(schema));
        if (schema.format === "byte") checkBase64(value);
        return value;
      case "boolean":
        if (typeof value !== "boolean") throw mismatch(value, place, "bool");
        return value;
      case "integer":
        if (!Number.isInteger(value)) throw mismatch(value, place, schema.format ?? "int64");
        return value;
      case "number":
        if (typeof value !== "number") throw mismatch(value, place, "float64");
        return value;
      default:
        return value;
    }
  }

  /** How Go names the type of a value: `v1.ServicePort`, `v1.ServiceType`, `string`. */
  #goType(schema: Schema): string {
    const reference = this.#schemas.referenced(schema);
    if (reference !== undefined) return reference.split(".").slice(-2).join(".");
    return schema["x-go-type"] ?? schema.type ?? "interface {}";
  }

  #object(schema: Schema, value: unknown, place: Place): JsonMap {
    if (!isMap(value)) throw mismatch(value, place, `map[string]${this.#goType(schema.additionalProperties ?? {})}`);
    const { properties, additionalProperties } = schema;
    if (properties === undefined && additionalProperties === undefined) return structuredClone(value);
    const result: JsonMap = {};
    for (const [field, inner] of Object.entries(value)) {
      const property = properties?.[field] ?? additionalProperties;
      const path = place.path === "" ? field : `${place.path}.${field}`;
      if (property === undefined) this.#unknown.push(path);
      else if (inner !== null) {
        const go = properties === undefined ? place.go : place.go === "" ? field : `${place.go}.${field}`;
        result[field] = this.value(property, inner, { ...place, go, path });
      } else if (properties === undefined && property.type === "string") result[field] = "";
    }
    return result;
  }
}

/** RFC 3339 as Go names its parts; a MicroTime has six digits behind the second. */
const timeParts: readonly (readonly [string, RegExp])[] = [
  ["2006", /^\d{4}/],
  ["-", /^-/],
  ["01", /^\d\d/],
  ["-", /^-/],
  ["02", /^\d\d/],
  ["T", /^T/],
  ["15", /^\d\d/],
  [":", /^:/],
  ["04", /^\d\d/],
  [":", /^:/],
  ["05", /^\d\d/],
  [".000000", /^\.\d{6}/],
  ["Z07:00", /^(?:Z|[+-]\d\d:\d\d)$/],
];

function checkTime(value: unknown, isMicro: boolean): void {
  if (typeof value !== "string") return;
  const parts = isMicro ? timeParts : timeParts.filter(([name]) => name !== ".000000");
  const layout = JSON.stringify(parts.map(([name]) => name).join(""));
  let rest = value;
  for (const [name, pattern] of parts) {
    const found = pattern.exec(rest)?.[0];
    if (found === undefined)
      throw new DecodeError(
        `parsing time ${JSON.stringify(value)} as ${layout}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(name)}`,
      );
    rest = rest.slice(found.length);
    // Fractions of a second are welcome everywhere.
    if (name === "05" && !isMicro) rest = rest.replace(/^\.\d+/, "");
  }
}

function checkBase64(text: string): void {
  const wrong = text.replaceAll(/[\r\n]/g, "").search(/[^A-Za-z0-9+/=]/);
  if (wrong >= 0) throw new DecodeError(`illegal base64 data at input byte ${wrong}`);
}

function mismatch(value: unknown, { struct, go }: Place, goType: string): DecodeError {
  return new DecodeError(
    `json: cannot unmarshal ${jsonKind(value)} into Go struct field ${struct}.${go} of type ${goType}`,
  );
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "number" : `number ${value}`;
  if (typeof value === "boolean") return "bool";
  return typeof value;
}
