import { cidrContains, parseCidr, parseIp } from "../../../src/net/index.ts";
import type { Body } from "../body.ts";
import type { World } from "../world.ts";

/** A TCP packet that comes from outside. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  readonly port: number;
}

/**
 * Whether it reaches machines without tags: the firewall rule of the lowest number decides, of two with the same the one
 * that denies, and what no rule speaks of is kept out (https://cloud.google.com/firewall/docs/firewalls).
 */
export function letsIn(world: World, { from, to, port }: Packet): boolean {
  const rules = world.list(/\/global\/firewalls\/[^/]+$/).filter((rule) => {
    const isAtWork =
      rule["direction"] === "INGRESS" && rule["disabled"] !== true && listOf(rule, "targetTags").length === 0;
    return isAtWork && holds(rule, "sourceRanges", from) && holds(rule, "destinationRanges", to) && takes(rule, port);
  });
  const first = Math.min(...rules.map(({ priority }) => Number(priority)));
  const deciding = rules.filter(({ priority }) => priority === first);
  return deciding.length > 0 && deciding.every((rule) => listOf(rule, "denied").length === 0);
}

/** None at all are all. */
function holds(rule: Body, field: string, address: string): boolean {
  const ip = parseIp(address);
  const ranges = (listOf(rule, field) as readonly string[]).map((text) => {
    return parseCidr(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
  });
  return (
    ranges.length === 0 || ranges.some((range) => range !== undefined && ip !== undefined && cidrContains(range, ip))
  );
}

function takes(rule: Body, port: number): boolean {
  const traffic = [...listOf(rule, "allowed"), ...listOf(rule, "denied")] as readonly Body[];
  return traffic.some(({ IPProtocol, ports = ["0-65535"] }) => {
    const spans = (ports as readonly string[]).map((text) => text.split("-").map(Number));
    const isIn = spans.some(([low = 0, high = low]) => low <= port && port <= high);
    return IPProtocol === "all" || (IPProtocol === "tcp" && isIn);
  });
}

function listOf(rule: Body, field: string): readonly unknown[] {
  return (rule[field] ?? []) as readonly unknown[];
}
