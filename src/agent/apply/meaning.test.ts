import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalRule } from "../../kernel/index.ts";
import { sameMeaning } from "./meaning.ts";

const same = (a: readonly string[], b: readonly string[]): boolean =>
  sameMeaning(a.map(canonicalRule), b.map(canonicalRule));
const row = (address: string, port: number, target = "A", comment = `c${target}`): string =>
  `-m comment --comment "${comment}" -m tcp -p tcp ${address === "" ? "" : `-d ${address} `}--dport ${port} -j ${target}`;
const last = "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS";

it.each([
  ["rows of other addresses", [row("10.0.0.1", 80), row("10.0.0.2", 80)], [row("10.0.0.2", 80), row("10.0.0.1", 80)]],
  ["rows of other ports", [row("", 80), row("", 81)], [row("", 81), row("", 80)]],
  ["IPv6 rows", [row("fd00::1", 80), row("fd00::2", 80)], [row("fd00::2", 80), row("fd00::1", 80)]],
  ["a comment that only one has", ["-m comment --comment x -j A"], ["-j A"]],
  ["a rule that is a comment only", ['-m comment --comment "other traffic to x"'], [""]],
  [
    "rows in another order without comments",
    [row("10.0.0.1", 80), row("10.0.0.2", 80), last],
    ["-d 10.0.0.2 -p tcp -m tcp --dport 80 -j A", "-d 10.0.0.1 -p tcp -m tcp --dport 80 -j A", last],
  ],
])("takes for the same: %s", (_what, a, b) => {
  expect([same(a, b), same(b, a)]).toEqual([true, true]);
});

it.each([
  ["two rows of one destination swapped", [row("10.0.0.1", 80), row("10.0.0.1", 80, "B")]],
  ["a row and one that takes its packets too", [row("10.0.0.1", 80), row("", 80, "B")]],
  ["a row and one of a prefix", [row("10.0.0.1", 80), row("10.0.0.0/8", 80, "B")]],
  ["a row and one of a negated address", [row("10.0.0.1", 80), "-p tcp -m tcp ! -d 10.0.0.2 --dport 80 -j B"]],
  ["a row and one of a port range", [row("10.0.0.1", 80), row("10.0.0.1", 80).replace("80", "80:90")]],
  ["a row and the jump behind all rows", [row("10.0.0.1", 80), last]],
  ["balancing rules", ["-m statistic --mode random --probability 0.5 -j A", "-j B"]],
  ["an accounting rule and the rule behind it", [`-d 127.0.0.0/8 ${row("", 80)}`, row("", 80)]],
])("tells apart: %s", (_what, rules) => {
  expect(same(rules, rules)).toBe(true);
  expect(same(rules, rules.toReversed())).toBe(false);
});

it.each([
  ["another comment", ["-m comment --comment x -j A"], ["-m comment --comment y -j A"]],
  ["another target", [row("10.0.0.1", 80)], [row("10.0.0.1", 80, "B", "cA")]],
  ["a row less", [row("10.0.0.1", 80), row("10.0.0.1", 80)], [row("10.0.0.1", 80)]],
  [
    "what only looks like a comment",
    ['-m comment --comment "a -m comment --comment b" -j A'],
    ['-m comment --comment "a" -j A'],
  ],
])("tells apart: %s", (_what, a, b) => {
  expect([same(a, b), same(b, a)]).toEqual([false, false]);
});

it("lets no order through in which some packet meets other rules first", () => {
  const rule = fc.record({
    address: fc.constantFrom("", "10.0.0.1", "10.0.0.2", "10.0.0.0/30"),
    port: fc.constantFrom(80, 81),
    target: fc.constantFrom("A", "B", "C"),
  });
  const packets = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.9.9.9"].flatMap((address) =>
    [80, 81].map((port) => ({ address, port })),
  );
  fc.assert(
    fc.property(
      fc
        .array(rule, { maxLength: 6 })
        .chain((rules) => fc.tuple(fc.constant(rules), fc.shuffledSubarray(rules, { minLength: rules.length }))),
      ([rules, shuffled]) => {
        const verdicts = (list: typeof rules) =>
          packets.map(({ address, port }) =>
            list
              .filter(
                (r) =>
                  r.port === port &&
                  (["", address].includes(r.address) || (r.address.includes("/") && address.startsWith("10.0.0."))),
              )
              .map((r) => r.target),
          );
        const texts = (list: typeof rules) => list.map((r) => row(r.address, r.port, r.target));
        if (same(texts(rules), texts(shuffled))) expect(verdicts(shuffled)).toEqual(verdicts(rules));
      },
    ),
  );
});
