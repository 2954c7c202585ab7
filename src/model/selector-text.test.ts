import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { selects } from "../api/index.ts";
import { parseSelector } from "./selector-text.ts";

const labels = { app: "web", tier: "edge", "example.com/a": "" };

function matches(text: string): boolean | string {
  const parsed = parseSelector(text);
  return "selector" in parsed ? selects(parsed.selector, labels) : parsed.wrong;
}

describe("a label selector as text", () => {
  it.each([
    ["app", true],
    ["!app", false],
    ["! missing", true],
    ["app=web", true],
    ["app==web,tier!=edge", false],
    ["missing!=x", true],
    ["app in (web,api)", true],
    ["app in(api)", false],
    ["app notin (api, x),tier", true],
    ["missing notin (api)", true],
    ["missing in (api)", false],
    ["example.com/a=", true],
    ["example.com/a in (,x)", true],
    [" app = web , tier in ( edge ) ", true],
  ])("%j selects or not", (text, expected) => expect(matches(text)).toBe(expected));

  it.each([
    ["", '""'],
    ["app,", '""'],
    ["app===web", '"app===web"'],
    ["app in web", '"app in web"'],
    ["a in (b", '"a in (b"'],
    ["a=b c", '"a=b c"'],
    ["n>4", '"n>4"'],
    ["a/b/c=d", '"a/b/c=d"'],
    ["a=-b", '"a=-b"'],
    ["a".repeat(64), `"${"a".repeat(64)}"`],
  ])("%j is refused", (text, part) =>
    expect(matches(text)).toMatch(`${part} is no requirement of a label selector; give such as zone=a`),
  );

  it("selects what equality of every pair selects", () => {
    const name = fc.stringMatching(/^[a-z]{1,3}$/);
    fc.assert(
      fc.property(fc.dictionary(name, name, { minKeys: 1 }), fc.dictionary(name, name), (wanted, found) => {
        const text = Object.entries(wanted).map(([key, value]) => `${key}=${value}`);
        const parsed = parseSelector(text.join(","));
        const expected = Object.entries(wanted).every(
          ([key, value]) => Object.hasOwn(found, key) && found[key] === value,
        );
        expect("selector" in parsed && selects(parsed.selector, found)).toBe(expected);
      }),
    );
  });

  it("parses or refuses any text, and never fails otherwise", () => {
    const letters = fc.constantFrom("a", "b", "=", "!", "<", "(", ")", ",", " ", "in", "notin", "/", "é");
    fc.assert(
      fc.property(fc.string({ unit: letters }), (text) => {
        expect(Object.keys(parseSelector(text))).toHaveLength(1);
      }),
    );
  });
});
