import type { z } from "zod";
import { isClassName } from "../index.ts";
import { map, text } from "./fields.ts";

const domain = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/";
const name = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";

/** The form of the keys of labels and annotations. */
export const keyForm: RegExp = new RegExp(`^(${domain})?${name}$`);
export const keyWords: string =
  "an optional DNS domain and a slash, then at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends";

/** `spec.loadBalancerClass`, as Services name it. */
export const className: z.ZodString = text(317).refine(isClassName, {
  error:
    "must have a domain of yours, a slash and a name, such as example.com/internal; Kubernetes keeps names without a domain for users",
});

export const annotationKey: z.ZodString = text(317).refine((each) => keyForm.test(each), {
  error: `is no annotation key; write ${keyWords}`,
});

/** Annotations by key. */
export const annotationValues: z.ZodRecord<z.ZodString, z.ZodString> = map(text(4096), {
  max: 64,
  key: keyForm,
  error: `a key is no annotation key; write ${keyWords}`,
});
