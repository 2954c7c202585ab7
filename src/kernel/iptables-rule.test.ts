import fc from "fast-check";
import { expect, it } from "vitest";
import { savedRule } from "./fake-iptables.ts";
import { canonicalRule, parseRule } from "./index.ts";
import { serviceRules } from "./testing/rules.ts";

it.each(serviceRules("IPv4"))("reads %s as its saved form", (rule) => {
  expect(canonicalRule(rule)).toBe(canonicalRule(savedRule(rule, "IPv4")));
});

it.each(serviceRules("IPv6"))("reads %s as its saved form", (rule) => {
  expect(canonicalRule(rule)).toBe(canonicalRule(savedRule(rule, "IPv6")));
});

it.each([
  ["-d 10.0.0.1", "-d 10.0.0.1/32"],
  ["-s 10.1.2.3/8 -j A", "-s 10.0.0.0/8 -j A"],
  ["-s 0.0.0.0/0 -j A", "-j A"],
  ["-d FD00:0::1 -j A", "-d fd00::1/128 -j A"],
  ["-m comment --comment one", '-m comment --comment "one"'],
  ["-m tcp -p tcp -d 1.2.3.4 --dport 80", "-d 1.2.3.4/32 -p tcp -m tcp --dport 80"],
  ["-j MARK --set-mark 16", "-j MARK --set-xmark 0x10/0xffffffff"],
  ["-j MARK --and-mark 0xffffbfff", "-j MARK --set-xmark 0x0/0x4000"],
  ["-m mark --mark 0x4000", "-m mark --mark 0x4000/0xffffffff"],
  ["-m conntrack --ctstate ESTABLISHED,RELATED", "-m conntrack --ctstate RELATED,ESTABLISHED"],
])("takes %s and %s for one rule", (a, b) => {
  expect(canonicalRule(a)).toBe(canonicalRule(b));
});

it.each([
  ["-d 10.0.0.1 -j A", "-d 10.0.0.2 -j A"],
  ["-d 10.0.0.1 -j A", "! -d 10.0.0.1 -j A"],
  ["-j A", "-g A"],
  ["-j REJECT", "-j REJECT --reject-with tcp-reset"],
  ["! -s 0.0.0.0/0 -j A", "-j A"],
  ['-m comment --comment "a b" -j A', '-m comment --comment "a  b" -j A'],
  ["-m statistic --mode random --probability 0.3333333333", "-m statistic --mode random --probability 0.3333333343"],
  ["-m recent --name A --set -m tcp --dport 1", "-m tcp --dport 1 -m recent --name A --set"],
])("tells %s from %s", (a, b) => {
  expect(canonicalRule(a)).not.toBe(canonicalRule(b));
});

it("keeps any comment through quoting", () => {
  const comment = fc.string({ minLength: 1, maxLength: 60 }).filter((text) => !/\s/.test(text.replaceAll(" ", "")));
  fc.assert(
    fc.property(comment, (text) => {
      const rule = `-m comment --comment ${JSON.stringify(text)} -j A`;
      expect(parseRule(rule).matches[0]?.options[0]?.values).toEqual([text]);
      expect(canonicalRule(canonicalRule(rule))).toBe(canonicalRule(rule));
    }),
  );
});

it("maps every probability that we write to what the kernel keeps", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 100_000 }), (n) => {
      const rule = `-m statistic --mode random --probability ${(1 / n).toFixed(10)} -j A`;
      expect(canonicalRule(savedRule(rule, "IPv4"))).toBe(canonicalRule(rule));
    }),
  );
});

it.each([
  ['"a b"', ["a b"]],
  ['"a \\"b\\" \\\\"', ['a "b" \\']],
  ['"a"b', ["a", "b"]],
  ['a"b c"', ['a"b', 'c"']],
  ['"a b', ['"a', "b"]],
  ['"-j"', ["-j"]],
  ["\u00a0a\u2003b\t", ["a", "b"]],
])("reads the words of %s", (text, values) => {
  expect(parseRule(`-m comment --comment ${text}`).matches[0]?.options[0]?.values).toEqual(values);
});
