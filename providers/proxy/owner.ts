import { z } from "zod";
import type { LbIdentity } from "../../src/model/index.ts";

/** The file that makes a directory ours. */
export const ownerFile = "owner.json";

export interface Owner extends LbIdentity {
  /** Its Service has gone and wanted it to stay: nobody tears it down but an administrator. */
  readonly retained?: boolean | undefined;
}

export function renderOwner({ clusterId, uid, namespace, name, retained }: Owner): string {
  return `${JSON.stringify({ clusterId, uid, namespace, name, retained }, undefined, 2)}\n`;
}

export function parseOwner(text: string): Owner | undefined {
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
  retained: z.boolean().optional(),
}) satisfies z.ZodType<Owner>;
