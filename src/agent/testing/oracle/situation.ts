import type { LocalTrafficDetector } from "../../node-facts.ts";
import type { Situation } from "./agreement.ts";

/** As a file keeps it. */
export function formatSituation(situation: Situation): string {
  const plain = (_: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value);
  return `${JSON.stringify(situation, plain, 1)}\n`;
}

export function parseSituation(text: string): Situation {
  const situation = JSON.parse(text) as Situation;
  const { localTraffic } = situation.world.settings;
  if (localTraffic.mode !== "ClusterCIDR") return situation;
  const cidrs = new Map(Object.entries(localTraffic.cidrs)) as (LocalTrafficDetector & {
    mode: "ClusterCIDR";
  })["cidrs"];
  const settings = { ...situation.world.settings, localTraffic: { ...localTraffic, cidrs } };
  return { ...situation, world: { ...situation.world, settings } };
}
