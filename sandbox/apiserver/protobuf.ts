import { readFileSync } from "node:fs";
import { isMap, type JsonMap } from "./object.ts";
import type { Schemas } from "./schema.ts";
import { badRequest } from "./status.ts";

export const protobufType = "application/vnd.kubernetes.protobuf";

/** JSON name, type (with `*` where Go has a pointer, so that zero is a value), and how many. */
type Field = readonly [name: string, type: string, count: "one" | "many" | "map"];
type Messages = Readonly<Record<string, Readonly<Record<string, Field>>>>;

const metaPackage = "io.k8s.apimachinery.pkg.apis.meta.v1";
/** Every body begins with these four bytes; an envelope with its kind follows. */
const magic = Buffer.from("k8s\0");

/**
 * Reads bodies in the protobuf encoding of Kubernetes, which kubectl's generators (`create deployment`, `expose`,
 * ...) send, into the JSON that they stand for. Answers are always JSON: clients accept both.
 */
export class Protobuf {
  readonly #schemas: Schemas;
  readonly #messages: Messages;
  readonly #names: ReadonlyMap<string, string>;

  constructor(schemas: Schemas) {
    this.#schemas = schemas;
    const path = new URL("openapi/protobuf.json", import.meta.url);
    this.#messages = JSON.parse(readFileSync(path, "utf8")) as Messages;
    this.#names = new Map(
      Object.entries(schemas.byName).flatMap(([name, schema]) =>
        (schema["x-kubernetes-group-version-kind"] ?? []).map(({ group, version, kind }) => [
          `${group === "" ? "" : `${group}/`}${version} ${kind}`,
          name,
        ]),
      ),
    );
  }

  decode(body: Buffer): unknown {
    if (!body.subarray(0, magic.length).equals(magic))
      throw badRequest("provided data does not appear to be a protobuf message, expected prefix k8s");
    try {
      return this.#envelope(body.subarray(magic.length));
    } catch (error) {
      if (error instanceof RangeError) throw badRequest(`couldn't read the protobuf body: ${error.message}`);
      throw error;
    }
  }

  #envelope(bytes: Buffer): unknown {
    let apiVersion = "";
    let kind = "";
    let raw: Buffer = Buffer.alloc(0);
    for (const { number, bytes: value } of fieldsOf(bytes)) {
      if (number === 2) raw = value;
      if (number !== 1) continue;
      for (const inner of fieldsOf(value)) {
        if (inner.number === 1) apiVersion = inner.bytes.toString();
        if (inner.number === 2) kind = inner.bytes.toString();
      }
    }
    const name = this.#names.get(`${apiVersion} ${kind}`);
    if (name === undefined)
      throw badRequest(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
    return { apiVersion, kind, ...this.#message(name, raw) };
  }

  #message(name: string, bytes: Buffer): JsonMap {
    const fields = this.#messages[name] ?? {};
    const properties = this.#schemas.byName[name]?.properties;
    const result: JsonMap = {};
    for (const wire of fieldsOf(bytes)) {
      const field = fields[wire.number];
      if (field === undefined) continue;
      const [key, type, count] = field;
      if (count === "map") {
        const [entry, value] = this.#entry(type, wire.bytes);
        result[key] = { ...(result[key] as JsonMap | undefined), [entry]: value };
        continue;
      }
      const isPointer = type.startsWith("*");
      const value = this.#value(isPointer ? type.slice(1) : type, wire);
      if (count === "many") result[key] = [...((result[key] as unknown[] | undefined) ?? []), value];
      // Go inlines embedded structs in JSON, where the schema does not know them by name.
      else if (properties !== undefined && properties[key] === undefined && isMap(value)) Object.assign(result, value);
      else if (isPointer || !isZero(value)) result[key] = value;
    }
    return result;
  }

  #entry(type: string, bytes: Buffer): [string, unknown] {
    let key = "";
    let value: unknown = type === "string" || type === "bytes" ? "" : {};
    for (const wire of fieldsOf(bytes)) {
      if (wire.number === 1) key = wire.bytes.toString();
      else value = this.#value(type, wire);
    }
    return [key, value];
  }

  #value(type: string, { bytes, varint }: WireField): unknown {
    switch (type) {
      case "string":
        return bytes.toString();
      case "bytes":
        return bytes.toString("base64");
      case "bool":
        return varint === 1n;
      case "int32":
      case "int64":
        return Number(BigInt.asIntN(64, varint));
      case "double":
        return bytes.readDoubleLE();
      case `${metaPackage}.Time`:
      case `${metaPackage}.MicroTime`:
        return time(bytes, type.endsWith("MicroTime"));
      case `${metaPackage}.FieldsV1`: {
        const raw = [...fieldsOf(bytes)].find(({ number }) => number === 1);
        return raw === undefined ? {} : JSON.parse(raw.bytes.toString());
      }
      case "io.k8s.apimachinery.pkg.api.resource.Quantity":
        return [...fieldsOf(bytes)].find(({ number }) => number === 1)?.bytes.toString() ?? "0";
      case "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
        return intOrString(bytes);
      default:
        return this.#message(type, bytes);
    }
  }
}

function isZero(value: unknown): boolean {
  return !value || (isMap(value) && Object.keys(value).length === 0);
}

function time(bytes: Buffer, isMicro: boolean): string | undefined {
  let seconds = 0n;
  let nanos = 0n;
  for (const { number, varint } of fieldsOf(bytes)) {
    if (number === 1) seconds = BigInt.asIntN(64, varint);
    if (number === 2) nanos = varint;
  }
  if (bytes.length === 0) return undefined;
  const stamp = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return isMicro ? `${stamp}.${`${nanos / 1000n}`.padStart(6, "0")}Z` : `${stamp}Z`;
}

function intOrString(bytes: Buffer): number | string {
  let isText = false;
  let number = 0;
  let text = "";
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1) isText = field.varint === 1n;
    if (field.number === 2) number = Number(BigInt.asIntN(32, field.varint));
    if (field.number === 3) text = field.bytes.toString();
  }
  return isText ? text : number;
}

interface WireField {
  readonly number: number;
  readonly varint: bigint;
  readonly bytes: Buffer;
}

/** The fields of one message on the wire; throws RangeError when it ends in the middle of one. */
function* fieldsOf(bytes: Buffer): Generator<WireField> {
  let offset = 0;
  const varint = (): bigint => {
    for (let value = 0n, shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(offset++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Buffer => {
    if (offset + length > bytes.length) throw new RangeError("a field is longer than its message");
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  const none = Buffer.alloc(0);
  while (offset < bytes.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    switch (tag & 7) {
      case 0:
        yield { number, varint: varint(), bytes: none };
        break;
      case 1:
        yield { number, varint: 0n, bytes: take(8) };
        break;
      case 2:
        yield { number, varint: 0n, bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number, varint: 0n, bytes: take(4) };
        break;
      default:
        throw new RangeError(`wire type ${tag & 7} is not known`);
    }
  }
}
