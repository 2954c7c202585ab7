import fc from "fast-check";
import { expect, it } from "vitest";
import { compileRules, trace } from "./index.ts";

/** A rule of a random chain; `coin`: it draws lots. */
interface RandomRule {
  readonly coin: boolean;
  readonly matches: boolean;
  readonly target: string;
}

const chains = ["FORWARD", "A", "B", "C"] as const;
const targets = ["ACCEPT", "DROP", "REJECT", "RETURN", "LOG", "MARK --set-xmark 0x1/0x1", "NEXT", "NEXT goto"];

const arbitraryChain = fc.array(
  fc.record({
    coin: fc.boolean(),
    matches: fc.boolean(),
    target: fc.constantFrom(...targets),
  }),
  { maxLength: 4 },
);
const arbitraryRules = fc.tuple(...chains.map(() => arbitraryChain));

/** The rules as text; a coin is a probability of 1/4, or whatever the fixed results say. */
function ruleSet(random: readonly (readonly RandomRule[])[], fixed?: readonly boolean[]) {
  let coins = 0;
  const table = new Map(
    chains.map((chain, depth) => {
      const next = chains[depth + 1];
      let jumped = false;
      const rules = (random[depth] ?? []).flatMap(({ coin, matches, target }) => {
        const jump = target.startsWith("NEXT");
        // Every chain is entered at most once, so that a coin is thrown at most once.
        if (jump && (next === undefined || jumped)) return [];
        jumped ||= jump;
        const text = jump ? `${target.endsWith("goto") ? "-g" : "-j"} ${next}` : `-j ${target}`;
        const source = matches ? "" : "-s 9.9.9.9/32 ";
        if (!coin) return [`${source}${text}`];
        const result = fixed?.[coins];
        coins += 1;
        const chance = result === undefined ? "-m statistic --mode random --probability 0.25 " : "";
        return [`${result === false ? "-s 9.9.9.9/32 " : source}${chance}${text}`];
      });
      return [chain, { policy: depth === 0 ? "DROP" : undefined, rules }] as const;
    }),
  );
  return { rules: compileRules(new Map([["filter", table]])), coins };
}

const packet = { source: "10.0.0.1", destination: "10.0.0.2", protocol: "tcp", port: 80 };

function shares(of: ReturnType<typeof ruleSet>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { verdict, policyOf, mark, share } of trace(of.rules, { addresses: [] }, packet).outcomes) {
    const end = `${verdict} ${policyOf ?? ""} ${mark}`;
    found.set(end, (found.get(end) ?? 0) + share);
  }
  return found;
}

it("weighs its ways as if every coin had been thrown before the packet was sent", () => {
  fc.assert(
    fc.property(arbitraryRules, (random) => {
      const { coins } = ruleSet(random);
      fc.pre(coins <= 7);
      const expected = new Map<string, number>();
      for (let bits = 0; bits < 2 ** coins; bits++) {
        const thrown = Array.from({ length: coins }, (_, i) => ((bits >> i) & 1) === 1);
        const weight = thrown.reduce((product, hit) => product * (hit ? 0.25 : 0.75), 1);
        for (const [end, share] of shares(ruleSet(random, thrown)))
          expected.set(end, (expected.get(end) ?? 0) + share * weight);
      }
      const actual = shares(ruleSet(random));
      expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [end, share] of actual) expect(share).toBeCloseTo(expected.get(end)!, 9);
    }),
    { numRuns: 200 },
  );
});
