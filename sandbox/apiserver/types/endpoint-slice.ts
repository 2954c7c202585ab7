import { formatIp, parseIp } from "../../../src/net/index.ts";
import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from "../field-error.ts";
import { asList, asText, type JsonMap, type KubeObject, sameJson } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import {
  endpointIpErrors,
  ipErrors,
  labelErrors,
  labelValueErrors,
  qualifiedNameErrors,
  subdomainErrors,
} from "../words.ts";

const addressTypes = ["FQDN", "IPv4", "IPv6"];
const protocols = ["SCTP", "TCP", "UDP"];
const limits = { endpoints: 1000, addresses: 100, hints: 8 };

export const endpointSliceBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    for (const port of listOf(object["ports"])) {
      port["name"] ??= "";
      port["protocol"] ??= "TCP";
    }
    // Only older versions of the group have it.
    for (const endpoint of listOf(object["endpoints"])) delete endpoint["deprecatedTopology"];
    // Go keeps no empty list, and shows none as null.
    for (const field of ["endpoints", "ports"]) if (listOf(object[field]).length === 0) object[field] = null;
  },
  // Upstream's validation ends with a changed type, and prints no value.
  validate: (object, old) =>
    old === undefined || object["addressType"] === old["addressType"]
      ? sliceErrors(object)
      : [...typeErrors(asText(object["addressType"])), invalid("addressType", null, "field is immutable")],
  warnings: (object) => (object["addressType"] === "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : []),
  isNewGeneration(object, old) {
    const content = ({ metadata, ...rest }: KubeObject): JsonMap => ({ ...rest, labels: metadata.labels });
    return !sameJson(content(object), content(old));
  },
};

function listOf(value: unknown): readonly JsonMap[] {
  return asList(value) as readonly JsonMap[];
}

function typeErrors(type: string): FieldError[] {
  if (type === "") return [required("addressType")];
  return addressTypes.includes(type) ? [] : [notSupported("addressType", type, addressTypes)];
}

function sliceErrors(object: KubeObject): FieldError[] {
  const type = asText(object["addressType"]);
  const endpoints = listOf(object["endpoints"]);
  if (endpoints.length > limits.endpoints) return [tooMany("endpoints", endpoints.length, limits.endpoints)];
  return [
    ...typeErrors(type),
    ...endpoints.flatMap((endpoint, index) => endpointErrors(endpoint, `endpoints[${index}]`, type)),
    ...portsErrors(listOf(object["ports"])),
  ];
}

/** What is wrong with a text, if it is there at all. */
function textErrors(value: unknown, path: string, rule: (text: string) => readonly string[]): FieldError[] {
  return typeof value === "string" ? rule(value).map((error) => invalid(path, value, error)) : [];
}

function endpointErrors(endpoint: JsonMap, at: string, type: string): FieldError[] {
  const hints = endpoint["hints"] as { forZones?: JsonMap[]; forNodes?: JsonMap[] } | undefined;
  return [
    ...addressesErrors(asList(endpoint["addresses"]) as string[], `${at}.addresses`, type),
    ...textErrors(endpoint["nodeName"], `${at}.nodeName`, subdomainErrors),
    ...textErrors(endpoint["hostname"], `${at}.hostname`, labelErrors),
    ...hintErrors(hints?.forZones ?? [], `${at}.hints.forZones`, labelValueErrors),
    ...hintErrors(hints?.forNodes ?? [], `${at}.hints.forNodes`, subdomainErrors),
  ];
}

function addressesErrors(addresses: readonly string[], at: string, type: string): FieldError[] {
  if (addresses.length === 0) return [required(at)];
  if (addresses.length > limits.addresses) return [tooMany(at, addresses.length, limits.addresses)];
  return addresses.flatMap((address, index) => addressErrors(type, address, at, `${at}[${index}]`));
}

function addressErrors(type: string, address: string, list: string, at: string): FieldError[] {
  if (type === "FQDN") return textErrors(address, at, subdomainErrors);
  const syntax = textErrors(address, at, ipErrors);
  if (syntax.length > 0) return syntax;
  const ip = parseIp(address);
  const canonical = ip === undefined ? address : formatIp(ip);
  if (canonical !== address) return [invalid(at, address, `must be in canonical form (${JSON.stringify(canonical)})`)];
  // Upstream names the list here, not its item.
  if (addressTypes.includes(type) && ip?.family !== type)
    return [invalid(list, address, type === "IPv6" ? "must be an IPv6 address" : "must be an IPv4 address")];
  return textErrors(address, at, endpointIpErrors);
}

function hintErrors(hints: readonly JsonMap[], at: string, rule: (text: string) => readonly string[]): FieldError[] {
  if (hints.length > limits.hints) return [tooMany(at, hints.length, limits.hints)];
  return repeated(hints, at, ({ name }, path) => textErrors(name, path, rule));
}

function portsErrors(ports: readonly JsonMap[]): FieldError[] {
  return repeated(ports, "ports", ({ name }, path) => (name === "" ? [] : textErrors(name, path, labelErrors))).concat(
    ports.flatMap(({ protocol, appProtocol }, index) => [
      ...(protocols.includes(asText(protocol)) ? [] : [notSupported(`ports[${index}].protocol`, protocol, protocols)]),
      ...textErrors(appProtocol, `ports[${index}].appProtocol`, qualifiedNameErrors),
    ]),
  );
}

/** The names of a list: each by its rule, and each only once. */
function repeated(
  items: readonly JsonMap[],
  at: string,
  rule: (item: JsonMap, path: string) => readonly FieldError[],
): FieldError[] {
  const seen = new Set<unknown>();
  return items.flatMap((item, index) => {
    const path = `${at}[${index}].name`;
    const isRepeated = seen.has(item["name"]);
    seen.add(item["name"]);
    return [...rule(item, path), ...(isRepeated ? [duplicate(path, item["name"])] : [])];
  });
}
