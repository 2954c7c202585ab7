import { z } from "zod";
import type { ObjectMeta } from "../index.ts";

/** What is known of every object; the API server has checked it. */
const metadata: z.ZodCustom<ObjectMeta, ObjectMeta> = z.custom<ObjectMeta>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  { error: "must be an object" },
);

/** The fields that every kind has beside `spec` and `status`. */
export const objectFields: {
  apiVersion: z.ZodExactOptional<z.ZodString>;
  kind: z.ZodExactOptional<z.ZodString>;
  metadata: typeof metadata;
} = { apiVersion: z.string().exactOptional(), kind: z.string().exactOptional(), metadata };

/** An object whose fields nobody knows; they are left out. */
export const empty: z.ZodType<Record<string, never>, Record<string, unknown>> = z.object({});

/** A whole number between two others. */
export function whole(from: number, to: number = Number.MAX_SAFE_INTEGER): z.ZodInt {
  return z.int().min(from).max(to);
}

export function text(max: number): z.ZodString {
  return z.string().max(max);
}

/** A moment as RFC 3339 writes it. */
export const moment: z.ZodISODateTime = z.iso.datetime({ offset: true });

/** A list in which no text stands twice. */
export function set<T extends z.ZodType<string>>(
  item: T,
  { min = 0, max }: { min?: number; max: number },
): z.ZodArray<T> {
  const list = min === 0 ? z.array(item) : z.array(item).min(min);
  return list
    .max(max)
    .superRefine((values, context) => {
      for (const [index, value] of values.entries()) {
        if (values.indexOf(value) === index) continue;
        context.addIssue({ code: "custom", path: [index], message: "is in the list already; remove it" });
      }
    })
    .meta({ "x-kubernetes-list-type": "set" });
}

/** Values of one form by keys of another; `error` is what is said of a wrong key. */
export function map<T extends z.ZodType<string>>(
  item: T,
  { max, key, error }: { max: number; key: RegExp; error: string },
): z.ZodRecord<z.ZodString, T> {
  return z
    .record(z.string(), item)
    .refine((values) => Object.keys(values).length <= max, { error: `must have at most ${max} entries; remove some` })
    .refine((values) => Object.keys(values).every((each) => key.test(each)), { error })
    .meta({ maxProperties: max });
}
