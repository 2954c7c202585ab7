import { z } from "zod";

export interface TargetStatus {
  readonly name: string;
  readonly healthy: boolean;
  /** What the last probe that changed the state said: `HTTP 503`, `connect ECONNREFUSED ...`. */
  readonly reason: string;
}

/** Open connections that lead where no new one would. */
export interface Drain {
  /** What clients connect to, and where that leads. */
  readonly path: string;
  /** RFC 3339. */
  readonly since: string;
}

/** What a balancer reports of itself. */
export interface BalancerStatus {
  /** Hash of the text of the configuration that the kernel's rules express; empty before the first. */
  readonly applied: string;
  /** In the order of the configuration. */
  readonly targets: readonly TargetStatus[];
  /** Why a newer configuration is not in force. */
  readonly failure?: string | undefined;
  /** Absent when nothing drains. */
  readonly draining?: readonly Drain[] | undefined;
}

export function renderBalancerStatus(status: BalancerStatus): string {
  return `${JSON.stringify(status, undefined, 2)}\n`;
}

/** Undefined when the text is no status, as one of an older or newer version may be: the next write replaces it. */
export function parseBalancerStatus(text: string): BalancerStatus | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const schema = z.object({
  applied: z.string(),
  targets: z.array(z.object({ name: z.string(), healthy: z.boolean(), reason: z.string() })),
  failure: z.string().optional(),
  draining: z.array(z.object({ path: z.string(), since: z.string() })).optional(),
}) satisfies z.ZodType<BalancerStatus>;
