// The small kinds of the core group, and of coordination.k8s.io and discovery.k8s.io.
import { type FieldError, forbiddenField, invalid, notSupported, required } from "../field-error.ts";
import { asMap, asText, type JsonMap, type KubeObject, sameJson, valueAt } from "../object.ts";
import type { Behaviour } from "../resource-type.ts";
import { endpointIpErrors, ipErrors, labelErrors, subdomainErrors } from "../words.ts";

export const plainBehaviour: Behaviour = { nameErrors: subdomainErrors };

export const serviceAccountBehaviour: Behaviour = { nameErrors: subdomainErrors, returnsDeleted: true };

export const namespaceBehaviour: Behaviour = {
  nameErrors: labelErrors,
  default(object) {
    // The label that selectors of namespaces lean on follows the name, whatever the client says.
    if (object.metadata.name !== undefined)
      object.metadata.labels = { ...object.metadata.labels, "kubernetes.io/metadata.name": object.metadata.name };
  },
  prepareCreate(object) {
    object["spec"] = { finalizers: ["kubernetes"] };
    object["status"] = { phase: "Active" };
  },
  prepareUpdate(object, old) {
    object["spec"] = old["spec"];
  },
  fields: (object) => ({ "status.phase": asText(valueAt(object, "status.phase")) }),
  returnsDeleted: true,
};

export const nodeBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    const spec = asMap(object["spec"]);
    const all = spec["podCIDRs"] as string[] | undefined;
    if (all?.[0] !== undefined) spec["podCIDR"] = all[0];
    else if (spec["podCIDR"] !== undefined) spec["podCIDRs"] = [spec["podCIDR"]];
    if (spec["unschedulable"] === false) delete spec["unschedulable"];
  },
  prepareCreate(object) {
    object["status"] ??= {};
  },
  validate(object, old) {
    const before = valueAt(old, "spec.podCIDRs");
    return before === undefined || sameJson(before, valueAt(object, "spec.podCIDRs"))
      ? []
      : [forbiddenField("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid')];
  },
  fields: (object) => ({ "spec.unschedulable": `${valueAt(object, "spec.unschedulable") === true}` }),
};

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
  },
  fields: (object) => ({ type: asText(object["type"]) }),
};

export const leaseBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  validate(object) {
    const spec = asMap(object["spec"]);
    return ["leaseDurationSeconds", "leaseTransitions"].flatMap((field) => {
      const value = spec[field];
      if (typeof value !== "number") return [];
      if (field === "leaseDurationSeconds" && value <= 0)
        return [invalid(`spec.${field}`, value, "must be greater than 0")];
      return value < 0 ? [invalid(`spec.${field}`, value, "must be greater than or equal to 0")] : [];
    });
  },
  createsOnUpdate: true,
  needsResourceVersion: true,
};

export const endpointsBehaviour: Behaviour = { nameErrors: subdomainErrors, createsOnUpdate: true };

export const endpointSliceBehaviour: Behaviour = {
  nameErrors: subdomainErrors,
  default(object) {
    for (const port of (object["ports"] ?? []) as JsonMap[]) {
      port["name"] ??= "";
      port["protocol"] ??= "TCP";
    }
  },
  validate: endpointSliceErrors,
  isNewGeneration(object, old) {
    const content = ({ metadata, ...rest }: KubeObject): JsonMap => ({ ...rest, labels: metadata.labels });
    return !sameJson(content(object), content(old));
  },
};

const addressTypes = ["FQDN", "IPv4", "IPv6"];

function endpointSliceErrors(object: KubeObject, old: KubeObject | undefined): readonly FieldError[] {
  const type = asText(object["addressType"]);
  // Upstream's validation prints no value here and ends with it.
  if (old !== undefined && old["addressType"] !== type) return [invalid("addressType", null, "field is immutable")];
  const errors: FieldError[] = [];
  if (type === "") errors.push(required("addressType"));
  else if (!addressTypes.includes(type)) errors.push(notSupported("addressType", type, addressTypes));
  for (const [index, endpoint] of ((object["endpoints"] ?? []) as readonly { addresses?: string[] }[]).entries()) {
    const at = `endpoints[${index}].addresses`;
    const { addresses = [] } = endpoint;
    if (addresses.length === 0) errors.push(required(at, "must contain at least 1 address"));
    for (const [position, address] of addresses.entries())
      errors.push(...addressErrors(type, address).map((error) => invalid(`${at}[${position}]`, address, error)));
  }
  return errors;
}

function addressErrors(type: string, address: string): readonly string[] {
  if (type === "FQDN") return subdomainErrors(address);
  const syntax = ipErrors(address);
  if (syntax.length > 0) return syntax;
  if (address.includes(":") !== (type === "IPv6"))
    return [type === "IPv6" ? "must be an IPv6 address" : "must be an IPv4 address"];
  return endpointIpErrors(address);
}
