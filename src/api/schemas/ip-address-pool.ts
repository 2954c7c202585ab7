import { z } from "zod";
import type { IPAddressPool } from "../index.ts";
import { rangeProblem } from "./address-range.ts";
import { conditions } from "./condition.ts";
import { exactly } from "./exactly.ts";
import { objectFields, set, text, whole } from "./fields.ts";
import { className } from "./keys.ts";
import { type Parsed, parseWith } from "./parsed.ts";
import { selector } from "./selector.ts";

const range = text(91)
  .min(1)
  .superRefine((text, context) => {
    const message = rangeProblem(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

const spec = z.object({
  ranges: set(range, { min: 1, max: 64 }),
  namespaceSelector: selector.exactOptional(),
  serviceSelector: selector.exactOptional(),
  loadBalancerClasses: set(className, { min: 1, max: 64 }).exactOptional(),
  priority: whole(-1_000_000, 1_000_000).default(0),
  disabled: z.boolean().default(false),
});

const status = z.object({
  used: whole(0),
  free: text(41).regex(/^(0|[1-9][0-9]*)$/),
  conditions: conditions.exactOptional(),
});

/** What `charts/berth/files/crds/ipaddresspools.yaml` says. */
export const poolSchema: z.ZodType<IPAddressPool> = exactly<IPAddressPool>()(
  z.object({ ...objectFields, spec, status: status.exactOptional() }),
);

/** Checks an IPAddressPool as the API server does. */
export function parsePool(object: unknown): Parsed<IPAddressPool> {
  return parseWith(poolSchema, object);
}
