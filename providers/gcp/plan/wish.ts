import type { DesiredLoadBalancer } from "../../../src/model/index.ts";
import { subnetworkLink } from "../links.ts";
import { baseName } from "../names.ts";
import { type Owner, renderOwner } from "../owner.ts";
import type { Tier } from "../resources.ts";
import { type Options, optionsOf } from "../schema.ts";
import { type Settings, settingsFor } from "../settings.ts";

/** All that the parts of one load balancer are computed from. */
export interface Wish {
  readonly lb: DesiredLoadBalancer;
  readonly options: Options;
  readonly settings: Settings;
  readonly owner: Extract<Owner, { kind: "service" }>;
  readonly base: string;
  /** The owner, as every part says it. */
  readonly description: string;
  readonly isInternal: boolean;
  /** Of its external addresses. */
  readonly tier: Tier;
  /** Of its internal and IPv6 addresses. */
  readonly subnetwork: string;
}

export function wishOf(lb: DesiredLoadBalancer, flags: Settings): Wish {
  const settings = settingsFor(lb, flags);
  const options = optionsOf(lb);
  const owner = { kind: "service", id: lb.id, retained: false } as const;
  return {
    lb,
    options,
    settings,
    owner,
    base: baseName(lb.id),
    description: renderOwner(owner),
    isInternal: options.scheme === "internal",
    tier: options.tier ?? "PREMIUM",
    subnetwork: subnetworkLink(options.subnet ?? settings.subnetwork, settings),
  };
}
