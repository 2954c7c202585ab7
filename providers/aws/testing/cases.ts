// A situation, a wish, and the plans from the one to the other as a text.
import type { DesiredLoadBalancer, NodeTarget } from "../../../src/model/index.ts";
import { drive, type Wish } from "./drive.ts";
import { errorText, plansText } from "./plan-text.ts";
import { desiredLb, node, port } from "./values.ts";
import { World } from "./world.ts";

type Port = DesiredLoadBalancer["ports"][number];

const prefix = "service.beta.kubernetes.io/aws-load-balancer-";
export const http: Port = port("TCP", 80, 30_080, "http");
export const https: Port = port("TCP", 443, 30_443, "https");
export const nodes: readonly NodeTarget[] = [node(1), node(2)];

/** Annotations without a slash are those of AWS, without what all begin with. */
export function wish(
  annotations: Readonly<Record<string, string>> = {},
  changes: Partial<DesiredLoadBalancer> = {},
  to: readonly NodeTarget[] = nodes,
): Wish {
  const full = Object.entries(annotations).map(([key, value]) => [key.includes("/") ? key : `${prefix}${key}`, value]);
  return { lb: desiredLb({ annotations: Object.fromEntries(full), ...changes }), nodes: to };
}

/** What there is, what somebody else does to it, and what is wanted then. */
export interface Case {
  readonly name: string;
  /** Undefined: nothing. */
  readonly from: Wish | undefined;
  readonly change?: (world: World) => void;
  readonly to: Wish;
}

/** What is planned until all is done. */
export async function casesText(cases: readonly Case[]): Promise<string> {
  const texts: string[] = [];
  for (const one of cases) texts.push(`# ${one.name}\n${await caseText(one)}`);
  return `${texts.join("\n\n")}\n`;
}

async function caseText({ from, change, to }: Case): Promise<string> {
  const world = new World(1100);
  const { id } = desiredLb();
  if (from !== undefined) await drive(world, id, from);
  change?.(world);
  try {
    return plansText(await drive(world, id, to)) || "  nothing";
  } catch (error) {
    return errorText(error);
  }
}
