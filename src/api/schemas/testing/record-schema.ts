import { z } from "zod";
import type { LoadBalancerRecord } from "../../index.ts";
import { conditions } from "../condition.ts";
import { exactly } from "../exactly.ts";
import { empty, moment, objectFields, text, whole } from "../fields.ts";

const targets = z.object({
  ready: whole(0),
  total: whole(0),
  unhealthy: z
    .array(z.object({ node: text(253), reason: text(1024) }))
    .max(20)
    .exactOptional(),
});

const status = z.object({
  loadBalancerClass: text(317).exactOptional(),
  observedServiceHash: text(128).exactOptional(),
  addresses: z.array(text(253)).max(64).exactOptional(),
  references: z.array(text(2048)).max(256).exactOptional(),
  targets: targets.exactOptional(),
  lastPlan: z.object({ summary: text(1024), hash: text(128), steps: whole(0), at: moment }).exactOptional(),
  awaiting: z.object({ what: text(1024), reason: text(1024), since: moment }).exactOptional(),
  lastError: z.object({ kind: text(63), reason: text(1024), message: text(32768), at: moment }).exactOptional(),
  nextTryAt: moment.exactOptional(),
  conditions: conditions.exactOptional(),
});

/**
 * What the definition says. Nobody reads Records but people, so only tests need it: they hold the type
 * that the controller writes to the schema that the API server has.
 */
export const recordSchema: z.ZodType<LoadBalancerRecord> = exactly<LoadBalancerRecord>()(
  z.object({ ...objectFields, spec: empty.exactOptional(), status: status.exactOptional() }),
);
