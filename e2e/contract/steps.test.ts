import { expect, it } from "vitest";
import { Captured, flatten } from "./steps.ts";

it("lists the steps in the order in which they end", () => {
  interface Step {
    name: string;
    during?: Step[];
  }
  const script: Step[] = [{ name: "c", during: [{ name: "b", during: [{ name: "a" }] }] }, { name: "d" }];
  expect(flatten(script).map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
});

it("fills in what was captured, and nothing for what was not", () => {
  const captured = new Captured();
  captured.set("uid", "7");
  expect(captured.fill("uid=${uid} $uid {uid} ${other}.")).toBe("uid=7 $uid {uid} .");
});
