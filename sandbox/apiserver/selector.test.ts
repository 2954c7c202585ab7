import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseFieldSelector, parseLabelSelector } from "./selector.ts";

const labels = { app: "web", tier: "edge", "example.com/a": "", n: "5" };

describe("label selector", () => {
  it.each([
    ["", true],
    ["app", true],
    ["!app", false],
    ["missing", false],
    ["!missing", true],
    ["app=web", true],
    ["app==web,tier!=edge", false],
    ["tier!=core", true],
    ["missing!=x", true],
    ["app in (web,api)", true],
    ["app in (api)", false],
    ["app notin (api)", true],
    ["missing notin (api)", true],
    ["missing in (api)", false],
    ["example.com/a=", true],
    ["example.com/a in (,x)", true],
    ["n>4,n<6", true],
    ["n>5", false],
    [" app = web , tier in ( edge ) ", true],
  ])("%s -> %s", (text, expected) => expect(parseLabelSelector(text)(labels)).toBe(expected));

  it.each([
    ["app===web", "found '=', expected: identifier"],
    ["app in web", "found 'web' expected: '('"],
    ["app,", "found '', expected: identifier after ','"],
    ["=web", "found '=', expected: identifier"],
    ["a b", "found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ["a=b c", "found 'c', expected: ',' or 'end of string'"],
    ["a in (b", "found '', expected: ',', ')' or identifier"],
  ])("refuses %s", (text, message) =>
    expect(() => parseLabelSelector(text)).toThrow(`unable to parse requirement: ${message}`),
  );

  it("selects what equality of every pair selects", () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    fc.assert(
      fc.property(fc.dictionary(name, name), fc.dictionary(name, name), (wanted, found) => {
        const text = Object.entries(wanted).map(([key, value]) => `${key}=${value}`);
        const expected = Object.entries(wanted).every(
          ([key, value]) => Object.hasOwn(found, key) && found[key] === value,
        );
        expect(parseLabelSelector(text.join(","))(found)).toBe(expected);
      }),
    );
  });

  it("parses or refuses any text, and never fails otherwise", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "b", "=", "!", "<", ">", "(", ")", ",", " ", "in", "n") }),
        (text) => {
          try {
            parseLabelSelector(text)(labels);
          } catch (error) {
            expect(error).toMatchObject({ code: 400 });
          }
        },
      ),
    );
  });
});

describe("field selector", () => {
  it("reads terms and escapes", () => {
    expect(parseFieldSelector("metadata.name=a,spec.type!=b\\,c")).toEqual([
      { field: "metadata.name", value: "a", negated: false },
      { field: "spec.type", value: "b,c", negated: true },
    ]);
  });

  it("refuses a term without an operator", () => {
    expect(() => parseFieldSelector("a.b")).toThrow("invalid selector: 'a.b'; can't understand 'a.b'");
  });
});
