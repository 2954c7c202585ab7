import { z } from "zod";
import type { Condition } from "../index.ts";
import { moment, text, whole } from "./fields.ts";

/** A text to the type checker, as in Kubernetes' own types. */
const status: z.ZodType<string, string> = z.enum(["True", "False", "Unknown"]);

const condition = z.object({
  type: text(316),
  status,
  observedGeneration: whole(0).exactOptional(),
  lastTransitionTime: moment,
  reason: text(1024).min(1),
  message: text(32768),
});

/** `status.conditions` of any kind. */
export const conditions: z.ZodType<Condition[], Condition[]> = z
  .array(condition)
  .max(16)
  .superRefine((all, context) => {
    for (const [index, { type }] of all.entries()) {
      if (all.findIndex((each) => each.type === type) === index) continue;
      context.addIssue({ code: "custom", path: [index], message: "has the type of another condition; remove one" });
    }
  })
  .meta({ "x-kubernetes-list-type": "map" });
