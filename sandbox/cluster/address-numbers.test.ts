import fc from "fast-check";
import { expect, it } from "vitest";
import { AddressNumbers } from "./address-numbers.ts";

it("gives a number again as late as possible", () => {
  const numbers = new AddressNumbers(3);
  expect([numbers.take(), numbers.take()]).toEqual([1, 2]);
  numbers.release(1);
  expect([numbers.take(), numbers.take(), numbers.take()]).toEqual([3, 1, undefined]);
});

it("never gives a number twice, and always one while any is free", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9)), (actions) => {
      const numbers = new AddressNumbers(4);
      const taken: number[] = [];
      for (const action of actions) {
        if (action < 5) {
          const number = numbers.take();
          if (taken.length === 4) expect(number).toBeUndefined();
          else {
            expect([1, 2, 3, 4].filter((n) => !taken.includes(n))).toContain(number);
            taken.push(number!);
          }
        } else {
          const [number] = taken.splice(action % Math.max(1, taken.length), 1);
          if (number !== undefined) numbers.release(number);
        }
      }
    }),
  );
});
