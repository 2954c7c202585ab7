import fc from "fast-check";
import { expect, it } from "vitest";
import { FreeAddresses } from "./free-addresses.ts";
import { MinHeap } from "./min-heap.ts";
import { parseRange } from "./range.ts";

it("finds the lowest free address, whatever is taken and given back", () => {
  const step = fc.record({ take: fc.boolean(), value: fc.integer({ min: 0, max: 15 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const { first, last, ...range } = parseRange("0.0.0.0-0.0.0.15")!;
      const taken = new Set<bigint>();
      const free = new FreeAddresses({ ...range, first, last }, (value) => taken.has(value));
      for (const { take, value } of steps) {
        if (take) taken.add(BigInt(value));
        else if (taken.delete(BigInt(value))) free.giveBack(BigInt(value));
        const expected = Array.from({ length: 16 }, (_, i) => BigInt(i)).find((one) => !taken.has(one));
        expect(free.lowest()).toBe(expected);
      }
    }),
  );
});

it.each(["10.0.0.0/8", "fd00::/64"])("looks at no more than a few of 10,000 used addresses of %s for one", (text) => {
  const range = parseRange(text)!;
  const taken = new Set<bigint>();
  let looks = 0;
  const free = new FreeAddresses(range, (value) => {
    looks++;
    return taken.has(value);
  });
  function take(): void {
    taken.add(free.lowest()!);
  }
  for (let i = 0; i < 10_000; i++) take();
  expect(looks).toBeLessThanOrEqual(20_000);
  looks = 0;
  // The worst for a search from the lowest one given back: it would walk over all that are used, each time.
  for (let i = 0; i < 1000; i++) {
    taken.delete(range.first);
    free.giveBack(range.first);
    take();
    take();
  }
  expect(looks).toBeLessThanOrEqual(5000);
});

it("a heap gives back what it got in order, each in a logarithmic number of comparisons", () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), (numbers) => {
      const heap = new MinHeap<number>((a, b) => a < b);
      for (const number of numbers) heap.push(number);
      expect(numbers.map(() => heap.pop())).toEqual(numbers.toSorted((a, b) => a - b));
      expect([heap.least, heap.pop()]).toEqual([undefined, undefined]);
    }),
  );
  let comparisons = 0;
  const heap = new MinHeap<number>((a, b) => {
    comparisons++;
    return a < b;
  });
  for (let i = 10_000; i > 0; i--) heap.push(i);
  for (let i = 10_000; i > 0; i--) heap.pop();
  expect(comparisons).toBeLessThan(10_000 * 3 * 14);
});
