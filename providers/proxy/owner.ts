import { z } from "zod";
import type { LbIdentity } from "../../src/model/index.ts";

/** The file that makes a directory ours. */
export const ownerFile = "owner.json";

export function renderOwner({ clusterId, uid, namespace, name }: LbIdentity): string {
  return `${JSON.stringify({ clusterId, uid, namespace, name }, undefined, 2)}\n`;
}

export function parseOwner(text: string): LbIdentity | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const schema = z.object({
  clusterId: z.string(),
  uid: z.string(),
  namespace: z.string(),
  name: z.string(),
}) satisfies z.ZodType<LbIdentity>;
