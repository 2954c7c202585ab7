import { expect, it } from "vitest";
import { FakeClock } from "../base/fake-clock.ts";
import { AddressWatch } from "./address-watch.ts";

it("tells of other addresses within two seconds, and of nothing else", () => {
  const clock = new FakeClock();
  let addresses = ["10.0.0.1"];
  let changes = 0;
  const watch = new AddressWatch(
    () => addresses,
    () => (changes += 1),
    clock,
  );
  clock.advance(60_000);
  expect([changes, watch.current]).toEqual([0, ["10.0.0.1"]]);
  addresses = ["10.0.0.1", "10.0.0.2"];
  clock.advance(2000);
  expect([changes, watch.current]).toEqual([1, ["10.0.0.1", "10.0.0.2"]]);
  clock.advance(60_000);
  expect(changes).toBe(1);
  watch[Symbol.dispose]();
  expect(clock.pending).toEqual([]);
});
