import fc from "fast-check";
import { expect, it } from "vitest";
import { stringify } from "yaml";
import { UsageError } from "../../base/index.ts";
import { decode, encode } from "./document.ts";
import type { FieldPath, FieldValues } from "./field.ts";
import { defaultValues, fieldAt, fieldPaths } from "./fields.ts";

const header = { apiVersion: "kubeproxy.config.k8s.io/v1alpha1", kind: "KubeProxyConfiguration" };
const word = fc.string({ unit: fc.constantFrom(...Array.from("abz019.:/-_ '\"#")), minLength: 1, maxLength: 12 });

/** A value of the sort that the field's default is of, and not zero, which would be the default again. */
function valueOf(path: FieldPath): fc.Arbitrary<unknown> {
  const { fallback, kind } = fieldAt(path);
  if (path === "logging.vmodule") return fc.array(fc.constantFrom("a=1", "b*=2"), { minLength: 1, maxLength: 2 });
  if (path === "clusterCIDR")
    return fc.array(fc.constantFrom("10.0.0.0/8", "fd00::/8"), { minLength: 1, maxLength: 2 });
  if (Array.isArray(fallback)) return fc.array(word, { minLength: 1, maxLength: 3 });
  if (typeof fallback === "boolean") return fc.boolean();
  if (typeof fallback === "string") return word;
  if (typeof fallback === "number" && kind.name === "duration")
    // Whole microseconds, as floats count them; less than 100 days.
    return fc.integer({ min: 1, max: 8_640_000_000_000 }).map((us) => us / 1000);
  return typeof fallback === "number"
    ? fc.integer({ min: 1, max: 2 ** 31 - 1 })
    : fc.dictionary(fc.constantFrom("A", "B"), fc.boolean());
}

const values = fc.record(Object.fromEntries(fieldPaths.map((path) => [path, valueOf(path)])), {
  requiredKeys: [],
}) as fc.Arbitrary<Partial<FieldValues>>;

it("reads what it wrote, whatever it holds", () => {
  fc.assert(
    fc.property(values, (own) => {
      const all = { ...defaultValues(), ...own };
      expect(decode(encode(all), "FILE")).toEqual({ values: all, warnings: [] });
    }),
  );
});

it("writes the same for the same, in one order", () => {
  fc.assert(
    fc.property(values, (own) => {
      const backwards = Object.fromEntries(Object.entries(own).reverse());
      const [one, two] = [own, backwards].map((some) => encode({ ...defaultValues(), ...some }));
      expect(stringify(one)).toBe(stringify(two));
    }),
  );
});

it("reads any document or says in one line what is wrong with it", () => {
  const sections = ["iptables", "conntrack", "logging", "nodePortAddresses", "featureGates", "mode", "syncPeriod"];
  const json = fc.jsonValue({ maxDepth: 3 });
  const document = fc.dictionary(fc.oneof(fc.constantFrom(...sections), word), json, { maxKeys: 4 });
  fc.assert(
    fc.property(document, (fields) => {
      try {
        const { warnings } = decode({ ...header, ...fields }, "FILE");
        expect(warnings.every(({ what }) => what.startsWith("FILE: "))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
        expect((error as Error).message).toMatch(/^--config FILE: .*; give [^\n]*$/s);
      }
    }),
  );
});

it("knows every field of the file once, and no flag twice", () => {
  const flags = fieldPaths.flatMap((path) => fieldAt(path).flag ?? []);
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(fieldPaths).size).toBe(fieldPaths.length);
});
