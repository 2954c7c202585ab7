import { parseCidr } from "../../../src/net/index.ts";
import { duplicate, type FieldError, forbiddenField, invalid, notSupported } from "../field-error.ts";
import { asList, asMap, asText, type JsonMap, type KubeObject, sameJson, valueAt } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { cidrErrors, labelValueErrors, qualifiedNameErrors, subdomainErrors } from "../words.ts";

const effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export const nodeBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    const spec = asMap(object["spec"]);
    // The older field wins where both are given.
    const all = asList(spec["podCIDRs"]);
    if (asText(spec["podCIDR"]) === "") spec["podCIDR"] = all[0];
    else if (spec["podCIDR"] !== all[0]) spec["podCIDRs"] = [spec["podCIDR"]];
    if (spec["podCIDR"] === undefined) delete spec["podCIDR"];
    if (spec["unschedulable"] === false) delete spec["unschedulable"];
    const status = asMap(object["status"]);
    if (status["capacity"] !== undefined) status["allocatable"] ??= status["capacity"];
  },
  prepareCreate(object) {
    object["status"] ??= {};
  },
  validate: (object, old) => [...specErrors(object), ...(old === undefined ? [] : changeErrors(object, old))],
  validateStatus: (object) => addressErrors(listAt(object, "status.addresses")),
  fields: (object) => ({ "spec.unschedulable": `${valueAt(object, "spec.unschedulable") === true}` }),
};

function listAt(object: KubeObject, path: string): readonly JsonMap[] {
  return asList(valueAt(object, path)) as readonly JsonMap[];
}

function specErrors(node: KubeObject): FieldError[] {
  const cidrs = asList(valueAt(node, "spec.podCIDRs")).map(asText);
  const families = cidrs.map((cidr) => parseCidr(cidr)?.base.family);
  return [
    ...listAt(node, "spec.taints").flatMap(taintErrors),
    ...cidrs.flatMap((cidr, index) => cidrErrors(cidr).map((error) => invalid(`spec.podCIDRs[${index}]`, cidr, error))),
    ...(cidrs.length > 1 && new Set(families).size < cidrs.length
      ? [invalid("spec.podCIDRs", cidrs, "may specify no more than one CIDR for each IP family")]
      : []),
  ];
}

function taintErrors(taint: JsonMap, index: number, all: readonly JsonMap[]): FieldError[] {
  const { key, value = "", effect } = taint;
  const at = `metadata.taints[${index}]`;
  const isRepeated = all.findIndex((other) => other["key"] === key && other["effect"] === effect) < index;
  const repeated = duplicate(at, { Key: key, Value: value, Effect: effect, TimeAdded: null });
  return [
    ...qualifiedNameErrors(asText(key)).map((error) => invalid(`${at}.key`, key, error)),
    ...labelValueErrors(asText(value)).map((error) => invalid(`${at}.value`, value, error)),
    ...(effects.includes(asText(effect)) ? [] : [notSupported(`${at}.effect`, effect, effects)]),
    ...(isRepeated ? [{ ...repeated, body: `${repeated.body}: taints must be unique by key and effect pair` }] : []),
  ];
}

function changeErrors(node: KubeObject, old: KubeObject): FieldError[] {
  const isSet = (path: string): boolean => valueAt(old, path) !== undefined;
  const isChanged = (path: string): boolean => isSet(path) && !sameJson(valueAt(old, path), valueAt(node, path));
  return [
    ...(isChanged("spec.podCIDRs")
      ? [forbiddenField("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')]
      : []),
    // Upstream prints no value.
    ...(isChanged("spec.providerID") ? [invalid("spec.providerID", null, "field cannot be modified once set")] : []),
  ];
}

function addressErrors(addresses: readonly JsonMap[]): FieldError[] {
  return addresses.flatMap(({ type, address }, index) =>
    addresses.findIndex((other) => other["type"] === type && other["address"] === address) < index
      ? [duplicate(`status.addresses[${index}]`, { Type: type, Address: address })]
      : [],
  );
}
