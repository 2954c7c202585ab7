import { choice, form, type Kind, type Pairs, whole } from "./kinds.ts";
import type { ListenerProtocol } from "./spec.ts";

/** An attribute as AWS has it: always a text. */
interface Attribute {
  readonly kind: Kind<unknown>;
  /** What it is where nobody sets it; one that is not mentioned any more goes back to it. */
  readonly fallback: string;
}

type Attributes = Readonly<Record<string, Attribute>>;

const flag = choice("true", "false");
const anyText = form(/^[^,]{0,1024}$/, "a text");
const countOrOff = form(/^(off|[1-9]\d{0,2})$/, "a whole number from 1 to 999, or off");
const percentOrOff = form(/^(off|100|[1-9]\d?)$/, "a whole number from 1 to 100, or off");

/** Of a Network Load Balancer. */
export const loadBalancerAttributes: Attributes = {
  "access_logs.s3.bucket": { kind: anyText, fallback: "" },
  "access_logs.s3.enabled": { kind: flag, fallback: "false" },
  "access_logs.s3.prefix": { kind: anyText, fallback: "" },
  "deletion_protection.enabled": { kind: flag, fallback: "false" },
  "dns_record.client_routing_policy": {
    kind: choice("any_availability_zone", "partial_availability_zone_affinity", "availability_zone_affinity"),
    fallback: "any_availability_zone",
  },
  "load_balancing.cross_zone.enabled": { kind: flag, fallback: "false" },
  "zonal_shift.config.enabled": { kind: flag, fallback: "false" },
};

/** Of a target group of instances behind a listener of this protocol. */
export function targetGroupAttributes(protocol: ListenerProtocol): Attributes {
  const isDatagram = protocol === "UDP" || protocol === "TCP_UDP";
  return {
    "deregistration_delay.connection_termination.enabled": { kind: flag, fallback: String(isDatagram) },
    "deregistration_delay.timeout_seconds": { kind: whole(0, 3600), fallback: "300" },
    "load_balancing.cross_zone.enabled": {
      kind: choice("true", "false", "use_load_balancer_configuration"),
      fallback: "use_load_balancer_configuration",
    },
    "preserve_client_ip.enabled": { kind: flag, fallback: "true" },
    "proxy_protocol_v2.enabled": { kind: flag, fallback: "false" },
    "stickiness.enabled": { kind: flag, fallback: "false" },
    "stickiness.type": { kind: choice("source_ip"), fallback: "source_ip" },
    "target_group_health.dns_failover.minimum_healthy_targets.count": { kind: countOrOff, fallback: "1" },
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": { kind: percentOrOff, fallback: "off" },
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": {
      kind: whole(1, 999),
      fallback: "1",
    },
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": {
      kind: percentOrOff,
      fallback: "off",
    },
    ...(!isDatagram && {
      "target_health_state.unhealthy.connection_termination.enabled": { kind: flag, fallback: "true" },
      "target_health_state.unhealthy.draining_interval_seconds": { kind: whole(0, 360_000), fallback: "0" },
    }),
  };
}

/** Of a listener of this protocol. */
export function listenerAttributes(protocol: ListenerProtocol): Attributes {
  return protocol === "TCP" ? { "tcp.idle_timeout.seconds": { kind: whole(60, 6000), fallback: "350" } } : {};
}

/** What each is where nobody sets it. */
export function fallbacksOf(attributes: Attributes): Pairs {
  return Object.fromEntries(Object.entries(attributes).map(([name, { fallback }]) => [name, fallback]));
}

/** The first thing that is wrong with some of them, as a remedy; undefined when nothing is. */
export function wrongWith(given: Pairs, attributes: Attributes): string | undefined {
  for (const [name, value] of Object.entries(given)) {
    const attribute = attributes[name];
    if (attribute === undefined)
      return `${JSON.stringify(name)} is no attribute here; known are ${Object.keys(attributes).join(", ") || "none"}`;
    if (attribute.kind.parse(value) === undefined) return `give ${name} ${attribute.kind.allowed}`;
  }
  return undefined;
}
