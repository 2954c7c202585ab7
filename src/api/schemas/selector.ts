import { z } from "zod";
import type { IPAddressPool } from "../index.ts";
import { map, text } from "./fields.ts";
import { keyForm, keyWords } from "./keys.ts";

const valueForm = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const valueWords = "use letters, digits, '-', '_' and '.', with a letter or digit at both ends, or leave it empty";

const value = text(63).refine((each) => valueForm.test(each), { error: `is no label value; ${valueWords}` });

/** A text to the type checker, as in Kubernetes' own types. */
const operator: z.ZodType<string, string> = z.enum(["In", "NotIn", "Exists", "DoesNotExist"]);

const expression = z
  .object({
    key: text(317).refine((each) => keyForm.test(each), { error: `is no label key; write ${keyWords}` }),
    operator,
    values: z.array(value).max(64).exactOptional(),
  })
  .refine(({ operator, values = [] }) => ["In", "NotIn"].includes(operator) === values.length > 0, {
    error:
      "values must hold at least one value with the operators In and NotIn; leave it out with Exists and DoesNotExist",
  });

type LabelSelector = NonNullable<IPAddressPool["spec"]["namespaceSelector"]>;

/** A label selector; an empty one selects everything. */
export const selector: z.ZodType<LabelSelector, LabelSelector> = z.object({
  matchLabels: map(value, {
    max: 32,
    key: keyForm,
    error: `a key is no label key; write ${keyWords}`,
  }).exactOptional(),
  matchExpressions: z.array(expression).max(32).exactOptional(),
});
