// ConfigMaps and Secrets: keys, and what an immutable one keeps.
import { type FieldError, forbiddenField, invalid, required } from "../field-error.ts";
import { asMap, asText, type KubeObject, sameJson } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { configKeyErrors, subdomainErrors } from "../words.ts";

export const configMapBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default: dropEmptyMaps,
  validate(object, old) {
    const binary = asMap(object["binaryData"]);
    const both = Object.keys(asMap(object["data"])).filter((key) => key in binary);
    return [
      ...(old === undefined ? [] : immutableErrors(object, old)),
      ...keyErrors(object, "data"),
      ...both.map((key) => invalid(`data[${key}]`, key, "duplicate of key present in binaryData")),
      ...keyErrors(object, "binaryData"),
    ];
  },
};

/** The keys without which a type makes no sense. */
const wantedKeys: Readonly<Record<string, readonly string[]>> = { "kubernetes.io/tls": ["tls.crt", "tls.key"] };

export const secretBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    object["type"] ??= "Opaque";
    const plain = Object.entries(asMap(object["stringData"])).map(([key, text]) => [
      key,
      Buffer.from(asText(text)).toString("base64"),
    ]);
    if (plain.length > 0) object["data"] = { ...asMap(object["data"]), ...Object.fromEntries(plain) };
    delete object["stringData"];
    dropEmptyMaps(object);
  },
  validate(object, old) {
    const data = asMap(object["data"]);
    const wanted = wantedKeys[asText(object["type"])] ?? [];
    return [
      ...(old === undefined || old["type"] === object["type"]
        ? []
        : [invalid("type", object["type"], "field is immutable")]),
      ...(old === undefined ? [] : immutableErrors(object, old)),
      ...keyErrors(object, "data"),
      ...wanted.filter((key) => !(key in data)).map((key) => required(`data[${key}]`)),
    ];
  },
  fields: (object) => ({ type: asText(object["type"]) }),
};

function dropEmptyMaps(object: KubeObject): void {
  for (const field of ["data", "binaryData"])
    if (Object.keys(asMap(object[field])).length === 0) Reflect.deleteProperty(object, field);
}

function keyErrors(object: KubeObject, field: string): FieldError[] {
  return Object.keys(asMap(object[field])).flatMap((key) =>
    configKeyErrors(key).map((error) => invalid(`${field}[${key}]`, key, error)),
  );
}

function immutableErrors(object: KubeObject, old: KubeObject): FieldError[] {
  if (old["immutable"] !== true) return [];
  const why = "field is immutable when `immutable` is set";
  return [
    ...(object["immutable"] === true ? [] : [forbiddenField("immutable", why)]),
    ...["data", "binaryData"]
      .filter((field) => !sameJson(object[field], old[field]))
      .map((field) => forbiddenField(field, why)),
  ];
}
