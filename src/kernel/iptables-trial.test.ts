import fc from "fast-check";
import { expect, it } from "vitest";
import { FakeIptables } from "./fake-iptables.ts";
import { Iptables } from "./index.ts";
import { findRefused, trialChain } from "./iptables-trial.ts";

const signal = new AbortController().signal;

function kernel(namesRefusedLines: boolean): FakeIptables {
  const fake = new FakeIptables("IPv4");
  fake.namesRefusedLines = namesRefusedLines;
  fake.kernelRefuses = (rule) => rule.includes("bad");
  return fake;
}

const candidates = (count: number, bad: readonly number[]) =>
  Array.from({ length: count }, (_, i) => ({
    table: i % 3 === 0 ? "filter" : "nat",
    rules: [`-m comment --comment ${bad.includes(i) ? "bad" : "good"}-${i} -j KUBE-SVC-X`, "-j RETURN"],
    number: i,
  }));

it("finds exactly what the kernel refuses, whichever way the tool tells, and leaves nothing behind", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.boolean(),
      fc.nat(60),
      fc.array(fc.nat(59)),
      async (names, hopeful, count, bad) => {
        const fake = kernel(names);
        const before = fake.save();
        const { refused, complete } = await findRefused(
          new Iptables(fake, "IPv4"),
          candidates(count, bad),
          { maxRestores: 1000, hopeful },
          signal,
        );
        const found = refused.map(({ candidate }) => candidate.number);
        expect(new Set(found)).toEqual(new Set(bad.filter((i) => i < count)));
        expect(new Set(found).size).toBe(found.length);
        expect(complete).toBe(true);
        expect(fake.save()).toBe(before);
      },
    ),
  );
});

it.each([
  [1, [0], 2],
  [1000, [], 1],
  [1000, [777], 4],
  [10_000, [1], 5],
  [10_000, [9999], 4],
  [10_000, [17, 4711], 9],
])("looks at %i with %j bad in %i restores", async (count, bad, restores) => {
  const fake = kernel(false);
  const trial = await findRefused(new Iptables(fake, "IPv4"), candidates(count, bad), { maxRestores: 16 }, signal);
  expect(trial.complete).toBe(true);
  expect(trial.refused.map(({ candidate }) => candidate.number)).toEqual(bad);
  expect([trial.restores, fake.restores.length]).toEqual([restores, restores]);
});

it("stops after as many restores as it may make, says so, and takes its chain away", async () => {
  const fake = kernel(false);
  const bad = Array.from({ length: 40 }, (_, i) => i * 25);
  const trial = await findRefused(new Iptables(fake, "IPv4"), candidates(1000, bad), { maxRestores: 16 }, signal);
  expect(trial.complete).toBe(false);
  expect(trial.refused.length).toBeGreaterThan(0);
  expect([trial.restores, fake.restores.length]).toEqual([16, 16]);
  expect(fake.save()).not.toContain(trialChain);
});

it("blames no rule when the kernel takes nothing at all", async () => {
  const fake = kernel(false);
  for (let i = 0; i < 20; i++) fake.failures.push({ code: 1, stdout: "", stderr: "iptables-restore: line 3 failed\n" });
  const trial = findRefused(new Iptables(fake, "IPv4"), candidates(20, []), { maxRestores: 16 }, signal);
  await expect(trial).rejects.toThrow("refused the rules at line 3");
  expect(fake.restores).toHaveLength(1);
});
