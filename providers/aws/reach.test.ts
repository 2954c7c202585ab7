import { expect, it } from "vitest";
import { FakeClock } from "../../src/base/fake-clock.ts";
import { Reach } from "./reach.ts";

it("lets one at a time find out whether AWS answers again, after a while, and all others fail at once", () => {
  const clock = new FakeClock();
  const reach = new Reach(clock);
  const refused = "a:Act: AWS was not reached: it gave no answer a moment ago";
  for (let i = 0; i < 2; i++) reach.enter("a:Act");
  reach.note(false);
  clock.advance(9999);
  expect(() => reach.enter("a:Act")).toThrow(refused);
  clock.advance(1);
  const first = reach.enter("a:Act");
  expect(() => reach.enter("a:Act")).toThrow(refused);
  first[Symbol.dispose]();
  const second = reach.enter("a:Act");
  reach.note(true);
  reach.enter("a:Act");
  second[Symbol.dispose]();
});
