// What the annotations of a Service ask of a Network Load Balancer: ours and those of the AWS Load Balancer Controller,
// which mean the same here. Invariant: pure; everything that is wrong is found at once, and nothing that is for AWS and
// is not followed passes unseen. It knows nothing of what AWS has.
import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import type { Issue } from "../../../src/provider/index.ts";
import { keys, whyNotFollowed } from "./keys.ts";
import { choice } from "./kinds.ts";
import { readListeners } from "./listeners.ts";
import { readAttributes } from "./load-balancer-attributes.ts";
import { readAddresses, readIpAddressType, readName, readScheme, readSourceNat, readSubnets } from "./placement.ts";
import { Reader } from "./reader.ts";
import { readSecurityGroups } from "./security-groups.ts";
import type { NlbSpec, SchemaSettings } from "./spec.ts";
import { readTags } from "./tags.ts";

export { fallbacksOf, listenerAttributes, loadBalancerAttributes, targetGroupAttributes } from "./attributes.ts";
export { keys } from "./keys.ts";
export type { Pairs } from "./kinds.ts";
export type * from "./spec.ts";

/** Reads the wish of a Service; with a `refuse` issue it must not be acted on. */
export function nlbSpec(
  lb: DesiredLoadBalancer,
  settings: SchemaSettings,
): { readonly spec: NlbSpec; readonly issues: readonly Issue[] } {
  const reader = new Reader(lb.annotations);
  checkKind(lb, reader);
  const scheme = readScheme(lb, reader);
  const ipAddressType = readIpAddressType(lb, reader);
  const subnets = readSubnets(reader);
  const spec: NlbSpec = {
    name: readName(reader),
    scheme,
    ipAddressType,
    sourceNat: readSourceNat(lb, reader, ipAddressType),
    subnets,
    addresses: readAddresses(reader, { scheme, type: ipAddressType, subnets }),
    securityGroups: readSecurityGroups(lb, reader, ipAddressType),
    attributes: readAttributes(reader),
    tags: readTags(reader),
    listeners: readListeners(lb, reader, settings),
  };
  return { spec, issues: reader.issues };
}

/** What makes another kind of load balancer of it, or means nothing to this one. */
function checkKind({ annotations, requestedAddresses }: DesiredLoadBalancer, reader: Reader): void {
  reader.read(keys.type, choice("external", "nlb", "nlb-ip"));
  if (reader.annotations[keys.type] === "nlb-ip" || reader.read(keys.targetType, choice("instance", "ip")) === "ip") {
    const key = reader.has(keys.targetType) ? keys.targetType : keys.type;
    reader.refuse(key, "targets are nodes, never pods; give instance (or type external)");
  }
  if (requestedAddresses.length > 0) {
    const message = `AWS chooses the addresses; give ${keys.eipAllocations} or ${keys.privateIpv4}`;
    reader.add({ path: "spec.loadBalancerIP", severity: "refuse", reason: "AddressNotSupported", message });
  }
  for (const key of Object.keys(annotations).sort()) {
    const why = whyNotFollowed(key);
    if (why !== undefined) reader.degrade(key, why);
  }
}
