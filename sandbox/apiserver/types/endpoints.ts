import { type FieldError, invalid, notSupported, required } from "../field-error.ts";
import { asList, asText, type JsonMap, type KubeObject } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { endpointIpErrors, ipErrors, labelErrors, portErrors, qualifiedNameErrors, subdomainErrors } from "../words.ts";

const protocols = ["SCTP", "TCP", "UDP"];

export const endpointsBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    for (const subset of listOf(object, "subsets"))
      for (const port of listOf(subset, "ports")) port["protocol"] ??= "TCP";
  },
  validate: (object) => listOf(object, "subsets").flatMap((subset, index) => subsetErrors(subset, `subsets[${index}]`)),
  deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
  createsOnUpdate: true,
};

function listOf(object: JsonMap | KubeObject, field: string): readonly JsonMap[] {
  return asList(object[field]) as readonly JsonMap[];
}

function subsetErrors(subset: JsonMap, at: string): FieldError[] {
  const lists = ["addresses", "notReadyAddresses"];
  const isEmpty = lists.every((field) => listOf(subset, field).length === 0);
  const ports = listOf(subset, "ports");
  return [
    ...(isEmpty ? [required(at, "must specify `addresses` or `notReadyAddresses`")] : []),
    ...lists.flatMap((field) =>
      listOf(subset, field).flatMap((address, index) => addressErrors(address, `${at}.${field}[${index}]`)),
    ),
    ...ports.flatMap((port, index) => portFieldErrors(port, `${at}.ports[${index}]`, ports.length > 1)),
  ];
}

function addressErrors({ ip, hostname = "" }: JsonMap, at: string): FieldError[] {
  const address = asText(ip);
  return [
    ...ipErrors(address).map((error) => invalid(`${at}.ip`, address, error)),
    ...(hostname === "" ? [] : labelErrors(asText(hostname))).map((error) =>
      invalid(`${at}.hostname`, hostname, error),
    ),
    ...endpointIpErrors(address).map((error) => invalid(`${at}.ip`, address, error)),
  ];
}

function portFieldErrors(
  { name = "", port, protocol, appProtocol }: JsonMap,
  at: string,
  needsName: boolean,
): FieldError[] {
  return [
    ...(name === "" && needsName ? [required(`${at}.name`)] : []),
    ...(name === "" ? [] : labelErrors(asText(name))).map((error) => invalid(`${at}.name`, name, error)),
    ...portErrors(Number(port)).map((error) => invalid(`${at}.port`, port, error)),
    ...(protocols.includes(asText(protocol)) ? [] : [notSupported(`${at}.protocol`, protocol, protocols)]),
    ...(appProtocol === undefined ? [] : qualifiedNameErrors(asText(appProtocol))).map((error) =>
      invalid(`${at}.appProtocol`, appProtocol, error),
    ),
  ];
}
